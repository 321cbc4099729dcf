import { inspect } from 'node:util';
import { z } from 'zod';
import type { Experience } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { ContinualTorchError, describeValue } from '../../errors';
import { AccuracyRecorder, accuracyRecorderState } from '../../evaluation/accuracy-recorder';
import type { PluginMetric } from '../../evaluation/metric';
import { needsLabels } from '../../evaluation/metrics/accuracy';
import { needsPenalties } from '../../evaluation/metrics/penalty';
import { experienceKey } from '../../evaluation/trained-steps';
import { type HookName, hookNames } from '../../hooks/hook-names';
import { isWhollyKept, pluginName, SupervisedPlugin } from '../../hooks/plugin';
import type { Evaluator, Logger, PassProgress, Strategy } from '../../hooks/strategy';
import { hasNativeTwin } from '../../hooks/twins';
import { counted, listed, summary } from '../../inspect';
import { boolean, integer, nonNegativeInteger, parseArgument, parseOptions } from '../../options';
import { Phase } from '../../phase';
import { type Curve, EvaluationResults } from '../../results/evaluation-results';
import type { AllMetrics, EmittedMetric, LastMetrics, MetricValue } from '../../results/metric-values';
import { anyNumber, arrayOf, byName, checkState, copyOf, loadTogether, misfit, object, type State, tensorState } from '../../state';
import { Tensor } from '../../tensor/tensor';
import { isThenable } from '../../user-function';
import { partsOf, partStates, statesOf } from './part-states';

const logger = z.custom<Logger>(
  (value) => isObject(value) && typeof (value as Partial<Logger>).logMetrics === 'function',
  'a logger',
);
const schema = z.object({
  loggers: z.array(logger, 'an array of loggers').optional(),
  collectAll: boolean.default(true),
  strictChecks: boolean.default(false),
});

const value = z.union([anyNumber, tensorState], 'a number or a tensor');
const stateSchema = z.object({
  active: boolean,
  count: nonNegativeInteger,
  last: byName(object({ value, order: nonNegativeInteger })),
  curves: byName(object({ x: arrayOf(anyNumber), y: arrayOf(value), of: arrayOf(integer) })),
  accuracies: accuracyRecorderState,
  hasWarnedOfNames: boolean,
  metrics: partStates,
  loggers: partStates,
});

/** Options of `EvaluationPlugin`. */
export interface EvaluationPluginOptions {
  /** What shows or writes the values, in this order. Default none, with a warning; `[]` for none without it. */
  loggers?: Logger[];
  /** Keeps every value for `getAllMetrics` and `results.curves`. Default true. */
  collectAll?: boolean;
  /** Refuses an evaluation of only a part of a stream; a single experience is accepted. Default false. */
  strictChecks?: boolean;
}

/** What `accuracyMetrics` and its like return, or a metric of your own. */
export type MetricArgument = PluginMetric | readonly PluginMetric[];

/**
 * Feeds metrics, keeps their values and hands them to loggers. In each hook first every metric is called, in order, then
 * each logger gets the new values (`logMetrics`) and its own hook of that name.
 *
 * Loss and accuracy of the current pass are summed by the compute thread, so that metrics of whole epochs, experiences and
 * streams cost the iteration nothing.
 */
export class EvaluationPlugin extends SupervisedPlugin implements Evaluator {
  /** @internal */
  readonly [isWhollyKept] = true;
  override readonly supportsDistributed = true;
  /** Where values go. */
  readonly loggers: readonly Logger[];
  /** Whether every value is kept, for `getAllMetrics` and `results`. */
  readonly collectAll: boolean;
  /** Whether an unusual evaluation stream is an error instead of a warning. */
  readonly strictChecks: boolean;
  private readonly metrics: PluginMetric[];
  private readonly accuracies = new AccuracyRecorder();
  /** The one that came last stands last. */
  private readonly last = new Map<string, { value: number | Tensor; order: number }>();
  private readonly curves = new Map<string, MarkedCurve>();
  /** Values so far. */
  private count = 0;
  /** Which experience of the evaluation under way has given each name its value. */
  private readonly namedBy = new Map<string, string>();
  private hasWarnedOfNames = false;
  private isActive = true;
  /** @internal What adds a mini-batch to the statistics of the pass. */
  readonly measurement: Phase;

