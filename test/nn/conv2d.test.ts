import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nn, ops, tensor, type Tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

describe('nn.Conv2d', () => {
  it("equals PyTorch's from the same seed with every option: weights, outputs, gradients", () =>
    assertEqualsRecordedLayer(
      'conv2d',
      41,
      () => new nn.Conv2d(4, 6, [3, 2], { stride: [2, 1], padding: [1, 0], dilation: [1, 2], groups: 2 }),
      'models',
    ));

  it("equals PyTorch's by default, without bias", () =>
    assertEqualsRecordedLayer('conv2d-plain', 42, () => new nn.Conv2d(2, 3, 3, { bias: false }), 'models'));

  it('is a cross-correlation: the kernel is not turned', () => {
    const layer = new nn.Conv2d(1, 1, [1, 2], { bias: false });
    const weight = layer.parameters()[0]!;
    assert.deepEqual(weight.shape, [1, 1, 1, 2]);
    weight.requiresGrad_(false);
    ops.aten.copy_!(weight, tensor([[[[1, 10]]]]));
    assertTensorEqual(layer.forward(tensor([[[[1, 2, 3]]]])), tensor([[[[21, 32]]]]));
  });

  it('pads with zeros and steps by the stride', () => {
    const layer = new nn.Conv2d(1, 1, 3, { padding: 1, stride: 2 });
    assert.deepEqual(layer.forward(ops.aten.zeros!([2, 1, 5, 6]) as Tensor).shape, [2, 1, 3, 3]);
  });

  it('misuse: sizes, channels, groups, options', () => {
    for (const size of [0, 1.5, [3], [3, 0], [3, 3, 3], '3', NaN]) {
      throwsWithCode(
        () => new nn.Conv2d(1, 1, size as never),
        size === '3' ? 'ERR_INVALID_ARG_TYPE' : 'ERR_INVALID_ARG_VALUE',
        /^nn\.Conv2d: expected kernelSize(\.\d)? to be an integer of at least 1, or two for height and width, got /,
      );
    }
    throwsWithCode(
      () => new nn.Conv2d(0, 1, 1),
      'ERR_INVALID_ARG_VALUE',
      /inChannels to be a positive integer, got 0$/,
    );
    throwsWithCode(() => new nn.Conv2d(1, 1, 1, { padding: -1 }), 'ERR_INVALID_ARG_VALUE', /padding .* got -1$/);
    throwsWithCode(
      () => new nn.Conv2d(3, 4, 1, { groups: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.Conv2d: expected groups to divide inChannels and outChannels, got 2 for 3 and 4$/,
    );
    throwsWithCode(
      () => new nn.Conv2d(1, 1, 1, { pad: 1 } as never),
      'ERR_UNKNOWN_OPTION',
      /"pad"; expected among stride/,
    );
  });

  it('misuse: an input of other channels, or smaller than the kernel', () => {
    throwsWithCode(
      () => new nn.Conv2d(3, 1, 1).forward(ops.aten.zeros!([1, 2, 4, 4])),
      'ERR_TORCH',
      /3 channels, but got 2/,
    );
    throwsWithCode(() => new nn.Conv2d(1, 1, 5).forward(ops.aten.zeros!([1, 1, 4, 4])), 'ERR_TORCH', /Kernel size/);
  });
});
