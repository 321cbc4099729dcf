import { InteractiveLogger } from '../logging/interactive-logger';
import { EvaluationPlugin } from './evaluation-plugin';
import { accuracyMetrics } from './metrics/accuracy';
import { lossMetrics } from './metrics/loss';

/**
 * What a strategy measures unless told otherwise: accuracy and loss of each epoch, experience and stream, shown by an
 * `InteractiveLogger`. Each strategy gets its own.
 */
export function defaultEvaluator(): EvaluationPlugin {
  const levels = { epoch: true, experience: true, stream: true };
  return new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels), { loggers: [new InteractiveLogger()] });
}
