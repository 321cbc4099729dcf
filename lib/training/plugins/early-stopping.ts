import { z } from 'zod';
import { parseMetricName } from '../../evaluation/metric';
import { SupervisedPlugin } from '../../hooks/plugin';
import type { Hook, Strategy } from '../../hooks/strategy';
import { counted } from '../../inspect';
import type { Module } from '../../nn/module';
import { boolean, nonNegativeInteger, nonNegativeNumber, parseOptions, positiveInteger } from '../../options';
import { anyNumber, arrayOf, byName, checkState, copyOf, misfit, type State, tensorState } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';

const schema = z.object({
  patience: positiveInteger,
  valStreamName: z.string('the name of an evaluated stream, "test_stream" for example').min(1, 'a name'),
  metricName: z.string('the name of a metric').min(1, 'a name').default('Top1_Acc_Stream'),
  mode: z.enum(['max', 'min'], '"max" or "min"').default('max'),
  pevalMode: z.enum(['epoch', 'iteration'], '"epoch" or "iteration"').default('epoch'),
  margin: nonNegativeNumber.default(0),
  verbose: boolean.default(false),
});

const warning = z.enum(['missing', 'NaN'], '"missing" or "NaN"');
const stateSchema = z.object({
  bestState: byName(tensorState).nullable(),
  bestVal: anyNumber.nullable(),
  bestStep: nonNegativeInteger.nullable(),
  before: nonNegativeInteger,
  warnedOf: arrayOf(warning),
});

