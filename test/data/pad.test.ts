import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { DataLoader, ncBenchmark, splitMNIST, tensor, TensorDataset, type TensorTransform, torch, type Transform } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { inputsOf } from '../support/recorded-images';

const long = { dtype: 'int64' } as const;
/** The sample 10 20 / 30 40, and 1 2 / 3 4. */
const bytes = () => tensor(new Uint8Array([10, 20, 30, 40, 1, 2, 3, 4]), { shape: [2, 1, 2, 2] });
const framed = [0, 0, 0, 0, 0, 10, 20, 0, 0, 30, 40, 0, 0, 0, 0, 0];

async function gathered(x: ReturnType<typeof bytes>, transform: Transform, samples = [0]) {
  const dataset = new TensorDataset(x, Array<number>(x.shape[0]!).fill(0), { transform }).subset(samples);
  for await (const [batch] of new DataLoader(dataset, { batchSize: samples.length })) return batch;
  throw new Error('no mini-batch');
}
const rounded = (numbers: number[]) => numbers.map((value) => Math.round(value * 1e5) / 1e5);

describe('the transform pad', () => {
  it('puts zeros around the last two dimensions, of bytes and of floats', async () => {
    for (const x of [bytes(), bytes().to('float32'), bytes().to('float64'), bytes().to('int64')]) {
      const padded = await gathered(x, { pad: 1 });
      assert.equal(padded.dtype, x.dtype);
      assert.deepEqual(padded.shape, [1, 1, 4, 4]);
      assert.deepEqual(padded.toNumbers(), framed);
    }
  });

  it('of bytes that become floats, whichever samples and channels', async () => {
    const x = tensor(new Uint8Array([...Array(24).keys()]), { shape: [2, 2, 2, 3], device: 'cpu' });
    const padded = await gathered(x, { pad: 2, toFloat: true }, [1, 0, 1]);
    assert.deepEqual(padded.shape, [3, 2, 6, 7]);
    const expected = torch.constantPadNd(x.to('float32').div(255), [2, 2, 2, 2]);
    assert.ok(padded.equal(torch.stack([1, 0, 1].map((i) => expected.select(0, i)))));
    const rows = await gathered(x.flatten(0, 1), { pad: 1, toFloat: true }, [3]);
    assert.deepEqual(rows.shape, [1, 4, 5]);
    assert.deepEqual(rounded(rows.mul(255).toNumbers()), [0, 0, 0, 0, 0, 0, 18, 19, 20, 0, 0, 21, 22, 23, 0, 0, 0, 0, 0, 0]);
  });

  it('comes before a permutation, which moves the zeros too, and before normalisation', async () => {
    const normalize = { mean: 0.1, std: 0.2 };
    const padded = await gathered(bytes(), { pad: 1, toFloat: true, normalize });
    assert.deepEqual(rounded(padded.toNumbers()), rounded(framed.map((value) => (value / 255 - 0.1) / 0.2)));
    const order = [5, 6, 0, 9, 10, -1, ...Array<number>(10).fill(3)];
    const permutation = tensor(order, long);
    for (const x of [bytes(), bytes().to('float32')]) {
      const moved = await gathered(x, { pad: 1, permutation });
      assert.deepEqual(moved.shape, [1, 1, 4, 4]);
      assert.deepEqual(moved.toNumbers(), [10, 20, 0, 30, 40, ...Array<number>(11).fill(0)]);
    }
    const all = await gathered(bytes(), { pad: 1, permutation, toFloat: true, normalize });
    assert.deepEqual(rounded(all.toNumbers().slice(0, 3)), rounded([10, 20, 0].map((value) => (value / 255 - 0.1) / 0.2)));
  });

  it('0 pads nothing; images without pixels become frames', async () => {
    assert.deepEqual((await gathered(bytes(), { pad: 0 })).shape, [1, 1, 2, 2]);
    for (const transform of [{ pad: 1 }, { pad: 1, toFloat: true, normalize: { mean: 1, std: 1 } }]) {
      const frame = await gathered(tensor(new Uint8Array(0), { shape: [1, 0, 2] }), transform);
      assert.deepEqual(frame.shape, [1, 2, 4]);
      assert.deepEqual(frame.toNumbers(), Array<number>(8).fill('normalize' in transform ? -1 : 0));
    }
  });

  it('joins the other stages of a chain where the order allows it, and is done in turn where not', async () => {
    const permutation = tensor([3, 2, 1, 0], long);
    const chain = async (first: TensorTransform, second: TensorTransform) => {
      const data = new TensorDataset(bytes(), [0, 0], { transform: first });
      const { trainStream } = ncBenchmark(data, data, { nExperiences: 1, shuffle: false, trainTransform: second });
      const { dataset } = trainStream.at(0)!;
      return { transform: dataset.transform, values: (await inputsOf(trainStream.at(0)!)).select(0, 0).toNumbers() };
    };
    const joined = await chain({ toFloat: true }, { pad: 1, normalize: { mean: 0, std: 1 / 255 } });
    assert.deepEqual(joined.transform, { toFloat: true, pad: 1, normalize: { mean: 0, std: 1 / 255 } });
    assert.deepEqual(rounded(joined.values), framed);
    const apart = await chain({ permutation }, { pad: 1 });
    assert.equal(typeof apart.transform, 'function');
    assert.deepEqual(apart.values, [0, 0, 0, 0, 0, 40, 30, 0, 0, 20, 10, 0, 0, 0, 0, 0]);
    const twice = await chain({ pad: 1 }, { pad: 1, toFloat: true });
    assert.equal(twice.values.length, 36);
    assert.equal(Math.round(twice.values[14]! * 255), 10);
  });

  it('makes 32 x 32 of the images of MNIST', async () => {
    const { trainStream } = await splitMNIST({ nExperiences: 5, trainTransform: { pad: 2 } });
    const { dataset } = trainStream.at(0)!;
    const [first] = (await new DataLoader(dataset, { batchSize: 8 })[Symbol.asyncIterator]().next()).value!;
    assert.deepEqual(first.shape, [8, 1, 32, 32]);
    const [plain] = (await new DataLoader(dataset.withTransform({ toFloat: true }), { batchSize: 8 })[Symbol.asyncIterator]().next()).value!;
    assert.ok(torch.constantPadNd(plain, [2, 2, 2, 2]).equal(first));
  });

  it('misuse', () => {
    const make = (x: ReturnType<typeof bytes>, transform: object) => () => new TensorDataset(x, [0, 0], { transform });
    throwsWithCode(make(bytes(), { pad: -1 }), 'ERR_INVALID_ARG_VALUE', /transform/);
    throwsWithCode(make(bytes(), { pad: 1.5 }), 'ERR_INVALID_ARG_TYPE', /with an integer pad in \[0, 65536\]/);
    throwsWithCode(make(bytes(), { pad: 65537 }), 'ERR_INVALID_ARG_VALUE', /transform/);
    throwsWithCode(make(bytes(), { pad: [1, 2] }), 'ERR_INVALID_ARG_TYPE', /\{ pad, permutation, toFloat, normalize/);
    throwsWithCode(
      make(bytes().flatten(1), { pad: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /expected samples \[\.\.\., rows, columns\] where transform\.pad is given, got \[4\]$/,
    );
    throwsWithCode(
      make(bytes(), { pad: 1, permutation: tensor([3, 2, 1, 0], long) }),
      'ERR_INVALID_ARG_VALUE',
      /transform\.permutation to be int64 \[16\], got int64 \[4\]$/,
    );
    const outside = new TensorDataset(bytes(), [0, 0], { transform: { pad: 1, permutation: tensor(Array<number>(16).fill(16), long) } });
    throwsWithCode(() => outside.toNative(), 'ERR_INDEX_RANGE', /indices in \[-1, 16\)/);
  });
});
