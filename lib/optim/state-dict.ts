import { ContinualTorchError, describeValue } from '../errors';
import type { NativeOptimizer, NativeParameterState } from '../native/types';
import { elementCount } from '../tensor/element-count';
import { Tensor } from '../tensor/tensor';
import { inPlaceOfStateDict } from '../wrong-argument';
import { toCamelCase, toSnakeCase } from './case';
import type { GroupSettings, OptimizerKind } from './param-group';

/** The state of an optimizer in PyTorch's form; see `Optimizer.stateDict`. A type, so that `torch.save` takes it. */
export type OptimizerStateDict = {
  /** By name or position: `step` and tensors under PyTorch's keys. Parameters without state are left out. */
  state: Map<string | number, Record<string, Tensor | number>>;
  /** Options under PyTorch's keys, and the names or positions of the parameters. */
  param_groups: OptimizerGroupState[];
};

/** A group in a state dict: options under PyTorch's keys, and the names or positions of its parameters. */
export type OptimizerGroupState = {
  /** Names where all parameters have one, else positions in the optimizer. */
  params: (string | number)[];
  [option: string]: number | boolean | (string | number)[];
};

/** @internal A group of a state dict, checked as far as options and names go. */
interface ReadGroup<Options> {
  settings: GroupSettings<Options>;
  /** For each parameter of the optimizer's group; null: nothing is remembered. */
  states: (NativeParameterState | null)[];
}

/** Keys of PyTorch's groups that say how to compute, or that are a scheduler's notes. */
const leftAside = new Set([
  ...['params', 'param_names', 'initial_lr'],
  ...['foreach', 'fused', 'capturable', 'differentiable'],
  ...['max_lr', 'min_lr', 'max_momentum', 'base_momentum'],
]);

/** @internal What `Optimizer.stateDict` returns: copies, or the memory that the next update changes. */
export function writeStateDict<Options extends object>(
  kind: OptimizerKind<Options>,
  handle: NativeOptimizer,
  settings: readonly GroupSettings<Options>[],
  copied: boolean,
): OptimizerStateDict {
  const groups = settings.map((_, i) => handle.groupParameters(i));
  const names = namesOf(handle, settings.length)?.flat();
  const state: OptimizerStateDict['state'] = new Map();
  let position = 0;
  const param_groups = settings.map(({ options, initialLr }, i) => {
    const params = groups[i]!.map(([, parameter]) => {
      const key = names?.[position] ?? position;
      position++;
      const remembered = handle.state(parameter, copied);
      if (remembered !== null) {
        const wrapped = Object.entries(remembered).map(([name, value]): [string, Tensor | number] => [
          name,
          typeof value === 'number' ? value : new Tensor(value),
        ]);
        state.set(key, Object.fromEntries(wrapped));
      }
      return key;
    });
    const all: Record<string, unknown> = { ...options, ...kind.fixed };
    return {
      ...Object.fromEntries(Object.entries(all).map(([name, value]) => [toSnakeCase(name), value])),
      ...(initialLr === null ? {} : { initial_lr: initialLr }),
      params,
    };
  });
  return { state, param_groups };
}

/** The names of all parameters, group by group; null unless each has one of its own. */
function namesOf(handle: NativeOptimizer, groups: number): string[][] | null {
  const names = Array.from({ length: groups }, (_, i) => handle.groupParameters(i).map(([name]) => name));
  const all = names.flat();
  return all.includes('') || new Set(all).size < all.length ? null : names;
}

/** @internal What `Optimizer.loadStateDict` loads. */
export function readStateDict<Options extends object>(
  kind: OptimizerKind<Options>,
  handle: NativeOptimizer,
  settings: readonly GroupSettings<Options>[],
  stateDict: unknown,
): ReadGroup<Options>[] {
  const advice = inPlaceOfStateDict(stateDict);
  if (advice !== '') throw misfit('a state dict', describeValue(stateDict) + advice);
  const whole = record('a state dict', stateDict);
  const state = record('"state"', whole.get('state'));
  const given = list('"param_groups"', whole.get('param_groups')).map((item, i) => record(`group ${i}`, item));
  if (given.length !== settings.length) throw misfit(`${settings.length} parameter groups`, String(given.length));

  const keys = given.map((group, i) => list(`"params" of group ${i}`, group.get('params')));
  const theirNames = savedNames(given, keys);
  const ourNames = theirNames && namesOf(handle, settings.length);
  return given.map((group, i) => {
    const count = handle.groupParameters(i).length;
    if (keys[i]!.length !== count) throw misfit(`${count} parameters in group ${i}`, String(keys[i]!.length));
    const order = theirNames && ourNames ? positions(ourNames[i]!, theirNames[i]!, i) : keys[i]!.map((_, k) => k);
    return {
      settings: readSettings(kind, group, settings[i]!, i),
      states: order.map((k) => readState(keys[i]![k], state.get(String(keys[i]![k])))),
    };
  });
}

