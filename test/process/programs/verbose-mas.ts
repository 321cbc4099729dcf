// Learns two experiences of 10 mini-batches with MAS, verbose or not (first argument).
import '../../support/device';
import { EvaluationPlugin, MAS, optim } from '../../../lib/index';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const model = smallModel();
const strategy = new MAS({
  model,
  optimizer: new optim.SGD(model.parameters()),
  trainMbSize: 2,
  evaluator: new EvaluationPlugin({ loggers: [] }),
  verbose: process.argv[2] === 'verbose',
});
void strategy.train(smallBenchmark({ train: 20 }).trainStream).then(() => console.log('done'));
