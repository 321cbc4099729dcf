export { EvaluationPlugin, type EvaluationPluginOptions, type MetricArgument } from '../training/plugins/evaluation';
export { EvaluationResults, type Curve, type CurveJSON, type EvaluationResultsJSON, type NestedArray } from '../results/evaluation-results';
export { defaultEvaluator } from '../training/plugins/default-evaluator';
export { metricName, parseMetricName } from './metric';
export type {
  AllMetrics,
  ByMetricName,
  EmittedMetric,
  History,
  LastMetrics,
  MetricNameParts,
  MetricValue,
  NameParts,
  PluginMetric,
} from './metric';
export { accuracyMetrics, type AccuracyLevels } from './metrics/accuracy';
export { lossMetrics } from './metrics/loss';
export { timingMetrics } from './metrics/timing';
export { bwtMetrics, forgettingMetrics, type TransferLevels } from './metrics/forgetting';
export { forwardTransferMetrics } from './metrics/forward-transfer';
export { confusionMatrixMetrics, type ConfusionMatrixOptions } from './metrics/confusion-matrix';
export type { MetricLevels } from './metrics/mean-metric';
export { averageAccuracy, averageForgetting, type AccuracyMatrix } from '../results/accuracy-matrix';
