import { native } from '../native/binding';
import type { NativeOptimizer } from '../native/types';
import { requireTensor } from '../nn/module';
import { Tensor } from '../tensor/tensor';
import {
  type CommonOptions,
  makeParamGroup,
  type OptimizerKind,
  type ParamGroup,
  parseParamGroups,
} from './param-group';

/** What an optimizer remembers of one parameter: copies, in the parameter's shape and dtype. */
export interface ParameterState {
  /** Adam: how many updates the state has seen. */
  step?: number;
  /** SGD: the momentum buffer. */
  momentumBuffer?: Tensor;
  /** Adam: the running mean of the gradient. */
  expAvg?: Tensor;
  /** Adam: the running mean of the squared gradient. */
  expAvgSq?: Tensor;
  /** Adam with `amsgrad`: the largest `expAvgSq` so far. */
  maxExpAvgSq?: Tensor;
}

/** Updates parameters from their gradients. Parameters without a gradient are left alone, and their state too. */
export abstract class Optimizer<Options extends CommonOptions = CommonOptions> {
  /** The groups in the order given; a single one where the optimizer was made for parameters alone. */
  readonly paramGroups: readonly ParamGroup<Options>[];

  /** @internal */
  readonly handle: NativeOptimizer;

  /** @internal */
  constructor(kind: OptimizerKind<Options>, parameters: unknown, options: unknown) {
    const groups = parseParamGroups(kind, parameters, options);
    this.handle = native.createOptimizer(
      kind.name,
      groups.map((group) => ({
        params: group.params.map(({ handle }) => handle),
        options: kind.toNative(group.options),
      })),
    );
    this.paramGroups = Object.freeze(groups.map((group, i) => makeParamGroup(kind, this.handle, i, group.options)));
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
   * What the optimizer remembers of a parameter (`optimizer.state[p]` in PyTorch); null where that is nothing: before its
   * first update, without momentum, when the state was dropped (the parameter has grown, `resetOptimizerState`), and for
   * a tensor that it does not update.
   * @throws ERR_INVALID_ARG_TYPE, ERR_BUSY
   */
  state(parameter: Tensor): ParameterState | null {
    const state = this.handle.state(requireTensor('state', parameter).handle);
    if (state === null) return null;
    const wrapped = Object.entries(state).map(([name, value]: [string, unknown]) => [
      name,
      typeof value === 'number' ? value : new Tensor(value as Tensor['handle']),
    ]);
    return Object.fromEntries(wrapped) as ParameterState;
  }
}
