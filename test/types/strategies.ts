// Read by the type checker alone: a hook sees of a strategy all that there is to see.
import type { inspect } from 'node:util';
import {
  BaseSGDTemplate,
  type Clock,
  type Counters,
  type EvaluationPlugin,
  type Evaluator,
  hasNativeTwin,
  type HookName,
  type Logger,
  MAS,
  MASPlugin,
  Naive,
  type nn,
  type optim,
  Phase,
  type Plugin,
  type PluginMetric,
  type Strategy,
  SupervisedPlugin,
  SupervisedTemplate,
  type Tensor,
  type TrainOptions,
} from '../../lib/index';
import type { isWhollyKept } from '../../lib/hooks/plugin';

type Nothing<Missing extends never> = Missing;
/** What is for this package alone. */
type Internal = 'hasNativeCriterion' | 'measurement' | 'isMeasuring' | typeof inspect.custom | typeof isWhollyKept;
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

/** A strategy with more than others have. */
class Rehearsing extends SupervisedTemplate {
  protected readonly share: number = 0.5;
  buffer: Tensor[] = [];

  override criterion(): Tensor | Promise<Tensor> {
    return this.share > 0 ? super.criterion() : this.loss;
  }
}

class Extending extends SupervisedPlugin {
  override beforeBackward(strategy: Rehearsing): void {
    strategy.buffer.push(strategy.mbX!);
  }
  override async afterTrainingExp(strategy: Rehearsing, { dropLast }: TrainOptions): Promise<void> {
    if (!dropLast) await strategy.eval([]);
  }
}
class Implementing implements Plugin {
  beforeBackward(strategy: Rehearsing): void {
    strategy.buffer.push(strategy.mbX!);
  }
}
class Unnamed {
  afterUpdate = (strategy: Rehearsing) => void strategy.buffer.pop();
}
class Generic<S extends SupervisedTemplate> extends SupervisedPlugin {
  override beforeEval(strategy: S): void {
    void strategy.plugins;
  }
}
class Measuring extends MASPlugin {
  override async beforeBackward(strategy: Rehearsing): Promise<void> {
    if (strategy.buffer.length > 0) await super.beforeBackward(strategy);
  }
}

/** Hooks may be written for a strategy of one's own, wherever plugins go. */
export function ofOwnStrategies(model: nn.Module, optimizer: optim.Optimizer): SupervisedTemplate[] {
  const list = [new Extending(), new Implementing(), new Unnamed(), new Generic<Rehearsing>(), new Measuring()];
  const plugins: Plugin[] = [
    ...list,
    { beforeBackward: (strategy: Rehearsing) => void strategy.buffer },
    { beforeForward(strategy: SupervisedTemplate) {
        void strategy.criterion();
    } },
    { beforeForward: (strategy: BaseSGDTemplate) => strategy.backward() },
  ];
  plugins.push(new Extending());
  hasNativeTwin(Implementing.prototype.beforeBackward, (_: Implementing, strategy: Rehearsing) =>
    strategy.buffer.length > 0 ? Phase.measure : null,
  );
  // @ts-expect-error -- a strategy is no tensor
  plugins.push({ beforeBackward: (strategy: Tensor) => void strategy });
  return [
    new Rehearsing({ model, optimizer, plugins: list }),
    new Naive({ model, optimizer, plugins: [{ afterUpdate(strategy: Rehearsing) { strategy.buffer = []; } }] }),
    new MAS({ model, optimizer, lambdaReg: 1, plugins }),
  ];
}
