/** The namespace `evaluation`: metrics, and the plugin that measures them. */
export * from '../evaluation/index';
export { defaultEvaluator } from './plugins/default-evaluator';
export { EvaluationPlugin, type EvaluationPluginOptions, type MetricArgument } from './plugins/evaluation';
