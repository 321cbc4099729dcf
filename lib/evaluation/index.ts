export { EvaluationPlugin, type MetricValue, type PluginMetric } from './evaluation-plugin';
export { accuracyMetrics } from './metrics/accuracy';
export { lossMetrics } from './metrics/loss';
export { forgettingMetrics } from './metrics/forgetting';
export type { MeanMetricLevels } from './metrics/mean-metric';
export { averageAccuracy, averageForgetting, type AccuracyMatrix } from './accuracy-matrix';
