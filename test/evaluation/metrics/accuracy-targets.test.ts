// Accuracy compares predictions with labels: where targets are none, it is refused or left out.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  bwtMetrics,
  confusionMatrixMetrics,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  lossMetrics,
  manualSeed,
  nn,
  optim,
  type PluginMetric,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  type Tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';
import { rejectsWithCode } from '../../support/assertions';
import { captured } from '../../support/evaluators';
import { warnings } from '../../support/warnings';

const samples = 8;
const real = (...shape: number[]) => torch.linspace(-1, 1, shape.reduce((a, b) => a * b, 1)).reshape(shape);

/** Two experiences of these targets, in both streams. */
function benchmarkOf(targets: Tensor): Benchmark {
  const data = () => [0, 1].map(() => new TensorDataset(real(samples, 3), targets, { taskLabels: 0 }));
  return benchmarkFromDatasets({ train: data(), test: data() });
}

function makeStrategy(outputs: number, options: Partial<SupervisedTemplateOptions>, ...behind: nn.Module[]) {
  manualSeed(1);
  const model = new nn.Sequential(new nn.Linear(3, outputs), ...behind);
  const criterion = (output: Tensor, target: Tensor) => output.sum().add(target.sum()).mul(0.01);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
  return new SupervisedTemplate({ model, optimizer, criterion, trainMbSize: 2, evalMbSize: 2, ...options });
}

const evaluatorOf = (...metrics: PluginMetric[][]) => new EvaluationPlugin(...metrics, { loggers: [] });

