import type { z } from 'zod';
import { ContinualTorchError, describeValue } from './errors';
import type { Tensor } from './tensor/tensor';

/** What a state dict is made of: plain JSON, numbers that JSON lacks (NaN, infinities) among it, and tensors. */
export type State = null | boolean | number | string | Tensor | readonly State[] | { readonly [key: string]: State };

/** What can be kept in a checkpoint: plugins, metrics, loggers and sources of data may have both methods. */
export interface Stateful {
  /** What it needs to go on later. The tensors may be those that it works with. */
  stateDict(): State;
  /** Goes on from what `stateDict` gave, perhaps in another process. */
  loadStateDict(state: State): void;
}

/** Whether it has both methods. */
export function isStateful(value: unknown): value is Stateful {
  const { stateDict, loadStateDict } = (value ?? {}) as Partial<Stateful>;
  return typeof stateDict === 'function' && typeof loadStateDict === 'function';
}

/**
 * Checks the state of `what` ("MASPlugin"): its keys are those of the schema.
 * @throws ERR_STATE_DICT in PyTorch's words
 */
export function checkState<S extends z.ZodObject>(what: string, schema: S, state: unknown): z.output<S> {
  if (typeof state !== 'object' || state === null || Array.isArray(state)) throw misfit(what, `expected an object, got ${describeValue(state)}`);
  const known = Object.keys(schema.shape);
  const given = Object.keys(state);
  const missing = known.filter((key) => !given.includes(key) && !(schema.shape[key] as z.ZodType).safeParse(undefined).success);
  const unexpected = given.filter((key) => !known.includes(key));
  const problems = [
    missing.length > 0 && `Missing key(s) in state_dict: ${quoted(missing)}.`,
    unexpected.length > 0 && `Unexpected key(s) in state_dict: ${quoted(unexpected)}.`,
  ].filter((problem) => problem !== false);
  if (problems.length > 0) throw misfit(what, problems.join(' '));
  const result = schema.safeParse(state);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw misfit(what, `expected ${path.map(String).join('.')} of another kind: ${message}`);
}

const quoted = (keys: string[]) => keys.map((key) => `"${key}"`).join(', ');

function misfit(what: string, detail: string): ContinualTorchError {
  return new ContinualTorchError('ERR_STATE_DICT', `Error(s) in loading state_dict for ${what}: ${detail}`);
}
