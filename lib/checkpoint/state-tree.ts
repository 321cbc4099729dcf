import { ContinualTorchError, describeValue } from '../errors';
import type { State } from '../state';
import { cpuTensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';

/** A state, taken apart for two files. */
export interface StateTree {
  /** JSON, in which an object with a key that begins with `$` stands for what JSON lacks. */
  json: unknown;
  /** The tensors by the names that the JSON has for them: where they stand in the state, `optimizer/state/0.weight/exp_avg`. */
  tensors: Map<string, Tensor>;
}

/** A longer array of numbers is kept as a tensor. */
const longestInJson = 64;

const special = new Map<string, number>(Object.entries({ NaN, Infinity, '-Infinity': -Infinity, '-0': -0 }));

/**
 * Takes a state apart: the tensors are those that it has, not copies.
 * @param what whose state it is, for messages
 * @throws ERR_CHECKPOINT_STATE for what cannot be written: a function, an object of a class, one that is inside itself
 */
export function takeApart(what: string, state: unknown): StateTree {
  const tensors = new Map<string, Tensor>();
  const path: string[] = [];
  /** The same for messages: one of several parts that says its name is called by it, `plugins.0 (MASPlugin)`. */
  const labels: string[] = [];
  const around = new Set<object>();

  const refuse = (got: string): never => {
    const where = labels.length === 0 ? what : `${labels.join('.')} of ${what}`;
    throw new ContinualTorchError(
      'ERR_CHECKPOINT_STATE',
      `save: expected ${where} to be made of plain objects, arrays, strings, numbers, booleans, null and tensors, got ${got}`,
    );
  };
  const add = (tensor: Tensor): string => {
    const name = path.map((key) => key.replaceAll('/', '_')).join('/') || 'tensor';
    let free = name;
    for (let i = 2; tensors.has(free); i++) free = `${name}#${i}`;
    tensors.set(free, tensor);
    return free;
  };
  const inside = (key: string, value: unknown): unknown => {
    path.push(key);
    labels.push(key);
    const json = visit(value);
    path.pop();
    labels.pop();
    return json;
  };
  const visit = (value: unknown): unknown => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number') return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) };
    if (typeof value !== 'object') return refuse(describeValue(value));
    if (value instanceof Tensor) return { $tensor: add(value) };
    if (around.has(value)) return refuse('an object that is inside itself');
    around.add(value);
    const json = Array.isArray(value) ? visitArray(value) : visitObject(value);
    around.delete(value);
    return json;
  };
  const visitArray = (array: readonly unknown[]): unknown => {
    if (array.length > longestInJson && array.every((item) => typeof item === 'number')) {
      return { $numbers: add(cpuTensor(Float64Array.from(array), { dtype: 'float64' })) };
    }
    return array.map((item, i) => inside(String(i), item));
  };
  const visitObject = (object: object): unknown => {
    const prototype: unknown = Object.getPrototypeOf(object);
    if (prototype !== Object.prototype && prototype !== null) return refuse(describeValue(object));
    const entries = Object.entries(object).filter(([, value]) => value !== undefined);
    const [, name] = entries.find(([key]) => key === 'name') ?? [];
    const label = labels.at(-1) ?? '';
    if (typeof name === 'string' && /^\d+$/.test(label)) labels.splice(-1, 1, `${label} (${name})`);
    return Object.fromEntries(entries.map(([key, value]) => [key.startsWith('$') ? `$${key}` : key, inside(key, value)]));
  };

  try {
    return { json: visit(state), tensors };
  } catch (thrown) {
    if (thrown instanceof ContinualTorchError) throw thrown;
    return refuse(`something that cannot be read: ${String((thrown as Error | undefined)?.message)}`);
  }
}

/** Puts a state together again. @throws Error with the detail, where the JSON names a tensor that is not there */
export function putTogether({ json, tensors }: StateTree): State {
  const tensorOf = (name: unknown): Tensor => {
    const tensor = tensors.get(String(name));
    if (!tensor) throw new Error(`the tensor ${JSON.stringify(name)} is missing`);
    return tensor;
  };
  const visit = (value: unknown): State => {
    if (typeof value !== 'object' || value === null) return value as State;
    if (Array.isArray(value)) return value.map(visit);
    const entries: [string, unknown][] = Object.entries(value);
    const [key, content] = entries[0] ?? ['', null];
    if (key === '$tensor') return tensorOf(content);
    if (key === '$numbers') return tensorOf(content).toNumbers();
    if (key === '$number') return special.get(String(content)) ?? NaN;
    // By definition, and not by assignment: a key may be `__proto__`.
    return Object.fromEntries(entries.map(([name, inner]) => [name.startsWith('$') ? name.slice(1) : name, visit(inner)]));
  };
  return visit(json);
}