describe('accuracy of targets that are no labels', () => {
  const column = () => real(samples, 1);
  const line = () => real(samples);
  const integers = () => torch.arange(samples).remainder(3);
  const refused: [what: string, outputs: number, targets: () => Tensor, shapes: RegExp, ...behind: nn.Module[]][] = [
    ['real numbers [B], one output', 1, line, /output float32 \[2, 1\] and target float32 \[2\]/],
    ['real numbers [B, 1], one output', 1, column, /output float32 \[2, 1\] and target float32 \[2, 1\]/],
    ['real numbers [B], several outputs', 3, line, /output float32 \[2, 3\] and target float32 \[2\]/],
    ['real numbers [B, 1], several outputs', 3, column, /target float32 \[2, 1\]/],
    ['real numbers of another width', 3, () => real(samples, 2), /target float32 \[2, 2\]/],
    ['integers [B, 1], one output', 1, () => integers().unsqueeze(1), /target int64 \[2, 1\]/],
    ['an output [B]', 1, integers, /output float32 \[2\] and target int64 \[2\]/, new nn.Flatten({ startDim: 0 })],
  ];
  for (const [what, outputs, targets, shapes, ...behind] of refused) {
    it(`refuses at the first mini-batch: ${what}`, async () => {
      const benchmark = benchmarkOf(targets());
      const metrics = () => evaluatorOf(accuracyMetrics({ epoch: true, experience: true, stream: true }), lossMetrics({ epoch: true }));
      const trained = makeStrategy(outputs, { evaluator: metrics() }, ...behind);
      const error = await rejectsWithCode(trained.train(benchmark.trainStream), 'ERR_ACCURACY_TARGET', shapes);
      assert.match(error.message, /^accuracy: expected targets that are labels.*lossMetrics in place of accuracyMetrics$/);
      assert.ok(trained.clock.trainIterations <= 1, `${trained.clock.trainIterations} iterations`);
      const evaluated = makeStrategy(outputs, { evaluator: metrics() }, ...behind);
      await rejectsWithCode(evaluated.eval(benchmark.testStream), 'ERR_ACCURACY_TARGET', shapes);
    });
  }

  const levels = { experience: true, stream: true };
  const demanding: [name: string, metrics: () => PluginMetric[]][] = [
    ['minibatch', () => accuracyMetrics({ minibatch: true })],
    ['epochRunning', () => accuracyMetrics({ epochRunning: true })],
    ['trainedExperience', () => accuracyMetrics({ trainedExperience: true })],
    ['forgetting', () => forgettingMetrics(levels)],
    ['backward transfer', () => bwtMetrics(levels)],
    ['forward transfer', () => forwardTransferMetrics(levels)],
  ];
  for (const [name, metrics] of demanding) {
    it(`refuses by every metric that is made of it: ${name}`, async () => {
      const strategy = makeStrategy(1, { evaluator: evaluatorOf(metrics(), lossMetrics({ epoch: true })) });
      const benchmark = benchmarkOf(line());
      await rejectsWithCode(strategy.eval(benchmark.testStream), 'ERR_ACCURACY_TARGET', /target float32 \[2\]/);
    });
  }

  const taken: [what: string, outputs: number, targets: () => Tensor][] = [
    ['labels', 3, integers],
    ['labels of one class', 1, () => torch.zeros([samples], { dtype: 'int64' })],
    ['int32 labels', 3, () => integers().to('int32')],
    ['probabilities', 3, () => real(samples, 3).softmax(1)],
    ['a one in the place of the class, as booleans', 3, () => torch.eye(3).index([integers()]).to('bool')],
  ];
  for (const [what, outputs, targets] of taken) {
    it(`takes ${what}`, async () => {
      const strategy = makeStrategy(outputs, { evaluator: evaluatorOf(accuracyMetrics({ epoch: true, stream: true })) });
      const benchmark = benchmarkOf(targets());
      const seen = await warnings(async () => {
        await strategy.train(benchmark.trainStream);
        const values = await strategy.eval(benchmark.testStream);
        const accuracy = values['Top1_Acc_Stream/eval_phase/test_stream/Task000'] as number;
        const labels = targets();
        const classes = labels.ndim === 2 ? labels.to('float32').argmax(1) : labels;
        const right = strategy.model.forward(real(samples, 3)).argmax(1).eq(classes).toNumbers();
        assert.equal(accuracy, right.filter(Boolean).length / samples);
      });
      assert.deepEqual(seen, []);
    });
  }

  it('is not asked for by metrics of the loss alone', async () => {
    const strategy = makeStrategy(1, { evaluator: evaluatorOf(lossMetrics({ epoch: true, stream: true })) });
    const benchmark = benchmarkOf(line());
    const seen = await warnings(async () => {
      await strategy.train(benchmark.trainStream);
      assert.deepEqual(Object.keys(await strategy.eval(benchmark.testStream)).sort(), [
        'Loss_Epoch/train_phase/train_stream/Task000',
        'Loss_Stream/eval_phase/test_stream/Task000',
      ]);
    });
    assert.deepEqual(seen, []);
    assert.deepEqual(strategy.evaluator.results.accuracyMatrix, {});
  });

  it('is left out by the default evaluator, with one warning', async () => {
    const benchmark = benchmarkOf(line());
    const strategy = makeStrategy(1, {});
    let values: string[] = [];
    const seen = await warnings(async () => {
      await captured('stdout', async () => {
        await strategy.train(benchmark.trainStream);
        values = Object.keys(await strategy.eval(benchmark.testStream));
      });
    });
    assert.equal(seen.length, 1);
    assert.match(seen[0]!, /default evaluator leaves accuracy out.*lossMetrics/);
    assert.ok(values.some((name) => name.startsWith('Loss_Epoch')) && values.some((name) => name.startsWith('Loss_Stream')));
    assert.deepEqual(values.filter((name) => name.startsWith('Top1')), []);
  });

  it('confusion matrices refuse real numbers [B] and [B, 1] in the evaluation, and take labels afterwards', async () => {
    const strategy = makeStrategy(1, { evaluator: evaluatorOf(confusionMatrixMetrics({ stream: true })) });
    const message = /^confusionMatrixMetrics: expected targets to be labels .*got float32 \[2(, 1)?\]: .*lossMetrics/;
    for (const targets of [column(), line(), torch.zeros([samples])]) {
      await rejectsWithCode(strategy.eval(benchmarkOf(targets).testStream), 'ERR_ACCURACY_TARGET', message);
    }
    const metrics = await strategy.eval(benchmarkOf(torch.zeros([samples], { dtype: 'int64' })).testStream);
    const [name] = Object.keys(metrics);
    assert.match(name!, /^ConfusionMatrix_Stream/);
    assert.deepEqual((metrics[name!] as Tensor).toNumbers(), [2 * samples]);
  });
});
