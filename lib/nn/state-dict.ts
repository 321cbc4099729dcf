import { ContinualTorchError, describeValue } from '../errors';
import { noGrad } from '../tensor/grad-mode';
import { Tensor } from '../tensor/tensor';
import { inPlaceOfStateDict } from '../wrong-argument';
import type { ModuleNode } from './module-node';
import { stateOf } from './module-state';
import { onPath } from './on-path';

/** Tensors by the name of their parameter or buffer. */
export type StateDict = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** What `loadStateDict` found to differ, with `strict: false`. */
export interface IncompatibleKeys {
  /** Names of the module that the state dict does not have. */
  missingKeys: string[];
  /** Names of the state dict that the module does not have. */
  unexpectedKeys: string[];
}

const quoted = (keys: string[]) => keys.map((key) => `"${key}"`).join(', ');
const size = (shape: readonly number[]) => `torch.Size([${shape.join(', ')}])`;

/** @internal A module whose state dict had other entries in earlier versions of PyTorch. */
export interface ReadsEarlierState {
  /**
   * Makes what came of an earlier version, which state dicts here and files without PyTorch's version numbers are taken for,
   * what there is now (PyTorch's `_load_from_state_dict`).
   * @param given changed in place
   * @param prefix of the module's entries
   * @returns what cannot be read, in PyTorch's words
   */
  [readEarlierState](given: Map<string, unknown>, prefix: string): string[];
}
/** @internal */
export const readEarlierState = Symbol('readEarlierState');

function readEarlier(module: ModuleNode, given: Map<string, unknown>): string[] {
  const problems: string[] = [];
  const path = new Set<ModuleNode>();
  const visit = (at: ModuleNode, prefix: string): void => {
    if (path.has(at)) return;
    path.add(at);
    problems.push(...((at as Partial<ReadsEarlierState>)[readEarlierState]?.(given, prefix) ?? []));
    for (const [name, child] of stateOf(at).children()) if (child) visit(child, `${prefix}${name}.`);
    path.delete(at);
  };
  visit(module, '');
  return problems;
}

/**
 * @internal Copies the values of a state dict into a module's tensors of the same names, `into`: all of them, or none where one
 * does not fit.
 * @throws ERR_STATE_DICT with PyTorch's message, ERR_INVALID_ARG_TYPE
 */
export function loadState(module: ModuleNode, into: ReadonlyMap<string, Tensor>, stateDict: StateDict, strict: boolean): IncompatibleKeys {
  const given = entriesOf(stateDict);
  const problems = readEarlier(module, given);
  const missingKeys = [...into.keys()].filter((key) => !given.has(key));
  const unexpectedKeys = [...given.keys()].filter((key) => !into.has(key));
  const errors: string[] = [];
  if (strict && missingKeys.length > 0) errors.push(`Missing key(s) in state_dict: ${quoted(missingKeys)}. `);
  if (strict && unexpectedKeys.length > 0) errors.push(`Unexpected key(s) in state_dict: ${quoted(unexpectedKeys)}. `);
  errors.push(...problems);
  const copies: [to: Tensor, from: Tensor][] = [];
  for (const [key, tensor] of into) {
    const value = given.get(key);
    if (value === undefined) continue;
    const problem = misfit(key, tensor, value);
    if (problem !== null) errors.push(problem);
    else copies.push([tensor, value as Tensor]);
  }
  if (errors.length > 0) {
    throw new ContinualTorchError(
      'ERR_STATE_DICT',
      `Error(s) in loading state_dict for ${stateOf(module).className}:\n\t${errors.join('\n\t')}`,
    );
  }
  noGrad(() => copies.forEach(([to, from]) => void to.copy_(to.shape.length === 0 ? scalar(from) : from)));
  return { missingKeys, unexpectedKeys };
}

function entriesOf(stateDict: StateDict): Map<string, unknown> {
  if (stateDict instanceof Map) return new Map(stateDict as Map<string, unknown>);
  const advice = inPlaceOfStateDict(stateDict);
  const isObject = typeof stateDict === 'object' && stateDict !== null && !Array.isArray(stateDict);
  if (isObject && !(stateDict instanceof Tensor) && advice === '') return new Map(Object.entries(stateDict));
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `loadStateDict: expected a Map or an object of tensors by name, got ${describeValue(stateDict)}${advice}`,
  );
}

function misfit(key: string, tensor: Tensor, value: unknown): string | null {
  if (!(value instanceof Tensor)) {
    return `While copying the parameter named "${key}", expected a Tensor from checkpoint but received ${describeValue(value)}.`;
  }
  const shape = tensor.shape;
  const given = shape.length === 0 ? scalar(value).shape : value.shape;
  if (given.length === shape.length && given.every((length, d) => length === shape[d])) return null;
  return `size mismatch for ${key}: copying a param with shape ${size(given)} from checkpoint, the shape in current model is ${size(shape)}.`;
}

/** Old versions of PyTorch had no scalars: one stood as a tensor of one element. */
function scalar(tensor: Tensor): Tensor {
  const { shape } = tensor;
  return shape.length === 1 && shape[0] === 1 ? tensor.select(0, 0) : tensor;
}

/** @internal The names of all buffers that are not in the state dict. */
export function transientBuffers(root: ModuleNode): Set<string> {
  const names = new Set<string>();
  const visit = (module: ModuleNode, prefix: string): void => {
    for (const [name, isPersistent] of stateOf(module).buffers) if (!isPersistent) names.add(prefix + name);
    for (const [name, child] of stateOf(module).children()) {
      if (child) onPath(child, () => visit(child, `${prefix}${name}.`), undefined);
    }
  };
  onPath(root, () => visit(root, ''), undefined);
  return names;
}
