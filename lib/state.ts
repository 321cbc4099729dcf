import { z } from 'zod';
import { ContinualTorchError, describeValue } from './errors';
import { noGrad } from './tensor/grad-mode';
import { ops } from './tensor/operators';
import { Tensor } from './tensor/tensor';
import { keep } from './tensor/tidy';
import { callUserAtOnce, failure } from './user-function';
import { inPlaceOfStateDict } from './wrong-argument';

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

/** What a part says of itself, which may be one of the program's. @throws ERR_CALLBACK with what it throws as the cause */
export function stateOf(part: Stateful): State {
  return callUserAtOnce('ERR_CALLBACK', `stateDict of ${describeValue(part)} failed`, () => part.stateDict());
}

/** The building blocks of schemas of states. Each carries, as its message, what is expected. */
export const anyNumber = z.custom<number>((value) => typeof value === 'number', 'a number');
export const tensorState = z.custom<Tensor>((value) => value instanceof Tensor, 'a tensor');
export const anyState = z.custom<State>((value) => value !== undefined, 'a state');
export const arrayOf = <S extends z.ZodType>(item: S) => z.array(item, 'an array');
export const byName = <S extends z.ZodType>(item: S) => z.record(z.string(), item, 'an object');
export const object = <S extends z.core.$ZodLooseShape>(shape: S) => z.strictObject(shape, 'an object');

/**
 * The state of `what` ("MASPlugin"), read once, so that it stays as it was checked: maps are objects then. Its keys are those
 * of the schema, and in it those of every `object`.
 * @throws ERR_STATE_DICT in PyTorch's words
 */
export function checkState<S extends z.ZodObject>(what: string, schema: S, state: unknown): z.output<S> {
  const read = readState(what, state);
  if (typeof read !== 'object' || read === null || Array.isArray(read) || read instanceof Tensor) {
    throw misfit(what, `expected an object, got ${describeValue(state)}`);
  }
  const result = schema.strict().safeParse(read);
  if (result.success) return result.data as z.output<S>;
  const { issues } = result.error;
  const problems = [
    report('Missing', issues.filter((issue) => issue.code !== 'unrecognized_keys' && at(read, issue.path) === undefined).map(({ path }) => path)),
    report('Unexpected', issues.flatMap((issue) => (issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : []))),
  ].filter((problem) => problem !== '');
  if (problems.length > 0) throw misfit(what, problems.join(' '));
  const { path, message } = issues[0]!;
  throw misfit(what, `expected ${nameOf(path)} to be ${message}, got ${describeValue(at(read, path))}`);
}

/** A copy of a state, in which each value was read once. @throws ERR_STATE_DICT for what is none, or refuses to be read */
export function readState(what: string, state: unknown): State {
  const path: string[] = [];
  const above = new Set<unknown>();
  const read = (value: unknown): State => {
    const kind = typeof value;
    if (value === null || kind === 'boolean' || kind === 'number' || kind === 'string') return value as State;
    if (value instanceof Tensor) {
      void value.shape; // whether it has been disposed
      return value;
    }
    const where = path.length === 0 ? 'a state' : nameOf(path);
    if (kind !== 'object') throw misfit(what, `expected ${where} to be plain JSON or a tensor, got ${describeValue(value)}`);
    if (above.has(value)) throw misfit(what, `expected ${where} to hold no object within itself`);
    above.add(value);
    const readAt = (key: string, item: unknown): State => {
      path.push(key);
      const copy = read(item);
      path.pop();
      return copy;
    };
    const copy = Array.isArray(value)
      ? Array.from(value as unknown[], (item, i) => (typeof item === 'number' ? item : readAt(String(i), item)))
      : Object.fromEntries(
          entriesOf(value as object).flatMap(([key, item]) => (item === undefined ? [] : [[key, readAt(key, item)] as const])),
        );
    above.delete(value);
    return copy;
  };
  try {
    const advice = inPlaceOfStateDict(state);
    if (advice !== '') throw misfit(what, `expected a state, got ${describeValue(state)}${advice}`);
    return read(state);
  } catch (thrown) {
    throw failure('ERR_STATE_DICT', `${beginning(what)} expected a state that can be read, got one that fails`, thrown);
  }
}

const entriesOf = (value: object): [string, unknown][] =>
  value instanceof Map ? [...(value as Map<unknown, unknown>)].map(([key, item]) => [String(key), item]) : Object.entries(value);

/** A tensor of the same values that nobody else has, outside of every graph and every `tidy`. */
export function copyOf(tensor: Tensor): Tensor {
  return noGrad(() => keep(ops.aten.clone!(tensor) as Tensor));
}

/** The state with copies of its tensors. */
export function copiedState(state: State): State {
  if (state instanceof Tensor) return copyOf(state);
  if (Array.isArray(state)) return (state as readonly State[]).map(copiedState);
  if (typeof state !== 'object' || state === null) return state;
  return Object.fromEntries(Object.entries(state).map(([key, item]) => [key, copiedState(item)]));
}

/** Loads the state of each part: of all of them, or of none where one refuses. @throws what it throws */
export function loadTogether(parts: readonly (readonly [part: Stateful, state: State])[]): void {
  const before: [Stateful, State][] = [];
  try {
    for (const [part, state] of parts) {
      before.push([part, copiedState(stateOf(part))]);
      callUserAtOnce('ERR_STATE_DICT', `${beginning(describeValue(part))} it failed`, () => part.loadStateDict(state));
    }
  } catch (error) {
    for (const [part, state] of before.reverse()) {
      try {
        part.loadStateDict(state);
      } catch {
        // The one that refuses may refuse this too; what it refused first is what is reported.
      }
    }
    throw error;
  }
}

/** A state that does not fit what it is loaded into. */
export function misfit(what: string, detail: string): ContinualTorchError {
  return new ContinualTorchError('ERR_STATE_DICT', `${beginning(what)} ${detail}`);
}

const beginning = (what: string) => `Error(s) in loading state_dict for ${what}:`;

function report(kind: string, paths: readonly (readonly PropertyKey[])[]): string {
  return paths.length === 0 ? '' : `${kind} key(s) in state_dict: ${paths.map((path) => `"${nameOf(path)}"`).join(', ')}.`;
}

const nameOf = (path: readonly PropertyKey[]) => path.map(String).join('.');

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((object, key) => (object as Record<PropertyKey, unknown> | null | undefined)?.[key], value);
}
