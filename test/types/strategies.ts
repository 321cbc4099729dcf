// Read by the type checker alone: a hook sees of a strategy all that there is to see.
import type { inspect } from 'node:util';
import type {
  Clock,
  Counters,
  EvaluationPlugin,
  Evaluator,
  HookName,
  Logger,
  MAS,
  Naive,
  Plugin,
  PluginMetric,
  Strategy,
  SupervisedTemplate,
} from '../../lib/index';
import type { isWhollyKept } from '../../lib/hooks/plugin';

type Nothing<Missing extends never> = Missing;
/** What is for this package alone. */
type Internal = 'nativeCriterion' | 'measurement' | 'isMeasuring' | typeof inspect.custom | typeof isWhollyKept;
/** What makes plugins of them. */
type OfPlugins = HookName | 'supportsDistributed';

export type OfStrategies = Nothing<Exclude<keyof SupervisedTemplate, keyof Strategy | Internal>>;
export type OfEvaluators = Nothing<Exclude<keyof EvaluationPlugin, keyof Evaluator | OfPlugins | Internal>>;
export type OfClocks = Nothing<Exclude<keyof Clock, keyof Counters | OfPlugins | Internal>>;

/** Every strategy is one. */
export const seen = (strategies: [SupervisedTemplate, Naive, MAS]): Strategy[] => strategies;

/** A helper serves hooks, metrics and loggers alike. */
const accuracy = (strategy: Strategy) => strategy.evaluator.results.averageAccuracy['test'] ?? strategy.loss.item();
export const plugin: Plugin = { afterEval: (strategy) => void accuracy(strategy) };
export const metric: PluginMetric = { afterEval: (strategy) => [{ name: 'Own', value: accuracy(strategy) }] };
export const logger: Logger = { logMetrics() {}, afterEval: (strategy, values) => void [accuracy(strategy), values] };

export const assign: Plugin = {
  beforeForward(strategy) {
    strategy.mbX = strategy.mbX!.neg();
    strategy.mbInputs = [strategy.mbX];
    strategy.mbatch = [strategy.mbX, strategy.mbY!];
    // @ts-expect-error -- task labels come with the mini-batch
    strategy.mbTaskId = strategy.mbY;
    // @ts-expect-error -- methods that are protected are for those who extend the strategy
    strategy.dispatch('beforeForward', {});
  },
};
