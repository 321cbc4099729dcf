export { SupervisedTemplate, supervisedOptions, type SupervisedTemplateOptions } from './templates/supervised';
export { BaseTemplate } from './templates/base';
export { baseOptions, type BaseTemplateOptions } from './templates/base-options';
export { PausableTemplate } from './templates/pausable-template';
export { MiniBatchTemplate } from './templates/mini-batch-template';
export { ResumableTemplate } from './templates/resumable-template';
export { BaseSGDTemplate } from './templates/base-sgd';
export { baseSGDOptions, type BaseSGDTemplateOptions, type Criterion } from './templates/sgd-options';
export { parseOptions } from '../options';
export { stopOnSignals } from './stop-on-signals';
export { suggestLambda, type LambdaSuggestion, type SuggestLambdaOptions, type TriedLambda } from './suggest-lambda';
export { Naive } from './supervised/naive';
export { Cumulative } from './supervised/cumulative';
export { JointTraining } from './supervised/joint-training';
export { FromScratchTraining, type FromScratchTrainingOptions } from './supervised/from-scratch-training';
export { MAS, type MASOptions } from './supervised/mas';
export { EWC, type EWCOptions } from './supervised/ewc';
export { L2, type L2Options } from './supervised/l2';
export { SynapticIntelligence, type SynapticIntelligenceOptions } from './supervised/synaptic-intelligence';
export { RWalk, type RWalkOptions } from './supervised/rwalk';
export { LwF, type LwFOptions } from './supervised/lwf';
export { LFL, type LFLOptions } from './supervised/lfl';
export { MASPlugin, type MASStateDict } from './plugins/mas';
export { masOptions, type IncludeParameter, type MASObjective, type MASPluginOptions, type MASPreset } from './plugins/mas-options';
export { MASReport } from './plugins/mas-report';
export type { ExperienceShare, MASReportEntry, MASReportJSON, MASReportParameter } from './plugins/mas-report-entries';
export { DistillationPlugin } from './plugins/distillation-plugin';
export { PathPlugin } from './plugins/path-plugin';
export { PenaltyPlugin } from './plugins/penalty-plugin';
export { EWCPlugin, ewcOptions, type EWCPluginOptions, type EWCStateDict } from './plugins/ewc';
export { L2Plugin, l2Options, type L2PluginOptions } from './plugins/l2';
export {
  SynapticIntelligencePlugin,
  synapticIntelligenceOptions,
  type SynapticIntelligencePluginOptions,
  type SynapticIntelligenceStateDict,
} from './plugins/synaptic-intelligence';
export { RWalkPlugin, rwalkOptions, type RWalkPluginOptions, type RWalkStateDict } from './plugins/rwalk';
export { LwFPlugin, lwfOptions, type LwFPluginOptions, type LwFStateDict } from './plugins/lwf';
export { LFLPlugin, lflOptions, type LFLPluginOptions, type LFLStateDict } from './plugins/lfl';
export type { ImportanceData, UnlabelledData } from './plugins/importance-data';
export type { MeasuredImportance } from './plugins/importance-history';
export { SlidingWindow } from './plugins/sliding-window';
export { MaskedCrossEntropy, type ClassMask, type MaskedCrossEntropyOptions } from './plugins/masked-cross-entropy';
export { QuadraticPenalty, type QuadraticPenaltyOptions, type QuadraticPenaltyStateDict } from './plugins/quadratic-penalty';
export { ImportancePass, type MeasureOptions, type RuleOption } from './plugins/importance-pass';
export type { PenaltyUpdate } from './plugins/penalty-update';
export { passOver, type PluginPass } from './iteration/plugin-pass';
export { Clock, type ClockStateDict } from './plugins/clock';
export { PeriodicEval, type PevalMode } from './plugins/periodic-eval';
export { FromScratchTrainingPlugin, type FromScratchTrainingPluginOptions } from './plugins/from-scratch-training';
export { EarlyStoppingPlugin, type EarlyStoppingPluginOptions } from './plugins/early-stopping';
export { LRSchedulerPlugin, type LRSchedulerPluginOptions } from './plugins/lr-scheduler';
export { CheckpointPlugin, type CheckpointPluginOptions } from './plugins/checkpoint';
export type { LoadedCheckpoint } from './state/keeping';
