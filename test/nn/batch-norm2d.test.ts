import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nn, ops, tensor } from '../../lib/index';
import { assertTensorClose, throwsWithCode } from '../support/assertions';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

describe('nn.BatchNorm2d', () => {
  it("equals PyTorch's: outputs in train and eval mode, gradients, running statistics", () =>
    assertEqualsRecordedLayer('batch-norm2d', 43, () => new nn.BatchNorm2d(3, { eps: 1e-3, momentum: 0.3 }), 'models'));

  it('normalises each channel, and moves the running statistics by a tenth', () => {
    const layer = new nn.BatchNorm2d(1);
    // mean 2, biased variance 1, unbiased 2
    const output = layer.forward(tensor([[[[1, 3]]]]));
    assertTensorClose(output, tensor([[[[-1, 1]]]]), { relative: 1e-5, absolute: 0 });
    const buffers = layer.namedBuffers();
    assertTensorClose(buffers.get('running_mean')!, tensor([0.2]));
    assertTensorClose(buffers.get('running_var')!, tensor([1.1]));
    assert.deepEqual(buffers.get('num_batches_tracked')!.toNumbers(), [1]);
    assert.equal(buffers.get('num_batches_tracked')!.dtype, 'int64');
    layer.eval().forward(tensor([[[[5, 5]]]]));
    assert.deepEqual(buffers.get('num_batches_tracked')!.toNumbers(), [1], 'eval mode leaves the statistics alone');
  });

  it('misuse: one value a channel in train mode, another number of dimensions', () => {
    const layer = new nn.BatchNorm2d(2);
    throwsWithCode(
      () => layer.forward(ops.aten.ones!([1, 2, 1, 1])),
      'ERR_TORCH',
      /expected more than 1 value for each channel/,
    );
    throwsWithCode(
      () => layer.forward(ops.aten.ones!([3, 2])),
      'ERR_TORCH',
      /expected an input \[B, C, H, W\], got 2 dimensions/,
    );
    assert.deepEqual(layer.namedBuffers().get('num_batches_tracked')!.toNumbers(), [0]);
    assert.deepEqual(layer.eval().forward(ops.aten.ones!([1, 2, 1, 1])).shape, [1, 2, 1, 1]);
  });

  it('misuse: arguments', () => {
    throwsWithCode(
      () => new nn.BatchNorm2d(0),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.BatchNorm2d: expected numFeatures to be a positive integer/,
    );
    throwsWithCode(
      () => new nn.BatchNorm2d(1, { momentum: 2 }),
      'ERR_INVALID_ARG_VALUE',
      /momentum to be a number in \[0, 1\]/,
    );
    throwsWithCode(
      () => new nn.BatchNorm2d(1, { afine: false } as never),
      'ERR_UNKNOWN_OPTION',
      /"afine"; expected among eps, momentum, affine, trackRunningStats, bias, device, dtype$/,
    );
  });
});
