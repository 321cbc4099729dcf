import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  confusionMatrixMetrics,
  EvaluationPlugin,
  nn,
  ops,
  optim,
  type Plugin,
  type Tensor,
  TensorDataset,
} from '../../../lib/index';
import { answering, constant, labelled, ofTest, three, unitVectors } from '../../support/answering';
import { rejectsWithCode } from '../../support/assertions';
import { smallBenchmark } from '../../support/small-runs';
import { assertUsable, smallStrategy } from '../../support/survival';

describe('the confusion matrix', () => {
  const name = ofTest('ConfusionMatrix_Stream');

  async function matrixOf(
    options: Parameters<typeof confusionMatrixMetrics>[0],
    predictions = [0, 0, 2, 1],
    labels = [0, 1, 2, 2],
  ): Promise<number[][]> {
    const { strategy, answer } = answering([confusionMatrixMetrics({ stream: true, ...options })]);
    answer(predictions);
    await strategy.eval(benchmarkFromDatasets({ test: [labelled(labels)] }).testStream);
    return strategy.evaluator.results.toJSON().curves[name]!.y[0] as number[][];
  }

  it('counts the true class by rows and the predicted one by columns', async () => {
    assert.deepEqual(await matrixOf({}), [
      [1, 0, 0, 0],
      [1, 0, 0, 0],
      [0, 1, 1, 0],
      [0, 0, 0, 0],
    ]);
  });

  it('is normalized over rows, columns or all, 0 / 0 being 0', async () => {
    const rest = [0, 0, 0, 0];
    assert.deepEqual(await matrixOf({ normalize: 'true' }), [[1, 0, 0, 0], [1, 0, 0, 0], [0, 0.5, 0.5, 0], rest]);
    assert.deepEqual(await matrixOf({ normalize: 'pred' }), [[0.5, 0, 0, 0], [0.5, 0, 0, 0], [0, 1, 1, 0], rest]);
    assert.deepEqual(await matrixOf({ normalize: 'all' }), [[0.25, 0, 0, 0], [0.25, 0, 0, 0], [0, 0.25, 0.25, 0], rest]);
  });

  it('has the size asked for, and leaves outputs beyond it out', async () => {
    assert.equal((await matrixOf({ numClasses: 6 })).length, 6);
    // Class 3 is predicted for sample 1, but of classes 0 to 2, all 0, the first.
    assert.deepEqual(await matrixOf({ numClasses: 3 }, [0, 3, 2, 1]), [
      [1, 0, 0],
      [1, 0, 0],
      [0, 1, 1],
    ]);
  });

  it('takes targets of one number a class, and starts anew with each evaluation', async () => {
    const { strategy, answer } = answering([confusionMatrixMetrics({ stream: true })], {
      criterion: (output) => ops.aten.sum!(output) as Tensor,
    });
    answer([1, 1, 2, 3]);
    const { testStream } = benchmarkFromDatasets({ test: [new TensorDataset(unitVectors, unitVectors)] });
    await strategy.eval(testStream);
    await strategy.eval(testStream);
    const expected = [
      [0, 1, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    assert.deepEqual(strategy.evaluator.results.toJSON().curves[name]!.y, [expected, expected]);
  });

  it('grows with labels that the outputs have no place for, within bounds', async () => {
    const run = async (label: number) => {
      const criterion = (output: Tensor) => ops.aten.sum!(output) as Tensor;
      const { strategy } = answering([confusionMatrixMetrics({ stream: true })], { criterion });
      await strategy.eval(benchmarkFromDatasets({ test: [constant(label)] }).testStream);
      return strategy.evaluator.getLastMetrics()[name] as Tensor;
    };
    assert.deepEqual((await run(5)).shape, [6, 6]);
    for (const label of [-1, 2 ** 14, 2 ** 40]) {
      const message = new RegExp(`expected targets to be labels of at least 0 and less than 16384, got ${label}$`);
      await rejectsWithCode(run(label), 'ERR_LABEL_RANGE', message);
    }
  });

  it('misuse: labels beyond numClasses, outputs of three dimensions', async () => {
    await rejectsWithCode(matrixOf({ numClasses: 2 }), 'ERR_LABEL_RANGE', /targets to be labels .* less than 2, got 2$/);
    const model = new nn.Linear(4, 4);
    const strategy = smallStrategy({
      model,
      optimizer: new optim.SGD(model.parameters()),
      criterion: (output) => ops.aten.sum!(output) as Tensor,
      evaluator: new EvaluationPlugin(confusionMatrixMetrics({ stream: true }), { loggers: [] }),
      plugins: [{ afterEvalForward: (s) => void (s.mbOutput = ops.aten.unsqueeze!(s.mbOutput, 2) as Tensor) }],
    });
    await rejectsWithCode(
      strategy.eval(smallBenchmark().testStream),
      'ERR_SHAPE',
      /^confusionMatrixMetrics: expected outputs of shape \[B\] or \[B, C\], got \[4, 4, 1\]$/,
    );
    strategy.plugins.shift();
    await assertUsable(strategy);
  });

  it('misuse: more outputs than targets, or fewer, or of more classes than it has room for', async () => {
    const run = (change: (output: Tensor) => Tensor) => {
      const plugins: Plugin[] = [{ afterEvalForward: (s) => void (s.mbOutput = change(s.mbOutput!)) }];
      const criterion = (output: Tensor) => ops.aten.sum!(output) as Tensor;
      const { strategy } = answering([confusionMatrixMetrics({ stream: true })], { plugins, criterion, evalMbSize: 4 });
      return strategy.eval(three().testStream);
    };
    for (const [repeats, count] of [[[2, 1], 8], [[0, 1], 0]] as const) {
      await rejectsWithCode(
        run((output) => ops.aten.repeat!(output, [...repeats]) as Tensor),
        'ERR_SHAPE',
        new RegExp(`^confusionMatrixMetrics: expected as many outputs as targets, got ${count} and 4$`),
      );
    }
    await rejectsWithCode(
      run((output) => ops.aten.repeat!(output, [1, 4097]) as Tensor),
      'ERR_SHAPE',
      /^confusionMatrixMetrics: expected outputs of at most 16384 classes, got \[4, 16388\]; numClasses says/,
    );
  });
});