/** Options of `EarlyStoppingPlugin`. */
export interface EarlyStoppingPluginOptions {
  /** Epochs (iterations) without a better value after which training on the experience ends. */
  patience: number;
  /** The evaluated stream, as it stands in the names of metrics or by its own name: `"test_stream"`, `"test"`. */
  valStreamName: string;
  /**
   * A metric of that stream, or the whole name of one: `"Loss_Exp/eval_phase/test_stream/Task000/Exp002"`. Default
   * "Top1_Acc_Stream".
   */
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
 * Before each epoch (iteration) the latest value of the metric is compared with the best one of the experience. Values of
 * earlier calls of `train` and `eval` do not count, NaN is never better, and where a metric has several names, of several
 * tasks or experiences, the value that came last counts, whatever its name. When the best is `patience` epochs old, its state is put back and
 * `strategy.stopTraining()` called, with a line on stderr that says so; in iterations one more update follows, of the
 * iteration under way. An experience that goes on to its last epoch keeps its last parameters. The strategy has to evaluate
 * often enough (`evalEvery: 1`, and the same `pevalMode`) and its evaluator to have the metric: without it there is a
 * warning in each experience, and nothing is stopped.
 *
 * State is put back in place. Where a parameter has grown since (an evaluation with new classes), what there was of it gets
 * its best values and what is new keeps its own; the reference fails then.
 *
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class EarlyStoppingPlugin extends SupervisedPlugin {
  /** Copies of the model's parameters and buffers at the best value of this experience. */
  bestState: Map<string, Tensor> | null = null;
  /** The best value of the metric so far; null before the first. */
  bestVal: number | null = null;
  /** Epochs (iterations) of the experience before the best value was seen. */
  bestStep: number | null = null;

  private readonly options: z.output<typeof schema>;
  /** Values that the evaluator had before this training. */
  private before = 0;
  private warnedOf = new Set<z.output<typeof warning>>();

  constructor(options: EarlyStoppingPluginOptions) {
    super();
    this.options = parseOptions('EarlyStoppingPlugin', schema, options);
    // An own property, and only where needed: a listener inside the iteration would keep iterations from being joined.
    const check: Hook = (strategy) => this.check(strategy);
    if (this.options.pevalMode === 'iteration') this.beforeTrainingIteration = check;
    else this.beforeTrainingEpoch = check;
  }

  override beforeTraining({ evaluator }: Strategy): void {
    this.before = evaluator.valueCount;
  }

  override beforeTrainingExp(): void {
    this.bestState = this.bestVal = this.bestStep = null;
    this.warnedOf.clear();
  }

  /** The best model of the experience under way with its value and step, and which values of the evaluator do not count. */
  stateDict(): State {
    const { bestState, bestVal, bestStep, before, warnedOf } = this;
    return { bestState: bestState && Object.fromEntries(bestState), bestVal, bestStep, before, warnedOf: [...warnedOf] };
  }

  /** Goes on in the experience of a state, of which it takes a copy. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { bestState, bestVal, bestStep, before, warnedOf } = checkState('EarlyStoppingPlugin', stateSchema, state);
    if ((bestState === null) !== (bestVal === null) || (bestVal === null) !== (bestStep === null)) {
      throw misfit('EarlyStoppingPlugin', 'expected bestState, bestVal and bestStep to be null all three, or none of them');
    }
    const copies = bestState && Object.entries(bestState).map(([name, tensor]): [string, Tensor] => [name, copyOf(tensor)]);
    this.bestState = copies && new Map(copies);
    this.bestVal = bestVal;
    this.bestStep = bestStep;
    this.before = before;
    this.warnedOf = new Set(warnedOf);
  }

  private check(strategy: Strategy): void {
    const latest = this.latestValue(strategy);
    if (!latest) return this.warnOnce('missing', this.missing(strategy));
    const { name, value } = latest;
    const { trainExpEpochs, trainExpIterations } = strategy.clock;
    const { pevalMode, patience, verbose } = this.options;
    const step = pevalMode === 'epoch' ? trainExpEpochs : trainExpIterations;
    if (this.bestVal === null && Number.isNaN(value)) {
      this.warnOnce('NaN', `${name} is NaN before ${pevalMode} ${step}: there is no best value yet to go back to.`);
    } else if (this.bestVal === null || this.isBetter(value - this.bestVal)) {
      if (verbose && this.bestVal !== null) console.log(`EarlyStopping: new best value: ${value}`);
      this.bestState = copyState(strategy.model);
      this.bestVal = value;
      this.bestStep = step;
    } else if (step - this.bestStep! >= patience) {
      restoreState(strategy.model, this.bestState!);
      strategy.stopTraining();
      this.tell(strategy, name, step);
    }
  }

  private latestValue({ evaluator }: Strategy): { name: string; value: number } | null {
    const { metricName, valStreamName } = this.options;
    const isOf = (stream: (name: string) => string) => (name: string) => {
      const parts = parseMetricName(name);
      return parts?.phase === 'eval' && parts.metric === metricName && stream(parts.stream) === valStreamName;
    };
    const latest =
      evaluator.latest((name) => name === metricName) ??
      evaluator.latest(isOf((stream) => `${stream}_stream`)) ??
      evaluator.latest(isOf((stream) => stream));
    if (!latest || latest.order < this.before) return null;
    const { name, value } = latest;
    return { name, value: value instanceof Tensor ? value.item() : value };
  }

  private isBetter(change: number): boolean {
    const { mode, margin } = this.options;
    return (mode === 'max' ? change > 0 : change < 0) && Math.abs(change) >= margin;
  }

  /** A line, because nothing else tells why the later epochs did not come. */
  private tell({ experience }: Strategy, name: string, step: number): void {
    const { pevalMode, patience } = this.options;
    const { currentExperience, originStream } = experience!;
    console.error(
      `EarlyStopping: training on experience ${currentExperience} of ${originStream.name} ends before ${pevalMode} ${step}: ` +
        `${name} has not been better than ${this.bestVal} (before ${pevalMode} ${this.bestStep}) for ` +
        `${counted(patience, pevalMode)}; the model has its state of then again`,
    );
  }

  private missing({ evaluator }: Strategy): string {
    const { metricName, valStreamName } = this.options;
    const known = Object.keys(evaluator.getLastMetrics()).slice(0, 5);
    return (
      `the metric ${metricName} of ${valStreamName} is not computed yet: early stopping will not be triggered. The strategy ` +
      'needs evalEvery, evalStreams with that stream, and an evaluator with the metric' +
      (known.length > 0 ? ` (it has ${known.join(', ')}).` : '.')
    );
  }

  private warnOnce(of: z.output<typeof warning>, message: string): void {
    if (this.warnedOf.has(of)) return;
    this.warnedOf.add(of);
    process.emitWarning(`EarlyStoppingPlugin: ${message}`, 'ContinualTorchWarning');
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
