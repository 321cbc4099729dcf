import { z } from 'zod';
import { SupervisedPlugin } from '../../hooks/plugin';
import type { Counters, Strategy } from '../../hooks/strategy';
import type { Module } from '../../nn/module';
import { boolean, parseOptions } from '../../options';
import { byName, checkState, copyOf, type State, tensorState } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import type { Tensor } from '../../tensor/tensor';

/** @internal The option schema of `FromScratchTrainingPlugin`. */
export const fromScratchTrainingOptions = { resetOptimizer: boolean.default(true) };
const schema = z.object(fromScratchTrainingOptions);
const stateSchema = z.object({ initialWeights: byName(tensorState).nullable() });

/** Options of `FromScratchTrainingPlugin`. */
export interface FromScratchTrainingPluginOptions {
  /** Whether the optimizer forgets momentum and moments too, and parameters that the model no longer has. Default true. */
  resetOptimizer?: boolean;
}

/**
 * Begins every experience with the model's weights of before the first one (Avalanche's `FromScratchTrainingPlugin`): what is learned
 * without the experiences before.
 *
 * As in the reference a parameter that has grown for an experience keeps the values that it has then, old rows included, and goes back
 * to these from the next one on, and buffers (BatchNorm's running statistics) are carried over. Learning rates stay.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION
 */
export class FromScratchTrainingPlugin extends SupervisedPlugin {
  /** Whether the optimizer is begun anew too. */
  readonly resetOptimizer: boolean;
  /** Copies of the parameters that the next experience begins with, by name; null before the first `train`. */
  initialWeights: Map<string, Tensor> | null = null;
  /** Of the strategy that it took part in last; null: it goes on from a state, or is new. */
  #clock: Counters | null = null;

  constructor(options?: FromScratchTrainingPluginOptions) {
    super();
    this.resetOptimizer = parseOptions('FromScratchTrainingPlugin', schema, options).resetOptimizer;
  }

  /** Keeps the weights of before the first experience. */
  override beforeTraining({ model, clock }: Strategy): void {
    const isOfAnother = this.#clock !== null && this.#clock !== clock && clock.trainExpCounter === 0;
    this.#clock = clock;
    if (isOfAnother || this.initialWeights === null) this.initialWeights = weightsOf(model);
  }

  /** Puts them back. */
  override beforeTrainingExp(strategy: Strategy): void | Promise<void> {
    const { model } = strategy;
    noGrad(() => {
      for (const [name, parameter] of model.namedParameters()) {
        const initial = this.initialWeights?.get(name);
        if (initial && String(initial.shape) === String(parameter.shape)) ops.aten.copy_!(parameter, initial);
      }
    });
    this.initialWeights = weightsOf(model);
    if (this.resetOptimizer) return strategy.makeOptimizer({ resetOptimizerState: true, removeParams: true });
  }

  /** The weights that the next experience begins with. */
  stateDict(): State {
    return { initialWeights: this.initialWeights && Object.fromEntries(this.initialWeights) };
  }

  /** Takes copies of them. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { initialWeights } = checkState('FromScratchTrainingPlugin', stateSchema, state);
    this.initialWeights = initialWeights && copies(Object.entries(initialWeights));
    this.#clock = null;
  }
}

const weightsOf = (model: Module) => copies(model.namedParameters());

const copies = (tensors: Iterable<[string, Tensor]>) => new Map([...tensors].map(([name, tensor]) => [name, copyOf(tensor)]));
