// States that leave the process: plain JSON in a file, tensors in another.
import { copiedState, type State } from '../../lib/state';
import { Tensor } from '../../lib/index';

const special = new Map<string, number>([['NaN', NaN], ['Infinity', Infinity], ['-Infinity', -Infinity]]); // prettier-ignore

/** What comes back of a state that was written as JSON and tensors: nothing of it is the object that it was. */
export function throughFile(state: State): State {
  const tensors: Tensor[] = [];
  const plain = (value: State): unknown => {
    if (value instanceof Tensor) return { tensor: tensors.push(copiedState(value) as Tensor) - 1 };
    if (typeof value === 'number' && !Number.isFinite(value)) return { number: String(value) };
    if (Array.isArray(value)) return (value as readonly State[]).map(plain);
    if (typeof value !== 'object' || value === null) return value;
    return { object: Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)])) };
  };
  const back = (value: any): State => {
    if (Array.isArray(value)) return value.map(back);
    if (typeof value !== 'object' || value === null) return value as State;
    if ('tensor' in value) return tensors[value.tensor as number]!;
    if ('number' in value) return special.get(value.number as string)!;
    return Object.fromEntries(Object.entries(value.object as object).map(([key, item]) => [key, back(item)]));
  };
  return back(structuredClone(JSON.parse(JSON.stringify(plain(state)))));
}

/** A state as plain values that `deepEqual` compares: tensors as their dtype, shape and numbers. */
export function comparable(state: State): unknown {
  if (state instanceof Tensor) return { dtype: state.dtype, shape: state.shape, numbers: state.toNumbers() };
  if (Array.isArray(state)) return (state as readonly State[]).map(comparable);
  if (typeof state !== 'object' || state === null) return state;
  const entries = state instanceof Map ? [...(state as Map<string, State>)] : Object.entries(state);
  return Object.fromEntries(entries.map(([key, item]) => [key, comparable(item)]));
}

/** Objects that no state should be read from without care, each with what the message says of it. */
export function hostileStates(valid: Record<string, unknown>): [what: string, state: unknown, message: RegExp][] {
  const [first] = Object.keys(valid);
  const cycle: Record<string, unknown> = { ...valid };
  cycle[first!] = { cycle };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const failing = { ...valid };
  Object.defineProperty(failing, first!, { enumerable: true, get: () => assert() });
  const assert = () => {
    throw new Error('not today');
  };
  return [
    ['nothing', undefined, /expected a state to be plain JSON or a tensor, got undefined$/],
    ['null', null, /expected an object, got null$/],
    ['an array', [], /expected an object, got an array of 0$/],
    ['a text', 'state.json', /expected a state, got "state.json": read the file first/],
    ['a getter that throws', failing, /expected a state that can be read, got one that fails: not today$/],
    ['a proxy that was revoked', proxy, /expected a state that can be read/],
    ['a cycle', cycle, /to hold no object within itself$/],
    ['a function', { ...valid, [first!]: () => 1 }, /to be plain JSON or a tensor, got a function/],
    ['a key too few', { ...valid, [first!]: undefined }, new RegExp(`Missing key\\(s\\) in state_dict: "${first}"\\.$`)],
    ['a key too many', { ...valid, more: 1, most: 2 }, /Unexpected key\(s\) in state_dict: "more", "most"\.$/],
  ];
}
