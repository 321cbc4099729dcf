// Trains one model with strategies that are dropped one after the other, turns a parameter into a computed tensor, and
// collects the garbage: hooks of layouts that are gone must do nothing.
import '../../support/device';
import { models, optim, ops, SupervisedTemplate, tensor } from '../../../lib/index';
import { quietEvaluator } from '../../support/evaluators';
import { smallBenchmark } from '../../support/small-runs';

async function train(model: models.SimpleMLP): Promise<void> {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 4, evaluator: quietEvaluator() });
  for (const experience of smallBenchmark().trainStream) await strategy.train(experience);
}

async function main(): Promise<void> {
  const model = new models.SimpleMLP({ inputSize: 4, hiddenSize: 8, numClasses: 4 });
  for (let i = 0; i < 5; i++) {
    await train(model);
    gc!();
  }
  const [weight] = model.parameters();
  weight!.requiresGrad_(false);
  ops.aten.add_!(weight, tensor([1]).requiresGrad_());
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    gc!();
  }
  console.log('end');
}

void main();
