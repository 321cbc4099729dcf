import { ContinualTorchError, describeValue } from '../errors';
import type { NativeOptimizer, NativeOptimizerOptions } from '../native/types';
import { Tensor } from '../tensor/tensor';

/** Options that every optimizer has. */
export interface CommonOptions {
  lr: number;
  weightDecay: number;
  maximize: boolean;
}

/**
 * Parameters that are updated with the same options (`optimizer.param_groups[i]` in PyTorch). Options can be read at any
 * time and set between two steps, in a hook of a strategy too; the next step uses them.
 * @throws on setting ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE as the optimizer's constructor; ERR_BUSY while a job works
 * with the optimizer. The group is then as it was.
 */
export type ParamGroup<Options = CommonOptions> = Options & {
  /** The parameters themselves, in a new array. @throws ERR_BUSY */
  readonly params: Tensor[];
};

/** A parameter group as an optimizer is given it: options that it does not name are those of the optimizer. */
export type ParamGroupOptions<Options> = Options & { params: Iterable<Tensor> };

/** What an optimizer can be made for: parameters with the same options, or groups of them. */
export type OptimizedParameters<Options> = Iterable<Tensor> | Iterable<ParamGroupOptions<Options>>;

/** What tells the kinds of optimizers apart. */
export interface OptimizerKind<Options> {
  readonly name: 'SGD' | 'Adam' | 'AdamW';
  /** Applies defaults and checks. */
  parse(operation: string, options: unknown): Options;
  toNative(options: Options): NativeOptimizerOptions;
}

/** The groups that were asked for, checked: parameters, and all options. */
export function parseParamGroups<Options>(
  kind: OptimizerKind<Options>,
  given: unknown,
  options: unknown,
): { params: Tensor[]; options: Options }[] {
  const operation = `optim.${kind.name}`;
  const defaults = kind.parse(operation, options);
  const items = toArray(operation, 'parameters', given);
  const groups = isPlainObject(items[0])
    ? items.map((item, i) => parseGroup(kind, `${operation}, group ${i}`, item, defaults))
    : [{ params: tensors(operation, 'parameters', items), options: defaults }];
  if (groups.every(({ params }) => params.length === 0)) {
    throw new ContinualTorchError('ERR_NO_PARAMETERS', `${operation}: expected at least one parameter, got none`);
  }
  return groups;
}

function parseGroup<Options>(kind: OptimizerKind<Options>, operation: string, item: unknown, defaults: Options) {
  if (!isPlainObject(item)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected { params, ...options } as the group before, got ${describeValue(item)}`,
    );
  }
  const { params, ...options } = item;
  const named = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    params: tensors(operation, 'params', toArray(operation, 'params', params)),
    options: kind.parse(operation, { ...defaults, ...named }),
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function toArray(operation: string, name: string, given: unknown): unknown[] {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given && !(given instanceof Map || given instanceof Tensor)) {
    return [...(given as Iterable<unknown>)];
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected ${name} as an array of tensors (model.parameters()), got ${describeValue(given)}`,
  );
}

function tensors(operation: string, name: string, items: unknown[]): Tensor[] {
  return items.map((item, i) => {
    if (item instanceof Tensor) return item;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected ${name} to be tensors, got ${describeValue(item)} at index ${i}`,
    );
  });
}

/** The object that stands for the group `index` of an optimizer: its parameters, and a property for each option. */
export function makeParamGroup<Options extends object>(
  kind: OptimizerKind<Options>,
  handle: NativeOptimizer,
  index: number,
  options: Options,
): ParamGroup<Options> {
  let current = options;
  const group = {};
  Object.defineProperty(group, 'params', {
    enumerable: true,
    get: () => handle.groupParameters(index).map((parameter) => new Tensor(parameter)),
  });
  for (const name of Object.keys(options)) {
    Object.defineProperty(group, name, {
      enumerable: true,
      get: () => current[name as keyof Options],
      set: (value: unknown) => {
        const changed = kind.parse(`optim.${kind.name}, group ${index}`, { ...current, [name]: value });
        handle.setGroupOptions(index, kind.toNative(changed));
        current = changed;
      },
    });
  }
  // A misspelt option is an error, not a new property.
  return Object.preventExtensions(group) as ParamGroup<Options>;
}