/** The names that a state dict has for the parameters of each group, if it has. */
function savedNames(groups: Map<string, unknown>[], keys: unknown[][]): string[][] | null {
  const names = groups.map((group, i) => {
    const given = group.get('param_names');
    return given === undefined || given === null ? keys[i]! : list(`"param_names" of group ${i}`, given);
  });
  return names.flat().every((name) => typeof name === 'string') ? (names as string[][]) : null;
}

/** Where each of our parameters stands among theirs. */
function positions(ours: string[], theirs: string[], group: number): number[] {
  const quoted = (names: string[]) => names.map((name) => JSON.stringify(name)).join(', ');
  const missing = ours.filter((name) => !theirs.includes(name));
  const unknown = theirs.filter((name) => !ours.includes(name));
  if (missing.length + unknown.length > 0 || ours.length !== theirs.length) {
    const parts = [missing.length > 0 && `no ${quoted(missing)}`, unknown.length > 0 && `unknown ${quoted(unknown)}`];
    throw misfit(`the names of the parameters of group ${group}`, parts.filter(Boolean).join(' and ') || quoted(theirs));
  }
  const at = new Map(theirs.map((name, k) => [name, k]));
  return ours.map((name) => at.get(name)!);
}

function readSettings<Options extends object>(
  kind: OptimizerKind<Options>,
  group: Map<string, unknown>,
  { options, initialLr }: GroupSettings<Options>,
  index: number,
): GroupSettings<Options> {
  const loaded: Record<string, unknown> = Object.fromEntries(Object.entries(options));
  for (const [key, value] of group) {
    const name = toCamelCase(key);
    if (leftAside.has(key) || (kind.fixed && name in kind.fixed)) continue;
    if (!Object.hasOwn(options, name)) {
      const known = Object.keys(options).map(toSnakeCase).join(', ');
      throw misfit(`options of ${kind.name} in group ${index} (${known})`, `"${key}"`);
    }
    loaded[name] = plainNumber(value);
  }
  const initial = group.get('initial_lr');
  return {
    options: kind.parse(`loadStateDict, group ${index}`, loaded),
    initialLr: initial === undefined ? initialLr : count('"initial_lr"', initial),
  };
}

function readState(key: unknown, value: unknown): NativeParameterState | null {
  if (value === undefined || value === null) return null;
  const entries = record(`the state of ${String(key)}`, value);
  const tensors: NativeParameterState['tensors'] = [];
  for (const [name, tensor] of entries) {
    if (name === 'step' || tensor === null || tensor === undefined) continue;
    if (!(tensor instanceof Tensor)) throw misfit(`a tensor as ${name} of ${String(key)}`, describeValue(tensor));
    tensors.push([name, tensor.handle]);
  }
  const step = entries.get('step');
  if (step === undefined) return tensors.length === 0 ? null : { step: -1, tensors };
  const steps = count(`step of ${String(key)}`, step);
  if (!Number.isSafeInteger(steps)) throw misfit(`step of ${String(key)} as a whole number`, String(steps));
  return { step: steps, tensors };
}

/** The entries of a map or plain object, with their keys as strings. */
function record(what: string, value: unknown): Map<string, unknown> {
  if (value instanceof Map) {
    return new Map([...(value as Map<unknown, unknown>)].map(([key, item]) => [String(key), item]));
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return new Map(Object.entries(value));
  throw misfit(`${what} as a map or an object`, describeValue(value));
}

function list(what: string, value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  throw misfit(`${what} as an array`, describeValue(value));
}

/** Python saves some numbers as tensors of one element, and integers may come as bigint. */
function plainNumber(value: unknown): unknown {
  if (value instanceof Tensor && elementCount(value.shape) === 1) return value.item();
  return typeof value === 'bigint' ? Number(value) : value;
}

function count(what: string, value: unknown): number {
  const number = plainNumber(value);
  if (typeof number === 'number' && number >= 0 && number < Infinity) return number;
  throw misfit(`${what} as a number of at least 0`, describeValue(value));
}

function misfit(expected: string, got: string): ContinualTorchError {
  return new ContinualTorchError('ERR_STATE_DICT', `loadStateDict: expected ${expected}, got ${got}`);
}
