import { types } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import { boolean, parseArgument, parseOptions } from '../options';

const deviceTypes = z.enum(['cpu', 'cuda'], '"cpu" or "cuda"');
const schema = z.object({
  dtype: z.enum(['bfloat16', 'float16'], '"bfloat16" or "float16"').optional(),
  enabled: boolean.default(true),
  cacheEnabled: boolean.optional(),
});

/** Options of `autocast`. */
export interface AutocastOptions {
  /** What operators that gain by it compute in. Default: bfloat16 on the CPU, float16 on CUDA. */
  dtype?: 'bfloat16' | 'float16';
  /** false: as without autocast, inside another one too. Default true. */
  enabled?: boolean;
  /** Keeps the cast of a parameter until the outermost autocast is left. Default: as around it, at first true. */
  cacheEnabled?: boolean;
}

/**
 * Calls `fn` with mixed precision and returns what it returns, as `with torch.autocast(device_type, dtype):` does: on
 * tensors of this kind of device matrix products and convolutions compute in the shorter type, what loses by it (losses,
 * norms, softmax) in float32. Call it around forward and loss, not around backward; gradients have the type of the
 * parameters. With float16 use `amp.GradScaler`.
 *
 *     const loss = autocast('cpu', { dtype: 'bfloat16' }, () => criterion.forward(model.forward(x), y));
 *
 * Calls may be nested; whatever `fn` throws, the state before comes back. The state belongs to the calling thread and ends
 * with `fn`: an async function is refused, since what it does after its first `await` would be outside.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export function autocast<T>(deviceType: 'cpu' | 'cuda', fn: () => T): T;
export function autocast<T>(deviceType: 'cpu' | 'cuda', options: AutocastOptions, fn: () => T): T;
export function autocast<T>(deviceType: 'cpu' | 'cuda', ...rest: [() => T] | [AutocastOptions, () => T]): T {
  const device = parseArgument('autocast', 'deviceType', deviceTypes, deviceType);
  const [given, fn] = rest.length > 1 ? (rest as [AutocastOptions, () => T]) : [{}, rest[0] as () => T];
  const options = parseOptions('autocast', schema, given);
  if (typeof fn !== 'function' || types.isAsyncFunction(fn)) {
    const got = typeof fn === 'function' ? 'an async function' : describeValue(fn);
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `autocast: expected fn to be a function that is not async, got ${got}`,
    );
  }
  const before = native.autocastState(device);
  native.enterAutocast(device, {
    enabled: options.enabled,
    dtype: options.dtype ?? before.dtype,
    cacheEnabled: options.cacheEnabled ?? before.cacheEnabled,
  });
  try {
    return fn();
  } finally {
    native.leaveAutocast(device, before);
  }
}

/** Whether operators on this thread compute in mixed precision on tensors of this kind of device. */
export function isAutocastEnabled(deviceType: 'cpu' | 'cuda'): boolean {
  return native.autocastState(parseArgument('isAutocastEnabled', 'deviceType', deviceTypes, deviceType)).enabled;
}
