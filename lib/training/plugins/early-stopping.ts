import { z } from 'zod';
import type { Module } from '../../nn/module';
import { boolean, nonNegativeNumber, parseOptions, positiveInteger } from '../../options';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import type { SupervisedTemplate } from '../templates/supervised';
import { type Hook, SupervisedPlugin } from './plugin';

const schema = z.object({
  patience: positiveInteger,
  valStreamName: z.string('the name of an evaluated stream, "test_stream" for example').min(1, 'a name'),
  metricName: z.string('the name of a metric').min(1, 'a name').default('Top1_Acc_Stream'),
  mode: z.enum(['max', 'min'], '"max" or "min"').default('max'),
  pevalMode: z.enum(['epoch', 'iteration'], '"epoch" or "iteration"').default('epoch'),
  margin: nonNegativeNumber.default(0),
  verbose: boolean.default(false),
});

export interface EarlyStoppingPluginOptions {
  /** Epochs (iterations) without a better value after which training on the experience ends. */
  patience: number;
  /** The evaluated stream as it stands in the names of metrics: `"test_stream"`. */
  valStreamName: string;
  /** Default "Top1_Acc_Stream". */
  metricName?: string;
  /** Whether the metric should be large or small. Default "max". */
  mode?: 'max' | 'min';
  /** Whether `patience` counts epochs or iterations; give the strategy the same. Default "epoch". */
  pevalMode?: 'epoch' | 'iteration';
  /** A value is better only if it is by at least as much. Default 0. */
  margin?: number;
  /** Prints each better value. Default false. */
  verbose?: boolean;
}

/**
 * Ends training on an experience when a metric has stopped getting better, with the parameters and buffers of the best
 * value: Avalanche's `EarlyStoppingPlugin`.
 *
 * Before each epoch (iteration) the latest value of the metric whose name begins with
 * `METRIC/eval_phase/STREAM` is compared with the best one of the experience. When the best is `patience` epochs old, its
 * state is put back and `strategy.stopTraining()` called; in iterations one more update follows, of the iteration
 * under way. An experience that goes on to its last epoch keeps its last parameters. The strategy has to evaluate often
 * enough (`evalEvery: 1`, and the same `pevalMode`) and its evaluator to have the metric: without it there is a warning
 * in each experience, and nothing is stopped.
 *
 * State is put back in place. Where a parameter has grown since (an evaluation with new classes), what there was of it gets
 * its best values and what is new keeps its own; the reference fails then.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class EarlyStoppingPlugin extends SupervisedPlugin {
  /** Copies of the model's parameters and buffers at the best value of this experience. */
  bestState: Map<string, Tensor> | null = null;
  bestVal: number | null = null;
  /** Epochs (iterations) of the experience before the best value was seen. */
  bestStep: number | null = null;

  private readonly options: z.output<typeof schema>;
  private hasWarned = false;

  constructor(options: EarlyStoppingPluginOptions) {
    super();
    this.options = parseOptions('EarlyStoppingPlugin', schema, options);
    // An own property, and only where needed: a listener inside the iteration would keep iterations from being joined.
    const check: Hook = (strategy) => this.check(strategy);
    if (this.options.pevalMode === 'iteration') this.beforeTrainingIteration = check;
    else this.beforeTrainingEpoch = check;
  }

  override beforeTrainingExp(): void {
    this.bestState = this.bestVal = this.bestStep = null;
    this.hasWarned = false;
  }

  private check(strategy: SupervisedTemplate): void {
    const value = this.latestValue(strategy);
    if (value === undefined) return this.warnOnce();
    const { trainExpEpochs, trainExpIterations } = strategy.clock;
    const { pevalMode, patience, verbose } = this.options;
    const step = pevalMode === 'epoch' ? trainExpEpochs : trainExpIterations;
    const isFirst = this.bestVal === null;
    if (isFirst || this.isBetter(value - this.bestVal!)) {
      this.bestState = copyState(strategy.model);
      this.bestVal = value;
      this.bestStep = step;
      if (verbose && !isFirst) console.log(`EarlyStopping: new best value: ${value}`);
    } else if (step - this.bestStep! >= patience) {
      restoreState(strategy.model, this.bestState!);
      strategy.stopTraining();
    }
  }

  private latestValue({ evaluator }: SupervisedTemplate): number | undefined {
    const { metricName, valStreamName } = this.options;
    const key = `${metricName}/eval_phase/${valStreamName}`;
    const value = Object.entries(evaluator.getLastMetrics()).findLast(([name]) => name.startsWith(key))?.[1] as unknown;
    return value instanceof Tensor ? value.item() : (value as number | undefined);
  }

  private isBetter(change: number): boolean {
    const { mode, margin } = this.options;
    return (mode === 'max' ? change > 0 : change < 0) && Math.abs(change) >= margin;
  }

  private warnOnce(): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    const { metricName, valStreamName } = this.options;
    process.emitWarning(
      `EarlyStoppingPlugin: the metric ${metricName} of ${valStreamName} is not computed yet: early stopping will not be ` +
        'triggered. The strategy needs evalEvery, evalStreams with that stream, and an evaluator with the metric.',
      'ContinualTorchWarning',
    );
  }
}

function copyState(model: Module): Map<string, Tensor> {
  return noGrad(() => new Map([...model.stateDict()].map(([name, value]) => [name, ops.aten.clone!(value) as Tensor])));
}

function restoreState(model: Module, state: Map<string, Tensor>): void {
  noGrad(() => {
    for (const [name, value] of model.stateDict()) {
      const best = state.get(name);
      if (best) ops.aten.copy_!(leadingPart(value, best.shape), best);
    }
  });
}

/** Of a tensor that has grown, the part that had this shape. */
function leadingPart(tensor: Tensor, shape: number[]): Tensor {
  return shape.reduce((part, size, dim) => ops.aten.narrow!(part, dim, 0, size) as Tensor, tensor);
}
