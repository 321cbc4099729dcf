import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import type { Optimizer } from '../optim/optimizer';
import { parseState } from '../optim/parse-state';
import { requireOptimizer } from '../optim/require-optimizer';
import { boolean, nonNegativeInteger, nonNegativeNumber, parseArgument, parseOptions, positiveInteger } from '../options';
import { tensor } from '../tensor/creation';
import { noGrad } from '../tensor/grad-mode';
import { ops } from '../tensor/operators';
import { requireTensor, type Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';

const positive = z.number('a number above 0').positive('a number above 0');
const aboveOne = z.number('a number above 1').gt(1, 'a number above 1');
const betweenZeroAndOne = z
  .number('a number in (0, 1)')
  .gt(0, 'a number in (0, 1)')
  .lt(1, 'a number in (0, 1)');
const schema = z.object({
  initScale: positive.default(2 ** 16),
  growthFactor: aboveOne.default(2),
  backoffFactor: betweenZeroAndOne.default(0.5),
  growthInterval: positiveInteger.default(2000),
  enabled: boolean.default(true),
});
const stateSchema = z.object({
  scale: nonNegativeNumber, // 0 where overflow followed overflow
  growth_factor: aboveOne,
  backoff_factor: betweenZeroAndOne,
  growth_interval: positiveInteger,
  _growth_tracker: nonNegativeInteger,
});

/** Options of `amp.GradScaler`. */
export interface GradScalerOptions {
  /** The factor at first. Default 65536. */
  initScale?: number;
  /** What it is multiplied by after `growthInterval` steps without overflow. Default 2. */
  growthFactor?: number;
  /** What it is multiplied by after an overflow. Default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** false: `scale` returns what it is given, `step` steps, the rest does nothing. Default true. */
  enabled?: boolean;
}

/** The state of a scaler under PyTorch's keys. */
export type GradScalerStateDict = {
  /** The factor. */
  scale: number;
  /** What it is multiplied by when it grows. */
  growth_factor: number;
  /** What it is multiplied by after an overflow. */
  backoff_factor: number;
  /** Steps without overflow until it grows. */
  growth_interval: number;
  /** Steps without overflow so far. */
  _growth_tracker: number;
};

/** What has been done with an optimizer since the last `update`. */
interface Progress {
  stepped: boolean;
  /** 1 where a gradient was NaN or infinite, else 0. */
  foundInf: Tensor;
}

/**
 * Multiplies the loss before backward, so that gradients do not vanish in float16, and divides the gradients again before
 * the optimizer uses them (`torch.amp.GradScaler`). A step with NaN or infinite gradients is left out, and the factor falls;
 * it grows when that has not happened for a while. Lives on the device of the first loss.
 *
 *     const loss = autocast('cuda', () => criterion.forward(model.forward(x), y));
 *     scaler.scale(loss).backward();
 *     scaler.unscale_(optimizer);                           // only where gradients are looked at, or clipped
 *     nn.utils.clipGradNorm_(model.parameters(), 1);
 *     scaler.step(optimizer);
 *     scaler.update();
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class GradScaler {
  private readonly enabled: boolean;
  private settings: GradScalerStateDict;
  private tensors: { scale: Tensor; growthTracker: Tensor } | null = null;
  private progress = new Map<Optimizer, Progress>();

  constructor(options?: GradScalerOptions) {
    const parsed = parseOptions('amp.GradScaler', schema, options);
    this.enabled = parsed.enabled;
    this.settings = {
      scale: parsed.initScale,
      growth_factor: parsed.growthFactor,
      backoff_factor: parsed.backoffFactor,
      growth_interval: parsed.growthInterval,
      _growth_tracker: 0,
    };
  }

  /** The loss (or each of several) times the factor; call `backward` on that. @throws ERR_INVALID_ARG_TYPE */
  scale<T extends Tensor | readonly Tensor[]>(outputs: T): T {
    if (!this.enabled) return outputs;
    const scaled = [outputs].flat().map((output) => {
      const { device } = requireTensor('scale', output);
      this.tensors ??= this.makeTensors(device);
      return output.mul(this.tensors.scale.to({ device }));
    });
    return (Array.isArray(outputs) ? scaled : scaled[0]) as T;
  }

  /**
   * Divides the gradients of the optimizer's parameters by the factor, for code that looks at them; `step` does it where
   * nobody has.
   * @throws ERR_CALL_ORDER before `scale`, or twice between two updates; ERR_UNSUPPORTED_DTYPE for float16 gradients (the
   * parameters must not be float16); ERR_BUSY
   */
  unscale_(optimizer: Optimizer): void {
    requireOptimizer('unscale_', optimizer);
    if (!this.enabled) return;
    const { scale } = this.begun('unscale_');
    if (this.progress.has(optimizer)) throw outOfTurn('unscale_', 'one call for an optimizer between two updates');
    const grads = optimizer.paramGroups.flatMap(({ params }) =>
      params.flatMap(({ grad }) => (grad?.layout === 'sparseCoo' ? (ops.aten._values!(grad) as Tensor) : grad) ?? []),
    );
    if (grads.some(({ dtype }) => dtype === 'float16')) {
      throw new ContinualTorchError('ERR_UNSUPPORTED_DTYPE', 'unscale_: expected gradients of float32, got float16');
    }
    noGrad(() => {
      const foundInf = keep(scale.zerosLike());
      // PyTorch takes the reciprocal in float64.
      const inverse = scale.to('float64').reciprocal().to('float32');
      if (grads.length > 0) ops.aten._amp_foreach_non_finite_check_and_unscale_!(grads, foundInf, inverse);
      this.progress.set(optimizer, { stepped: false, foundInf });
    });
  }

  /**
   * `optimizer.step()`, unless a gradient is NaN or infinite.
   * @throws ERR_CALL_ORDER before `scale`, or twice between two updates; ERR_BUSY
   */
  step(optimizer: Optimizer): void {
    requireOptimizer('step', optimizer);
    if (!this.enabled) return optimizer.step();
    this.begun('step');
    if (this.progress.get(optimizer)?.stepped) throw outOfTurn('step', 'one call for an optimizer between two updates');
    if (!this.progress.has(optimizer)) this.unscale_(optimizer);
    const progress = this.progress.get(optimizer)!;
    if (progress.foundInf.item() === 0) optimizer.step();
    progress.stepped = true;
  }

  /**
   * Lets the factor fall after an overflow and grow after enough steps without one; or sets it.
   * @throws ERR_CALL_ORDER before `scale`, and before a `step` or `unscale_`; ERR_INVALID_ARG_VALUE
   */
  update(newScale?: number): void {
    if (!this.enabled) return;
    const { scale, growthTracker } = this.begun('update');
    const { growth_factor, backoff_factor, growth_interval } = this.settings;
    noGrad(() => {
      if (newScale !== undefined) {
        scale.fill_(parseArgument('update', 'newScale', positive, newScale));
      } else {
        const found = [...this.progress.values()].map(({ foundInf }) => foundInf);
        if (found.length === 0) throw outOfTurn('update', 'a step of an optimizer before');
        const anywhere = (ops.aten.stack!(found) as Tensor).sum();
        ops.aten._amp_update_scale_!(scale, growthTracker, anywhere, growth_factor, backoff_factor, growth_interval);
      }
    });
    this.progress = new Map();
  }

  /** The factor; 1 where the scaler is not enabled. */
  getScale(): number {
    if (!this.enabled) return 1;
    return this.tensors?.scale.item() ?? this.settings.scale;
  }

  /** Whether it does anything. */
  isEnabled(): boolean {
    return this.enabled;
  }

  /** Factor and options under PyTorch's keys; an empty object where the scaler is not enabled. */
  stateDict(): GradScalerStateDict | Record<string, never> {
    if (!this.enabled) return {};
    const { scale, growthTracker } = this.tensors ?? {};
    return {
      ...this.settings,
      scale: scale?.item() ?? this.settings.scale,
      _growth_tracker: growthTracker?.item() ?? this.settings._growth_tracker,
    };
  }

  /** Goes on from a state, of `stateDict` or of PyTorch, unless the scaler is not enabled. @throws ERR_STATE_DICT */
  loadStateDict(stateDict: unknown): void {
    if (!this.enabled) return;
    this.settings = parseState(stateSchema, stateDict);
    if (this.tensors) this.tensors = this.makeTensors(this.tensors.scale.device);
  }

  private makeTensors(device: string) {
    const { scale, _growth_tracker } = this.settings;
    return {
      scale: keep(tensor(scale, { dtype: 'float32', device })),
      growthTracker: keep(tensor(_growth_tracker, { dtype: 'int32', device })),
    };
  }

  private begun(operation: string) {
    if (this.tensors) return this.tensors;
    throw outOfTurn(operation, 'a call of scale before');
  }
}

function outOfTurn(operation: string, expected: string): ContinualTorchError {
  return new ContinualTorchError('ERR_CALL_ORDER', `amp.GradScaler: ${operation}: expected ${expected}`);
}
