import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, models, nn, ops, optim, splitMNIST, tensor } from '../lib/index';
import { assertTensorEqual, rejectsWithCode, throwsWithCode } from './support/assertions';

describe('options', () => {
  it('undefined stands for the default, null for no options at all', () => {
    assert.equal(new nn.CrossEntropyLoss({ ignoreIndex: undefined }).ignoreIndex, -100);
    assert.equal(new nn.CrossEntropyLoss(undefined).labelSmoothing, 0);
    assert.equal(new nn.CrossEntropyLoss(null as never).labelSmoothing, 0);
  });

  it('are not changed by the callee', () => {
    const options = Object.freeze({ numClasses: 2, inputSize: 3, hiddenSize: 4 });
    new models.SimpleMLP(options);
    assert.deepEqual(options, { numClasses: 2, inputSize: 3, hiddenSize: 4 });
  });

  it('misuse: several unknown names are all named', () => {
    throwsWithCode(
      () => new nn.Flatten({ start_dim: 1, end_dim: 2 } as never),
      'ERR_UNKNOWN_OPTION',
      /^nn\.Flatten: unknown option "start_dim", "end_dim"; expected among startDim, endDim$/,
    );
  });

  it('misuse: something else than an object', () => {
    for (const [options, received] of [
      [3, '3'],
      ['lr', '"lr"'],
      [true, 'true'],
      [[1], 'an array of 1'],
    ] as const) {
      throwsWithCode(
        () => new nn.Flatten(options as never),
        'ERR_INVALID_ARG_TYPE',
        new RegExp(`^nn\\.Flatten: expected options to be an object, got ${received}$`),
      );
    }
  });

  it('misuse: a number that is none or has no end is a wrong value, another kind of thing a wrong type', () => {
    const make = (lr: unknown) => () => new optim.SGD([tensor([1])], { lr: lr as number });
    for (const lr of [NaN, Infinity, -Infinity, -1e-9])
      throwsWithCode(make(lr), 'ERR_INVALID_ARG_VALUE', new RegExp(`got ${lr}$`));
    for (const lr of ['0.1', null, 1n, [0.1], {}, true])
      throwsWithCode(make(lr), 'ERR_INVALID_ARG_TYPE', /expected lr to be a number of at least 0/);
  });

  it('misuse in a promise rejects and does not throw', async () => {
    let promise: Promise<unknown> | undefined;
    assert.doesNotThrow(() => (promise = splitMNIST({ nExperiences: 'five' as never })));
    await rejectsWithCode(promise!, 'ERR_INVALID_ARG_TYPE', /got "five"$/);
  });
});

describe('manualSeed', () => {
  it('makes the same seed give the same numbers, and another seed others', () => {
    const drawn = (seed: number) => {
      manualSeed(seed);
      return ops.aten.randn!([20]);
    };
    assertTensorEqual(drawn(0), drawn(0));
    assertTensorEqual(drawn(2 ** 32 - 1), drawn(2 ** 32 - 1));
    assert.notDeepEqual(drawn(0).toNumbers(), drawn(1).toNumbers());
  });

  it('takes what PyTorch takes: negative seeds and 64 bits', () => {
    const drawn = (seed: number | bigint) => {
      manualSeed(seed);
      return ops.aten.randn!([20]);
    };
    assertTensorEqual(drawn(-1), drawn(2n ** 64n - 1n));
    assert.notDeepEqual(drawn(-1).toNumbers(), drawn(0).toNumbers());
  });

  it('misuse: seeds outside [-2^63, 2^64), fractions, other things', () => {
    for (const seed of [1.5, NaN, 2n ** 64n, -(2n ** 63n) - 1n]) {
      throwsWithCode(
        () => manualSeed(seed),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`^manualSeed: expected seed to be an integer in \\[-2\\^63, 2\\^64\\), got ${seed}$`),
      );
    }
    throwsWithCode(() => manualSeed('1' as never), 'ERR_INVALID_ARG_TYPE', /got "1"$/);
    throwsWithCode(() => manualSeed(undefined as never), 'ERR_INVALID_ARG_TYPE', /got undefined$/);
  });
});
