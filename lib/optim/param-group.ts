import { ContinualTorchError, describeValue } from '../errors';
import type { NativeOptimizer, NativeOptimizerKind, NativeOptimizerOptions } from '../native/types';
import { nonNegativeNumber, parseArgument } from '../options';
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
  /** Their names where all have one, from `namedParameters()` or a strategy's model; else null. @throws ERR_BUSY */
  readonly paramNames: string[] | null;
  /** The learning rate before the first scheduler (`initial_lr`); null before there is one. */
  initialLr: number | null;
};

/** A parameter, alone or with its name: what `model.parameters()` and `model.namedParameters()` are made of. */
export type GivenParameter = Tensor | readonly [name: string, parameter: Tensor];

/** A parameter group as an optimizer is given it: options that it does not name are those of the optimizer. */
export type ParamGroupOptions<Options> = Options & { params: Iterable<GivenParameter> };

/** What an optimizer can be made for: parameters with the same options, or groups of them. */
export type OptimizedParameters<Options> = Iterable<GivenParameter> | Iterable<ParamGroupOptions<Options>>;

/** @internal What tells the kinds of optimizers apart. */
export interface OptimizerKind<Options> {
  readonly name: string;
  readonly native: NativeOptimizerKind;
  /** What is no option of this kind, but one of the native kind. */
  readonly fixed?: NativeOptimizerOptions;
  /** Applies defaults and checks. */
  parse(operation: string, options: unknown): Options;
  toNative(options: Options): NativeOptimizerOptions;
}

/** @internal A group that was asked for, checked: parameters with their names ("" without one), and all options. */
export interface ParsedGroup<Options> {
  params: [name: string, parameter: Tensor][];
  options: Options;
}

/** @internal The groups that were asked for. */
export function parseParamGroups<Options>(
  kind: OptimizerKind<Options>,
  given: unknown,
  defaults: Options,
): ParsedGroup<Options>[] {
  const operation = `optim.${kind.name}`;
  const items = toArray(operation, 'parameters', given);
  const groups = isPlainObject(items[0])
    ? items.map((item, i) => parseGroup(kind, `${operation}, group ${i}`, item, defaults))
    : [{ params: parameters(operation, 'parameters', items), options: defaults }];
  if (groups.every(({ params }) => params.length === 0)) {
    throw new ContinualTorchError('ERR_NO_PARAMETERS', `${operation}: expected at least one parameter, got none`);
  }
  return groups;
}

/** @internal One group that was asked for; options that it does not name are the defaults. */
export function parseGroup<Options>(
  kind: OptimizerKind<Options>,
  operation: string,
  item: unknown,
  defaults: Options,
): ParsedGroup<Options> {
  if (!isPlainObject(item)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected { params, ...options } as the group before, got ${describeValue(item)}`,
    );
  }
  const { params, ...options } = item;
  const named = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  return {
    params: parameters(operation, 'params', toArray(operation, 'params', params)),
    options: kind.parse(operation, { ...defaults, ...named }),
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function toArray(operation: string, name: string, given: unknown): unknown[] {
  if (typeof given === 'object' && given !== null && Symbol.iterator in given && !(given instanceof Tensor)) {
    return [...(given as Iterable<unknown>)];
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected ${name} as an array of tensors (model.parameters()), got ${describeValue(given)}`,
  );
}

function parameters(operation: string, name: string, items: unknown[]): [string, Tensor][] {
  return items.map((item, i) => {
    if (item instanceof Tensor) return ['', item];
    if (Array.isArray(item) && item.length === 2 && typeof item[0] === 'string' && item[1] instanceof Tensor) {
      return item as [string, Tensor];
    }
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected ${name} to be tensors, got ${describeValue(item)} at index ${i}`,
    );
  });
}

/** @internal What belongs to a group of an optimizer beside its parameters. */
export interface GroupSettings<Options> {
  options: Options;
  initialLr: number | null;
}

/** @internal The object that stands for the group `index` of an optimizer: its parameters, and a property for each option. */
export function makeParamGroup<Options extends object>(
  kind: OptimizerKind<Options>,
  handle: NativeOptimizer,
  index: number,
  settings: GroupSettings<Options>,
): ParamGroup<Options> {
  const operation = `optim.${kind.name}, group ${index}`;
  const group = {};
  Object.defineProperty(group, 'params', {
    enumerable: true,
    get: () => handle.groupParameters(index).map(([, parameter]) => new Tensor(parameter)),
  });
  Object.defineProperty(group, 'paramNames', {
    get: () => {
      const names = handle.groupParameters(index).map(([name]) => name);
      return names.includes('') ? null : names;
    },
  });
  Object.defineProperty(group, 'initialLr', {
    get: () => settings.initialLr,
    set: (value: unknown) => {
      settings.initialLr = parseArgument(operation, 'initialLr', nonNegativeNumber.nullable(), value);
    },
  });
  for (const name of Object.keys(settings.options)) {
    Object.defineProperty(group, name, {
      enumerable: true,
      get: () => settings.options[name as keyof Options],
      set: (value: unknown) => {
        const changed = kind.parse(operation, { ...settings.options, [name]: value });
        handle.setGroupOptions(index, kind.native, kind.toNative(changed));
        settings.options = changed;
      },
    });
  }
  // A misspelt option is an error, not a new property.
  return Object.preventExtensions(group) as ParamGroup<Options>;
}
