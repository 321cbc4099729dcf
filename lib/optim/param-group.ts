import { ContinualTorchError, describeValue } from '../errors';
import type { NativeOptimizer, NativeOptimizerKind, NativeOptimizerOptions } from '../native/types';
import { nonNegativeNumber, parseArgument } from '../options';
import type { Tensor } from '../tensor/tensor';
import { type GivenParameter, namedParameters, toArray } from './given-parameters';
import { ParameterList } from './parameter-list';

/** Options that every optimizer has. */
export interface CommonOptions {
  /** Learning rate. */
  lr: number;
  /** How much of the parameters is taken off at each update. */
  weightDecay: number;
  /** Ascends instead of descending. */
  maximize: boolean;
}

/**
 * Parameters that are updated with the same options (`optimizer.param_groups[i]` in PyTorch). Options can be read at any
 * time and set between two steps, in a hook of a strategy too; the next step uses them.
 * @throws on setting ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE as the optimizer's constructor; ERR_BUSY while a job works
 * with the optimizer. The group is then as it was.
 */
export type ParamGroup<Options = CommonOptions> = Options & {
  /**
   * The parameters, as an array that can be changed, and assigned: `params.push(...layer.parameters())`. The next step
   * updates those that are in it; one that is in several groups, or is no leaf of floating-point numbers, is refused, and
   * all stay as they were. What the optimizer remembers of a parameter goes with it from group to group.
   * @throws ERR_BUSY; on changing as the optimizer's constructor
   */
  get params(): Tensor[];
  /** Others take their place. */
  set params(parameters: Iterable<GivenParameter>);
  /** Their names where all have one, from `namedParameters()` or a strategy's model; else null. @throws ERR_BUSY */
  readonly paramNames: string[] | null;
  /** The learning rate before the first scheduler (`initial_lr`); null before there is one. */
  initialLr: number | null;
};

/** A parameter group as an optimizer is given it: options that it does not name are those of the optimizer. */
export type ParamGroupOptions<Options> = Options & {
  /** The parameters of the group. */
  params: Iterable<GivenParameter>;
};

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
    : [{ params: namedParameters(operation, 'parameters', items), options: defaults }];
  if (groups.every(({ params }) => params.length === 0)) {
    throw new ContinualTorchError(
      'ERR_NO_PARAMETERS',
      `${operation}: expected at least one parameter, got none: so it is with a TorchScript model that was frozen or quantized`,
    );
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
    params: namedParameters(operation, 'params', toArray(operation, 'params', params)),
    options: kind.parse(operation, { ...defaults, ...named }),
  };
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
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
  const list = new ParameterList(operation, handle, index);
  Object.defineProperty(group, 'params', {
    enumerable: true,
    get: () => list.read(),
    set: (given: unknown) => list.assign(given),
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
