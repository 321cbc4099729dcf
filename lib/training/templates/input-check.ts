import type { Experience } from '../../benchmarks/stream';
import type { Dataset } from '../../data/dataset';
import { toNativeInputs } from '../../data/inputs';
import { TensorDataset } from '../../data/tensor-dataset';
import { type HookName, hookNames } from '../../hooks/hook-names';
import { listener } from '../../hooks/plugin';
import type { Plugin, Strategy } from '../../hooks/strategy';
import { nativeTwin } from '../../hooks/twins';
import { nativeModule } from '../../nn/module';
import { Phase } from '../../phase';
import { withWayOut } from '../iteration/way-out';
import { CheckpointPlugin } from '../plugins/checkpoint';
import { Clock } from '../plugins/clock';
import { EarlyStoppingPlugin } from '../plugins/early-stopping';
import { EvaluationPlugin } from '../plugins/evaluation';
import { EWCPlugin } from '../plugins/ewc';
import { FromScratchTrainingPlugin } from '../plugins/from-scratch-training';
import { L2Plugin } from '../plugins/l2';
import { LFLPlugin } from '../plugins/lfl';
import { LRSchedulerPlugin } from '../plugins/lr-scheduler';
import { LwFPlugin } from '../plugins/lwf';
import { MASPlugin } from '../plugins/mas';
import { MaskedCrossEntropy } from '../plugins/masked-cross-entropy';
import { PeriodicEval } from '../plugins/periodic-eval';
import { RWalkPlugin } from '../plugins/rwalk';
import { SynapticIntelligencePlugin } from '../plugins/synaptic-intelligence';

type Method = keyof Strategy | 'beforeTrainingExp' | 'trainExp' | 'beforeEvalExp' | 'evalExp';

const hooksFrom = (first: HookName, last: HookName) => hookNames.slice(hookNames.indexOf(first), hookNames.indexOf(last) + 1);

/** What comes between the data of an experience and the model's forward. */
const between: Record<'train' | 'eval', { hooks: HookName[]; methods: Method[] }> = {
  train: {
    hooks: hooksFrom('beforeTraining', 'beforeForward'),
    methods: ['trainDatasetAdaptation', 'makeTrainDataloader', 'modelAdaptation', 'beforeTrainingExp', 'trainExp', 'trainingEpoch'],
  },
  eval: {
    hooks: hooksFrom('beforeEval', 'beforeEvalForward'),
    methods: ['evalDatasetAdaptation', 'makeEvalDataloader', 'modelAdaptation', 'beforeEvalExp', 'evalExp', 'evalEpoch'],
  },
};

/** Of this package, and none that changes a mini-batch. */
const harmless = [
  ...[CheckpointPlugin, Clock, EarlyStoppingPlugin, EvaluationPlugin, FromScratchTrainingPlugin, LRSchedulerPlugin, MaskedCrossEntropy, PeriodicEval],
  ...[EWCPlugin, L2Plugin, LFLPlugin, LwFPlugin, MASPlugin, RWalkPlugin, SynapticIntelligencePlugin],
].map(({ prototype }): object => prototype);

/**
 * @internal Refuses data in memory whose inputs TorchScript does not take, before any of it is learned or evaluated. Where a
 * hook, an override or a transform of the program comes between, which may give others, the model refuses its mini-batch.
 * @param standard the methods that are no overrides
 * @throws ERR_INPUTS
 */
export function checkInputs(
  strategy: Strategy,
  standard: Strategy,
  experiences: readonly Experience<Dataset>[],
): void {
  const phase = strategy.isTraining ? 'train' : 'eval';
  const { hooks, methods } = between[phase];
  if (nativeTwin(strategy.forward, strategy, strategy) !== Phase.forward) return;
  const isOverridden = (name: Method) => strategy[name as 'forward'] !== standard[name as 'forward'];
  const mayChange = (plugin: Plugin, index: number) =>
    hooks.some((name) => listener(plugin, name, index)) && !harmless.includes(Object.getPrototypeOf(plugin) as object);
  if (methods.some(isOverridden) || strategy.plugins.some(mayChange)) return;
  const model = nativeModule(strategy.model);
  for (const { dataset } of experiences) {
    if (!(dataset instanceof TensorDataset)) continue;
    const data = dataset[phase]();
    if (typeof data.transform === 'function') continue;
    try {
      model.checkInputs(toNativeInputs(data.inputs));
    } catch (error) {
      throw withWayOut(error, strategy.model, data.inputs, null, null);
    }
  }
}
