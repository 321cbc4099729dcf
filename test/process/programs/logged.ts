// Trains with loggers of files in the folder given, and ends the process in the middle of the fourth epoch.
import '../../support/device';
import { accuracyMetrics, CSVLogger, EvaluationPlugin, lossMetrics, Naive, optim, TensorboardLogger } from '../../../lib/index';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const [, , folder] = process.argv;
const model = smallModel();
const evaluator = new EvaluationPlugin(accuracyMetrics({ epoch: true }), lossMetrics({ minibatch: true }), {
  loggers: [new CSVLogger(folder), new TensorboardLogger(folder)],
});
const strategy = new Naive({
  model,
  optimizer: new optim.SGD(model.parameters()),
  trainMbSize: 2,
  trainEpochs: 10,
  evaluator,
});
// Behind the evaluator: the value of this iteration has just been logged.
strategy.plugins.push({ afterTrainingIteration: ({ clock }) => void (clock.trainIterations === 14 && process.exit(7)) });
void strategy.train(smallBenchmark().trainStream.at(0)!);
