import { accuracyOfLabels } from '../../evaluation/metrics/accuracy';
import { lossMetrics } from '../../evaluation/metrics/loss';
import { InteractiveLogger } from '../../logging/interactive-logger';
import { EvaluationPlugin } from './evaluation';

/**
 * What a strategy measures unless told otherwise: accuracy and loss of each epoch, experience and stream, shown by an
 * `InteractiveLogger`. Each strategy gets its own. Where targets are no labels (a regression), accuracy is left out with a
 * warning.
 */
export function defaultEvaluator(): EvaluationPlugin {
  const levels = { epoch: true, experience: true, stream: true };
  return new EvaluationPlugin(accuracyOfLabels(levels, warnOnce()), lossMetrics(levels), { loggers: [new InteractiveLogger()] });
}

function warnOnce(): () => void {
  let hasWarned = false;
  return () => {
    if (hasWarned) return;
    hasWarned = true;
    process.emitWarning(
      'The default evaluator leaves accuracy out: targets are neither labels, integers [B], nor a number for each class, as ' +
        'the output [B, C]. For a regression give the strategy an evaluator of lossMetrics.',
      'ContinualTorchWarning',
    );
  };
}
