import { inspect } from 'node:util';
import { native } from '../native/binding';
import type { NativeOptimizer } from '../native/types';
import { requireTensor, Tensor } from '../tensor/tensor';
import { toCamelCase } from './case';
import {
  type CommonOptions,
  type GroupSettings,
  makeParamGroup,
  type OptimizerKind,
  type ParamGroup,
  type ParamGroupOptions,
  type ParsedGroup,
  parseGroup,
  parseParamGroups,
} from './param-group';
import { type OptimizerStateDict, readStateDict, writeStateDict } from './state-dict';

const notCloned = Symbol('an Optimizer: save its stateDict() with torch.save, and load that into another one there');

/** What an optimizer remembers of one parameter: copies, in the parameter's shape and dtype. */
export interface ParameterState {
  /** How many updates the state has seen; all but SGD. */
  step?: number;
  /** SGD and RMSprop with `momentum`: the momentum buffer. */
  momentumBuffer?: Tensor;
  /** Adam: the running mean of the gradient. */
  expAvg?: Tensor;
  /** Adam: the running mean of the squared gradient. */
  expAvgSq?: Tensor;
  /** Adam with `amsgrad`: the largest `expAvgSq` so far. */
  maxExpAvgSq?: Tensor;
  /** RMSprop: the running mean of the squared gradient. */
  squareAvg?: Tensor;
  /** RMSprop with `centered`: the running mean of the gradient. */
  gradAvg?: Tensor;
  /** Adagrad: the sum of the squared gradients. */
  sum?: Tensor;
}

/** Updates parameters from their gradients. Parameters without a gradient are left alone, and their state too. */
export abstract class Optimizer<Options extends CommonOptions = CommonOptions> {
  /** @internal See `Tensor`. */
  readonly cannotBeCloned = notCloned;
  /** @internal */
  readonly handle: NativeOptimizer;

  /** @internal Whether `loadStateDict` was called: a strategy begins with the state that the optimizer has. */
  isResumed = false;

  private readonly kind: OptimizerKind<Options>;
  /** What a group has that says nothing else. */
  private readonly defaults: Options;
  private readonly settings: GroupSettings<Options>[] = [];
  private groups: readonly ParamGroup<Options>[] = [];

  /** @internal */
  constructor(kind: OptimizerKind<Options>, parameters: unknown, options: unknown) {
    this.kind = kind;
    this.defaults = kind.parse(`optim.${kind.name}`, options);
    const groups = parseParamGroups(kind, parameters, this.defaults);
    this.handle = native.createOptimizer(kind.native, groups.map((group) => this.toNative(group)));
    for (const group of groups) this.show(group);
  }

  /** The groups in the order given; a single one where the optimizer was made for parameters alone. */
  get paramGroups(): readonly ParamGroup<Options>[] {
    return this.groups;
  }

  /** One update, on the calling thread (a strategy makes its updates on the compute thread). @throws ERR_BUSY */
  step(): void {
    this.handle.step();
  }

  /** Sets the gradient of every parameter to null. @throws ERR_BUSY */
  zeroGrad(): void {
    this.handle.zeroGrad();
  }

  /**
   * A further group, `{ params, ...options }`; options that it does not name are those that the optimizer was made with
   * (`Optimizer.add_param_group`). Of a strategy's optimizer between two experiences.
   * @throws as the constructor; ERR_INVALID_ARG_VALUE for a parameter that the optimizer has; ERR_BUSY
   */
  addParamGroup(group: ParamGroupOptions<Partial<Options>>): void {
    const parsed = parseGroup(this.kind, 'addParamGroup', group, this.defaults);
    this.handle.addGroup(this.kind.native, this.toNative(parsed));
    this.show(parsed);
  }

  /**
   * What the optimizer remembers of a parameter (`optimizer.state[p]` in PyTorch); null where that is nothing: before its
   * first update, without momentum, when the state was dropped (the parameter has grown, `resetOptimizerState`), and for
   * a tensor that it does not update.
   * @throws ERR_INVALID_ARG_TYPE, ERR_BUSY
   */
  state(parameter: Tensor): ParameterState | null {
    const state = this.handle.state(requireTensor('state', parameter).handle, true);
    if (state === null) return null;
    const wrapped = Object.entries(state).map(([name, value]) => [
      toCamelCase(name),
      typeof value === 'number' ? value : new Tensor(value),
    ]);
    return Object.fromEntries(wrapped) as ParameterState;
  }

  /**
   * State and options as copies, in the form and under the keys of PyTorch's `Optimizer.state_dict()`, so that either side
   * loads what the other has saved:
   *
   *     { state: Map { '0.weight' => { step: 3, exp_avg, exp_avg_sq }, ... },
   *       param_groups: [{ lr: 0.001, weight_decay: 0, ..., params: ['0.weight', '0.bias'] }] }
   *
   * Parameters stand under their names where all have one: where the optimizer was made from `model.namedParameters()`, or
   * has worked in a strategy; else under their position, as in PyTorch. Python takes both.
   * @throws ERR_BUSY
   */
  stateDict(): OptimizerStateDict {
    return writeStateDict(this.kind, this.handle, this.settings, true);
  }

  /** @internal The same with the tensors that it works with. */
  liveStateDict(): OptimizerStateDict {
    return writeStateDict(this.kind, this.handle, this.settings, false);
  }

  /**
   * Goes on where `stateDict` was taken, here or by PyTorch: maps (nested, as a checkpoint of Python is read) and plain
   * objects are taken alike. Groups must be as many; within a group parameters are matched by name where both sides have
   * names (`params`, or PyTorch's `param_names`), whatever their order, else by position. Options that the state dict does
   * not name stay; PyTorch's `foreach`, `fused`, `capturable` and `differentiable` say nothing here. Schedulers are made
   * before, as in PyTorch: making one sets learning rates.
   * @throws ERR_STATE_DICT where groups, names, state or shapes do not fit; ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for
   * an option; ERR_BUSY. The optimizer is then as it was.
   */
  loadStateDict(stateDict: unknown): void {
    const groups = readStateDict(this.kind, this.handle, this.settings, stateDict);
    this.handle.load(
      this.kind.native,
      groups.map(({ settings, states }) => ({ options: this.kind.toNative(settings.options), states })),
    );
    groups.forEach(({ settings }, i) => Object.assign(this.settings[i]!, settings));
    this.isResumed = true;
  }

  /** As PyTorch prints an optimizer: the options of each group, in alphabetical order. */
  toString(): string {
    const groups = this.settings.flatMap(({ options }, i) => [
      `Parameter Group ${i}`,
      ...Object.entries(options)
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .map(([name, value]) => `    ${name}: ${inspect(value)}`),
    ]);
    return `${this.kind.name} (\n${groups.join('\n')}\n)`;
  }

  /** As `toString`. */
  [inspect.custom](): string {
    return this.toString();
  }

  private toNative({ params, options }: ParsedGroup<Options>) {
    return {
      params: params.map(([name, { handle }]): [string, typeof handle] => [name, handle]),
      options: this.kind.toNative(options),
    };
  }

  private show({ options }: ParsedGroup<Options>): void {
    const settings = { options, initialLr: null };
    const group = makeParamGroup(this.kind, this.handle, this.settings.push(settings) - 1, settings);
    this.groups = Object.freeze([...this.groups, group]);
  }
}
