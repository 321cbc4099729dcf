// A strategy runs a model's forward as one graph, images with channels last: the output is that of `model.forward`.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { benchmarkFromDatasets, jit, manualSeed, Naive, nn, optim, ops, type Tensor, tensor, TensorDataset } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { smallBenchmark, smallModel } from '../support/small-runs';

const load = (name: string) => jit.load(join(__dirname, '../fixtures/forwards', `${name}.pt`));
const pixels = Float32Array.from({ length: 2 * 2 * 4 * 4 }, (_, i) => Math.sin(i + 1));
const images = tensor(pixels, { shape: [2, 2, 4, 4] });
const { trainStream } = benchmarkFromDatasets({ train: [new TensorDataset(images, tensor([0, 1], { dtype: 'int64' }))] });

/** The output that a strategy computes, and that of `forward` with the same random numbers. */
async function outputs(model: nn.Module, isTraining: boolean): Promise<[number[], number[]]> {
  let ofStrategy: number[] = [];
  const look = (strategy: { mbOutput: Tensor | null }) => void (ofStrategy = strategy.mbOutput!.toNumbers());
  const seed = () => manualSeed(7);
  const strategy = new Naive({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 2,
    evaluator: null,
    plugins: [{ beforeForward: seed, afterForward: look, beforeEvalForward: seed, afterEvalForward: look }],
  });
  if (isTraining) await strategy.train(trainStream, { shuffle: false });
  else await strategy.eval(trainStream);
  model.train(isTraining);
  seed();
  return [ofStrategy, model.forward(images).toNumbers()];
}

describe('the forward of a strategy', () => {
  for (const name of [
    'Stride',
    'Contiguous',
    'ViewOfDetached',
    'ViewOfChoice',
    'ViewOfChanged',
    'ViewOfAttribute',
    'Dropped',
    'DrawsInVain',
  ]) {
    for (const isTraining of [true, false]) {
      it(`gives what the model gives: ${name} in ${isTraining ? 'training' : 'evaluation'}`, async () => {
        const [actual, expected] = await outputs(await load(name), isTraining);
        assert.equal(actual.length, expected.length);
        actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${value} is not ${expected[i]}`));
      });
    }
  }

  it('misuse: images in, a list of tensors out', async () => {
    const model = await load('Listed');
    await rejectsWithCode(outputs(model, false), 'ERR_MODEL_OUTPUT', /one tensor/);
  });
});

describe('a pass that computes everything at once', () => {
  it('lets the event loop turn', async () => {
    class Net extends nn.Module {
      layer = new nn.Linear(4, 4);
      override forward(x: Tensor): Tensor {
        return this.layer.forward(x);
      }
    }
    const model = new Net();
    const evaluator = null;
    const strategy = new Naive({ model, optimizer: new optim.SGD(model.parameters()), evalMbSize: 1, evaluator });
    const samples = 20_000;
    const dataset = new TensorDataset(ops.aten.zeros!([samples, 4]) as Tensor, tensor(new BigInt64Array(samples)));
    let isOver = false;
    const evaluation = strategy.eval(benchmarkFromDatasets({ test: [dataset] }).testStream).finally(() => (isOver = true));
    let turns = 0;
    for (; !isOver; turns++) await nextTurn();
    await evaluation;
    assert.ok(turns > 3, `${turns} turns`);
  });
});

describe('a gradient that a hook reshapes in place', () => {
  it('is the next one in its own shape again', async () => {
    const run = async (tamper: (gradient: Tensor) => void) => {
      manualSeed(3);
      const model = smallModel();
      const afterUpdate = () => tamper(model.parameters()[0]!.grad!);
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const strategy = new Naive({ model, optimizer, trainMbSize: 2, evaluator: null, plugins: [{ afterUpdate }] });
      await strategy.train(smallBenchmark().trainStream.at(0)!, { shuffle: false });
      return model.parameters().map((parameter) => parameter.toNumbers());
    };
    const undisturbed = await run(() => {});
    assert.deepEqual(await run((gradient) => void ops.aten.t_!(gradient)), undisturbed);
    assert.deepEqual(await run((gradient) => void ops.aten.resize_!(gradient, [1])), undisturbed);
  });
});