  /**
   * @param metrics of `accuracyMetrics`, `lossMetrics` and their like, or your own (see `PluginMetric`); arrays are
   * flattened. Options come last: a plain object without any hook.
   * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION
   */
  constructor(...metrics: MetricArgument[]);
  constructor(...metricsAndOptions: [...metrics: MetricArgument[], options: EvaluationPluginOptions | undefined]);
  constructor(...given: (MetricArgument | EvaluationPluginOptions | undefined)[]) {
    super();
    const options = isOptions(given.at(-1)) ? given.pop() : undefined;
    const { loggers, collectAll, strictChecks } = parseOptions('EvaluationPlugin', schema, options);
    const empty = given.findIndex((metrics) => Array.isArray(metrics) && metrics.length === 0);
    if (empty >= 0) warnOfNoMetric(empty);
    this.metrics = (given as MetricArgument[]).flat();
    const wrong = this.metrics.findIndex((metric: unknown) => !isObject(metric) || !hasHooks(metric));
    if (wrong >= 0) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `EvaluationPlugin: expected metrics, objects with hooks, ` +
          `got ${describeValue(this.metrics[wrong])} at index ${wrong}`,
      );
    }
    this.measurement = this.metrics.some(needsLabels) ? Phase.measureAccuracy : Phase.measure;
    if (loggers === undefined) warnThatNothingIsLogged();
    this.loggers = loggers ?? [];
    this.collectAll = collectAll;
    this.strictChecks = strictChecks;
    const listeners = this.metrics.length > 0 ? [this.accuracies, ...this.metrics] : [];
    for (const name of hookNames) this.listen(name, listeners);
  }

  /** Off: no metric and no logger is called, and nothing is measured. Default true. @throws ERR_INVALID_ARG_TYPE */
  get active(): boolean {
    return this.isActive;
  }

  /** Switches measuring and logging on or off. */
  set active(on: boolean) {
    this.isActive = parseArgument('EvaluationPlugin', 'active', boolean, on);
  }

  /** The latest value of each metric, in a copy. */
  getLastMetrics(): LastMetrics {
    return Object.fromEntries([...this.last].map(([name, { value }]) => [name, value])) as LastMetrics;
  }

  /** Every value of each metric and the training iterations made by then, in a copy; `{}` where `collectAll` is off. */
  getAllMetrics(): AllMetrics {
    return Object.fromEntries([...this.curves].map(([name, { x, y }]) => [name, [[...x], [...y]]])) as AllMetrics;
  }

  /** @internal The value that came last of those whose name is asked for, and how many values had come before it. */
  latest(isAskedFor: (name: string) => boolean): { name: string; value: number | Tensor; order: number } | undefined {
    const found = [...this.last].findLast(([name]) => isAskedFor(name));
    return found && { name: found[0], ...found[1] };
  }

  /** @internal How many values have come so far. */
  get valueCount(): number {
    return this.count;
  }

  /**
   * Everything measured so far, and the state of each metric and logger that has one, by place and class. What a metric sums up
   * within one evaluation is not part of it: checkpoints are taken outside of them.
   */
  stateDict(): State {
    const { active, count, hasWarnedOfNames } = this;
    const curves = [...this.curves].map(([name, { x, y, of }]) => [name, { x: [...x], y: [...y], of: [...of] }] as const);
    return {
      active,
      count,
      last: Object.fromEntries([...this.last].map(([name, latest]) => [name, { ...latest }])),
      curves: Object.fromEntries(curves),
      accuracies: this.accuracies.stateDict(),
      hasWarnedOfNames,
      metrics: statesOf(this.metrics),
      loggers: statesOf(this.loggers),
    };
  }

  /**
   * Measures on behind a state. Benchmarks that come up from now on are taken for those of the state by their place among the
   * benchmarks of the program and by what they look like: streams, experiences, samples.
   * @throws ERR_STATE_DICT, also where metrics or loggers are others; nothing is changed then
   */
  loadStateDict(state: unknown): void {
    const loaded = checkState('EvaluationPlugin', stateSchema, state);
    const parts = [...partsOf('metrics', this.metrics, loaded.metrics), ...partsOf('loggers', this.loggers, loaded.loggers)];
    const copied = (given: number | Tensor) => (given instanceof Tensor ? copyOf(given) : given);
    const last = Object.entries(loaded.last).sort(([, one], [, other]) => one.order - other.order);
    const ours = last.map(([name, { value, order }]) => [name, { value: copied(value), order }] as const);
    const curves = Object.entries(loaded.curves).map(([name, { x, y, of }]): [string, MarkedCurve] => {
      if (x.length === y.length && y.length === of.length) return [name, { x, y: y.map(copied), of }];
      throw misfit('EvaluationPlugin', `expected curves.${name} to have as many x, y and of, got ${x.length}, ${y.length} and ${of.length}`);
    });
    loadTogether(parts);
    this.accuracies.loadStateDict(loaded.accuracies);
    refill(this.last, ours);
    refill(this.curves, curves);
    this.count = loaded.count;
    this.isActive = loaded.active;
    this.hasWarnedOfNames = loaded.hasWarnedOfNames;
  }

  /** Forgets the latest values; curves and the accuracy matrix stay. */
  resetLastMetrics(): void {
    this.last.clear();
  }

  /** All curves and the accuracy matrix of each stream so far. An evaluator without metrics measures nothing. */
  get results(): EvaluationResults {
    const count = this.accuracies.benchmarkCount;
    return this.resultsOf(undefined, count > 1 ? [...Array(count).keys()].map((i) => this.resultsOf(i)) : []);
  }

  private resultsOf(benchmark: number | undefined, parts: EvaluationResults[] = []): EvaluationResults {
    const { curves, accuracies } = this;
    const ours = [...curves].map(([name, curve]): [string, Curve] => [name, curveOf(curve, benchmark)]);
    const some = ours.filter(([, { x }]) => x.length > 0);
    return new EvaluationResults(Object.fromEntries(some), accuracies.matrices(benchmark), accuracies.initial(benchmark), parts);
  }

  /** @internal Whether a logger listens to `onProgress`. */
  get isHeard(): boolean {
    return this.active && this.loggers.some((logger) => logger.onProgress && logger.isListening !== false);
  }

  /** How far the pass under way has come, for loggers that show it. A promise of theirs is to be awaited. */
  onProgress(strategy: Strategy, progress: PassProgress): void | Promise<void> {
    if (!this.active) return;
    let telling: Promise<void> | undefined;
    for (const logger of this.loggers) {
      const tell = () => logger.onProgress?.(strategy, progress);
      const told = telling ? telling.then(tell) : tell();
      if (isThenable(told)) telling = Promise.resolve(told);
    }
    return telling;
  }

  /** Adds the mini-batch to the statistics of the pass. */
  override async afterTrainingIteration(strategy: Strategy): Promise<void> {
    if (this.isMeasuring) await strategy.runNative([this.measurement]);
  }

  /** Adds the mini-batch to the statistics of the pass. */
  override async afterEvalIteration(strategy: Strategy): Promise<void> {
    if (this.isMeasuring) await strategy.runNative([this.measurement]);
  }

  /** @throws ERR_INVALID_ARG_VALUE for a part of a stream where `strictChecks` is on */
  override beforeEval({ currentEvalStream }: Strategy): void {
    this.namedBy.clear();
    const [first] = currentEvalStream;
    if (!this.strictChecks || !first) return;
    const { originStream } = first;
    // A slice may be a stream of its own, which knows where it comes from; streams of datasets alone need not.
    const whole = originStream.benchmark?.streams.get(originStream.name) ?? originStream;
    const isWhole = currentEvalStream.length === 1 || currentEvalStream.length === whole.length;
    if (isWhole && originStream.length === whole.length) return;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `eval: expected the whole stream "${originStream.name}" of ${whole.length} experiences, as strictChecks asks for, ` +
        `got ${currentEvalStream.length}`,
    );
  }

  [inspect.custom](): string {
    const { metrics, loggers, count } = this;
    return summary('EvaluationPlugin', counted(metrics.length, 'metric'), listed('loggers', loggers.map(pluginName)), counted(count, 'value'));
  }

  /** @internal */
  get isMeasuring(): boolean {
    return this.metrics.length > 0 && this.active;
  }

  /** @internal Whether a metric asks for penalties that are not computed otherwise. */
  get asksForPenalties(): boolean {
    return this.isMeasuring && this.metrics.some(needsPenalties);
  }

  /** Answers a hook, as an own property and only where it is needed: a listener inside the iteration would split it. */
  private listen(name: HookName, metrics: PluginMetric[]): void {
    const listening = metrics.filter((metric) => typeof metric[name] === 'function');
    if (listening.length === 0 && !this.loggers.some((logger) => typeof logger[name] === 'function')) return;
    const inherited = this[name].bind(this) as (strategy: Strategy) => void | Promise<void>;
    this[name] = async (strategy: Strategy) => {
      await inherited(strategy);
      if (!this.active) return;
      const values: EmittedMetric[] = [];
      for (const metric of listening) values.push(...this.collect(name, metric, await metric[name]!(strategy), strategy));
      for (const logger of this.loggers) {
        if (values.length > 0) await logger.logMetrics(values);
        await logger[name]?.(strategy, values);
      }
    };
  }

  /** Keeps what a metric has answered. */
  private collect(
    name: HookName,
    metric: PluginMetric,
    answer: MetricValue[] | void,
    strategy: Strategy,
  ): EmittedMetric[] {
    const values: readonly unknown[] | null = Array.isArray(answer) ? answer : answer === undefined ? [] : null;
    if (values === null || !values.every(isMetricValue)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `EvaluationPlugin: expected ${name} of ${pluginName(metric)} to answer an array of { name, value } with a number ` +
          `or a Tensor, got ${describeValue(values === null ? answer : values.find((value) => !isMetricValue(value)))}`,
      );
    }
    const x = strategy.clock.trainIterations;
    const { experience } = strategy;
    const of = experience ? this.accuracies.benchmarkOf(experience) : -1;
    if (name === 'afterEvalExp') this.warnOfNames(values, experience!);
    return values.map(({ name: key, value }) => {
      this.last.delete(key);
      this.last.set(key, { value, order: this.count++ });
      if (this.collectAll) {
        const curve = this.curves.get(key) ?? { x: [], y: [], of: [] };
        this.curves.set(key, curve);
        curve.x.push(x);
        curve.y.push(value);
        curve.of.push(of);
      }
      return { name: key, value, x };
    });
  }

  /** Two experiences of one evaluation may go by one name, those of two benchmarks for example. */
  private warnOfNames(values: readonly MetricValue[], experience: Experience<Dataset>): void {
    const key = experienceKey(experience);
    const twice = values.find(({ name }) => (this.namedBy.get(name) ?? key) !== key);
    for (const { name } of values) this.namedBy.set(name, key);
    if (!twice || this.hasWarnedOfNames) return;
    this.hasWarnedOfNames = true;
    process.emitWarning(
      `eval: two experiences of one evaluation have a metric ${twice.name}, because names tell stream and index alone, and the ` +
        'later value has taken the place of the earlier: evaluate them in calls of their own, or give their streams other names.',
      'ContinualTorchWarning',
    );
  }
}

