import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { nn, ops, tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

const image = () =>
  tensor([
    [
      [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
      ],
    ],
  ]);
const behindConvolution = (pool: nn.Module) => new nn.Sequential(new nn.Conv2d(1, 2, 1), pool);

describe('pooling', () => {
  it("nn.MaxPool2d equals PyTorch's, gradients included", () =>
    assertEqualsRecordedLayer(
      'max-pool2d',
      44,
      () => behindConvolution(new nn.MaxPool2d([3, 2], { stride: 2, padding: [1, 0] })),
      'models',
    ));

  it("nn.AvgPool2d equals PyTorch's, gradients included", () =>
    assertEqualsRecordedLayer(
      'avg-pool2d',
      45,
      () => behindConvolution(new nn.AvgPool2d(2, { padding: 1 })),
      'models',
    ));

  it("nn.AdaptiveMaxPool2d equals PyTorch's, gradients included", () =>
    assertEqualsRecordedLayer(
      'adaptive-max-pool2d',
      46,
      () => behindConvolution(new nn.AdaptiveMaxPool2d([2, 3])),
      'models',
    ));

  it('takes the largest element or the mean of windows that do not overlap by default', () => {
    assertTensorEqual(new nn.MaxPool2d(2).forward(image()), tensor([[[[6, 8]]]]));
    assertTensorEqual(new nn.AvgPool2d(2).forward(image()), tensor([[[[3.5, 5.5]]]]));
    assertTensorEqual(new nn.AvgPool2d(2, { stride: 1 }).forward(image()), tensor([[[[3.5, 4.5, 5.5]]]]));
    assertTensorEqual(new nn.AdaptiveMaxPool2d(1).forward(image()), tensor([[[[8]]]]));
  });

  it('misuse: sizes, options, windows larger than the input', () => {
    throwsWithCode(
      () => new nn.MaxPool2d(0),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.MaxPool2d: expected kernelSize to be an integer of at least 1, or two for height and width, got 0$/,
    );
    throwsWithCode(
      () => new nn.AvgPool2d(2, { stride: 0 }),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.AvgPool2d: expected stride/,
    );
    throwsWithCode(() => new nn.AdaptiveMaxPool2d([1, -1]), 'ERR_INVALID_ARG_VALUE', /expected outputSize/);
    throwsWithCode(
      () => new nn.MaxPool2d(2, { returnIndices: true } as never),
      'ERR_UNKNOWN_OPTION',
      /expected among stride, padding, dilation, ceilMode$/,
    );
    throwsWithCode(() => new nn.MaxPool2d(2, { padding: 2 }).forward(image()), 'ERR_TORCH', /pad/);
    throwsWithCode(() => new nn.AvgPool2d(9).forward(image()), 'ERR_TORCH', /Output size is too small/);
    assert.deepEqual(
      new nn.AvgPool2d(2).forward(ops.aten.zeros!([3, 2, 2])).shape,
      [3, 1, 1],
      'one image without a batch',
    );
  });
});
