import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  type Experience,
  manualSeed,
  ncBenchmark,
  niBenchmark,
  ops,
  tensor,
  type Tensor,
  TensorDataset,
  type Transform,
} from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { inputsOf } from '../support/recorded-images';

/** One sample of three bytes. */
const data = (transform?: Transform) =>
  new TensorDataset(tensor(new Uint8Array([0, 51, 255]), { shape: [1, 3] }), tensor([0], { dtype: 'int64' }), {
    transform,
  });
const permutation = tensor([2, -1, 0], { dtype: 'int64' });
const normalize = { mean: 0.5, std: 0.25 };
const plusOne = (x: Tensor): Tensor => ops.aten.add!(x, 1);
const rounded = async (experience: Experience) =>
  (await inputsOf(experience)).toNumbers().map((value) => Math.round(value * 1e4) / 1e4);

/** The same chain with a function in it, which takes another way. */
const identity = (x: Tensor) => x;

describe('transforms of a benchmark', () => {
  it('trainTransform and evalTransform come after those of the dataset', async () => {
    const options = { trainTransform: { normalize }, evalTransform: plusOne };
    const own = data({ permutation, toFloat: true });
    for (const { trainStream, testStream } of [
      ncBenchmark(own, own, { nExperiences: 1, ...options }),
      niBenchmark(own, own, { nExperiences: 1, ...options }),
    ]) {
      assert.deepEqual(await rounded(trainStream.at(0)!), [2, -2, -2]);
      assert.deepEqual(await rounded(testStream.at(0)!), [2, 1, 1]);
      assert.deepEqual(trainStream.at(0)!.dataset.transform, { permutation, toFloat: true, normalize });
    }
  });

  const chains: [name: string, own: Transform, further: Transform, expected: number[]][] = [
    ['a permutation after floats', { toFloat: true }, { permutation }, [1, 0, 0]],
    ['a permutation after normalisation', { toFloat: true, normalize }, { permutation }, [2, 0, -2]],
    ['two permutations', { permutation }, { permutation, toFloat: true }, [0, 0, 1]],
    ['two normalisations', { toFloat: true, normalize }, { normalize: { mean: 2, std: 2 } }, [-2, -1.6, 0]],
    ['nothing', { toFloat: true }, {}, [0, 0.2, 1]],
  ];
  for (const [name, own, further, expected] of chains) {
    it(`${name}, described or with functions between`, async () => {
      for (const own2 of [own, withFunction(own)]) {
        const { trainStream } = ncBenchmark(data(own2), data(own2), { nExperiences: 1, trainTransform: further });
        assert.deepEqual(await rounded(trainStream.at(0)!), expected);
      }
    });
  }

  it('draws as many random numbers before a function as without one', async () => {
    const own = data({ toFloat: true, draws: 3 });
    const next = async (trainTransform: Transform) => {
      const { trainStream } = ncBenchmark(own, own, { nExperiences: 1, shuffle: false, trainTransform });
      manualSeed(0);
      await inputsOf(trainStream.at(0)!);
      return ops.aten.randperm!(20, { dtype: 'int64' }).toNumbers();
    };
    assert.deepEqual(await next(identity), await next({ normalize }));
  });

  it('misuse: a transform that does not fit the data', () => {
    const make = (trainTransform: Transform) => () => ncBenchmark(data(), data(), { nExperiences: 1, trainTransform });
    throwsWithCode(make({ normalize }), 'ERR_INVALID_ARG_VALUE', /expected x of floats, or toFloat/);
    throwsWithCode(
      make({ permutation: tensor([0], { dtype: 'int64' }) }),
      'ERR_INVALID_ARG_VALUE',
      /transform.permutation to be int64 \[3\], got int64 \[1\]$/,
    );
    throwsWithCode(make('normalise' as never), 'ERR_INVALID_ARG_TYPE', /expected trainTransform to be a function/);
  });
});

/** A dataset's own transform as a function, by the way of a benchmark that composes it with one. */
function withFunction(own: Transform): Transform {
  const { trainStream } = ncBenchmark(data(own), data(own), { nExperiences: 1, trainTransform: identity });
  const { transform } = trainStream.at(0)!.dataset;
  assert.equal(typeof transform, 'function');
  return transform;
}