/** A curve, and for each value the number of the benchmark that it was measured on; -1 where no experience was set. */
interface MarkedCurve extends Curve {
  of: number[];
}

function refill<T>(map: Map<string, T>, entries: Iterable<readonly [string, T]>): void {
  map.clear();
  for (const [name, item] of entries) map.set(name, item);
}

function curveOf({ x, y, of }: MarkedCurve, benchmark: number | undefined): Curve {
  if (benchmark === undefined) return { x: [...x], y: [...y] };
  const isOf = (_: unknown, i: number) => of[i] === benchmark;
  return { x: x.filter(isOf), y: y.filter(isOf) };
}

for (const hook of ['afterTrainingIteration', 'afterEvalIteration'] as const) {
  hasNativeTwin<EvaluationPlugin>(EvaluationPlugin.prototype[hook], (plugin) => (plugin.isMeasuring ? plugin.measurement : null));
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasHooks(value: object): boolean {
  return hookNames.some((name) => typeof (value as PluginMetric)[name] === 'function');
}

/** Options are a plain object in which nothing is a hook. */
function isOptions(value: unknown): boolean {
  if (value === undefined) return true;
  return isObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value) as object) && !hasHooks(value);
}

function isMetricValue(value: unknown): value is MetricValue {
  if (!isObject(value)) return false;
  const { name, value: content } = value as Partial<MetricValue>;
  return typeof name === 'string' && (typeof content === 'number' || content instanceof Tensor);
}

function warnOfNoMetric(index: number): void {
  process.emitWarning(
    `EvaluationPlugin: got no metric at index ${index}: helpers like accuracyMetrics measure nothing unless they are asked for ` +
      'a level, { stream: true } for example.',
    'ContinualTorchWarning',
  );
}

let hasWarned = false;

function warnThatNothingIsLogged(): void {
  if (hasWarned) return;
  hasWarned = true;
  process.emitWarning(
    'An evaluator without loggers was made: its metrics are only returned. Give it loggers, or loggers: [] to say so.',
    'ContinualTorchWarning',
  );
}
