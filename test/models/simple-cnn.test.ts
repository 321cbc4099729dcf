import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { models, ops, type Tensor } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { experience, tasks } from '../support/recorded-models';
import { assertEqualsRecordedModel, parameterCount } from '../support/recorded-whole-models';

const images = (count: number) => ops.aten.zeros!([count, 3, 16, 16]) as Tensor;

describe('models.SimpleCNN', () => {
  it("equals Avalanche's from the same seed: state, outputs, dropout, gradients", () =>
    assertEqualsRecordedModel('simple-cnn', () => new models.SimpleCNN({ numClasses: 5 })));

  it('has 70378 parameters and 10 classes by default, and takes images of any size', () => {
    const model = new models.SimpleCNN().eval();
    assert.equal(parameterCount(model), 70378);
    assert.deepEqual(model.forward(images(1)).shape, [1, 10]);
    assert.deepEqual(model.forward(ops.aten.zeros!([2, 3, 33, 20]) as Tensor).shape, [2, 10]);
  });

  it('misuse: other channels, images that vanish, options', () => {
    throwsWithCode(
      () => new models.SimpleCNN().forward(ops.aten.zeros!([1, 1, 28, 28])),
      'ERR_TORCH',
      /3 channels, but got 1/,
    );
    throwsWithCode(() => new models.SimpleCNN().forward(ops.aten.zeros!([1, 3, 5, 5])), 'ERR_TORCH', /.+/);
    throwsWithCode(
      () => new models.SimpleCNN({ numClasses: 0 }),
      'ERR_INVALID_ARG_VALUE',
      /^SimpleCNN: expected numClasses/,
    );
  });
});

describe('models.MTSimpleCNN', () => {
  it("equals Avalanche's from the same seed: state, growth, outputs, dropout, gradients", () =>
    assertEqualsRecordedModel('mt-simple-cnn', () => new models.MTSimpleCNN()));

  it('takes a mini-batch of one sample, and columns filled with the mask value', () => {
    const model = new models.MTSimpleCNN({ fill: 'maskValue' }).eval();
    models.avalancheModelAdaptation(model, experience([3], 1));
    const output = model.forward(images(1), tasks(0));
    assert.deepEqual(output.shape, [1, 4]);
    assert.deepEqual(output.toNumbers().slice(2), [-1000, -1000]);
  });

  it('misuse: no task labels, options', () => {
    throwsWithCode(
      () => new models.MTSimpleCNN().forward(images(1)),
      'ERR_NO_TASK_LABELS',
      /^forward: expected task labels/,
    );
    throwsWithCode(
      () => new models.MTSimpleCNN({ numClasses: 1 } as never),
      'ERR_UNKNOWN_OPTION',
      /expected among masking, fill$/,
    );
  });
});
