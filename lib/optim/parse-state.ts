import type { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { failure } from '../user-function';
import { inPlaceOfStateDict } from '../wrong-argument';

/**
 * Checks a state of plain values, a map or an object; what it has besides (options, notes of PyTorch) is left aside.
 * @throws ERR_STATE_DICT
 */
export function parseState<S extends z.ZodType>(schema: S, stateDict: unknown): z.output<S> {
  try {
    const advice = inPlaceOfStateDict(stateDict);
    if (advice !== '') throw misfit(describeValue(stateDict) + advice);
    const plain: unknown = stateDict instanceof Map ? Object.fromEntries(stateDict as Map<string, unknown>) : stateDict;
    const result = schema.safeParse(plain);
    if (result.success) return result.data;
    const { path } = result.error.issues[0]!;
    throw misfit(path.length === 0 ? describeValue(plain) : `${path.join('.')} ${describeValue(at(plain, path))}`);
  } catch (thrown) {
    throw failure('ERR_STATE_DICT', 'loadStateDict: expected a state that can be read, got one that fails', thrown);
  }
}

/** Numbers of a state, one for each parameter group. @throws ERR_STATE_DICT */
export function requireForEachGroup(name: string, numbers: readonly number[], groups: number): void {
  if (numbers.length !== groups) throw misfit(`${name} of ${numbers.length} parameter groups in place of ${groups}`);
}

function misfit(got: string): ContinualTorchError {
  return new ContinualTorchError('ERR_STATE_DICT', `loadStateDict: expected the state of such an object, got ${got}`);
}

function at(value: unknown, path: PropertyKey[]): unknown {
  return path.reduce<unknown>((object, key) => (object as Record<PropertyKey, unknown> | undefined)?.[key], value);
}
