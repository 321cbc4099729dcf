// Makes several evaluators without loggers; with the argument `silent`, evaluators of which that was said.
import '../../support/device';
import { accuracyMetrics, EvaluationPlugin, Naive, optim } from '../../../lib/index';
import { smallModel } from '../../support/small-runs';

if (process.argv[2] === 'silent') {
  new EvaluationPlugin(accuracyMetrics({ epoch: true }), { loggers: [] });
} else {
  const model = smallModel();
  const optimizer = new optim.SGD(model.parameters());
  for (let i = 0; i < 3; i++) new Naive({ model, optimizer, evaluator: null });
  new EvaluationPlugin(accuracyMetrics({ epoch: true }), { collectAll: false });
}
