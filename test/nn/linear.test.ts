import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, nn, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

describe('nn.Linear', () => {
  it("equals PyTorch's from the same seed: weights, outputs, gradients", () =>
    assertEqualsRecordedLayer('linear', 1, () => new nn.Linear(3, 2)));

  it("equals PyTorch's without bias, on input of three dimensions", () =>
    assertEqualsRecordedLayer('linear-no-bias', 2, () => new nn.Linear(5, 2, { bias: false })));

  it('computes x W^T + b', () => {
    const layer = new nn.Linear(2, 1);
    const [weight, bias] = layer.parameters() as [Tensor, Tensor];
    const [w0, w1] = weight.toNumbers() as [number, number];
    assertTensorClose(
      layer.forward(
        tensor([
          [2, 3],
          [-1, 0],
        ]),
      ),
      tensor([[2 * w0 + 3 * w1 + bias.item()], [-w0 + bias.item()]]),
    );
  });

  it('has trainable parameters weight and bias in this order, and only weight without bias', () => {
    const layer = new nn.Linear(3, 2);
    assert.deepEqual(
      [...layer.namedParameters()].map(([name, p]) => [name, p.shape]),
      [
        ['weight', [2, 3]],
        ['bias', [2]],
      ],
    );
    assert.ok(layer.parameters().every((parameter) => parameter.requiresGrad));
    assert.deepEqual([...new nn.Linear(3, 2, { bias: false }).namedParameters().keys()], ['weight']);
  });

  it('draws the same weights from the same seed and others from another', () => {
    const weightFrom = (seed: number) => {
      manualSeed(seed);
      return new nn.Linear(4, 4).parameters()[0]!;
    };
    assertTensorEqual(weightFrom(1), weightFrom(1));
    assert.throws(() => assertTensorEqual(weightFrom(1), weightFrom(2)), /expected/);
  });

  it('misuse: sizes that are no positive integers', () => {
    for (const size of [0, -1, 1.5, NaN, Infinity]) {
      throwsWithCode(
        () => new nn.Linear(size, 2),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`^nn\\.Linear: expected inFeatures to be a positive integer, got ${size}$`),
      );
    }
    throwsWithCode(
      () => new nn.Linear(2, 0),
      'ERR_INVALID_ARG_VALUE',
      /expected outFeatures to be a positive integer, got 0$/,
    );
    throwsWithCode(() => new nn.Linear('3' as never, 2), 'ERR_INVALID_ARG_TYPE', /inFeatures .* got "3"$/);
  });

  it('misuse: options', () => {
    throwsWithCode(
      () => new nn.Linear(2, 2, { bais: true } as never),
      'ERR_UNKNOWN_OPTION',
      /^nn\.Linear: unknown option "bais"; expected among bias, device, dtype$/,
    );
    throwsWithCode(
      () => new nn.Linear(2, 2, { bias: 1 as never }),
      'ERR_INVALID_ARG_TYPE',
      /expected bias to be true or false, got 1$/,
    );
    throwsWithCode(
      () => new nn.Linear(2, 2, false as never),
      'ERR_INVALID_ARG_TYPE',
      /expected options to be an object, got false$/,
    );
  });

  it('misuse: an input of another width or dtype; the layer stays usable', () => {
    const layer = new nn.Linear(3, 2);
    throwsWithCode(() => layer.forward(tensor([[1, 2]])), 'ERR_TORCH', /1x2 and 3x2/);
    throwsWithCode(() => layer.forward(tensor([[1, 2, 3]], { dtype: 'float64' })), 'ERR_TORCH', /dtype/);
    assert.deepEqual(layer.forward(tensor([[1, 2, 3]])).shape, [1, 2]);
  });
});
