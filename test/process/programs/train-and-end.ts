// Does what the first argument says and comes to its end without any further ado.
import '../../support/device';
import { MAS, optim, tensor } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { smallBenchmark, smallModel } from '../../support/small-runs';

async function main(): Promise<void> {
  if (process.argv[2] === 'import') return;
  tensor([1, 2, 3]);
  if (process.argv[2] === 'tensor') return;
  const model = smallModel();
  const optimizer = new optim.SGD(model.parameters());
  const strategy = new MAS({ model, optimizer, trainMbSize: 4, evaluator: quietEvaluator() });
  const { trainStream, testStream } = smallBenchmark();
  await strategy.train(trainStream);
  await strategy.eval(testStream);
}

void main().then(() => console.log('end'));
