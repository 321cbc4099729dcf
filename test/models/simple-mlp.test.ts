import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, models, ops, tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

describe('models.SimpleMLP', () => {
  it("equals PyTorch's with three hidden layers from the same seed: names, weights, outputs, dropout, gradients", () =>
    assertEqualsRecordedLayer(
      'simple-mlp',
      4,
      () => new models.SimpleMLP({ numClasses: 3, inputSize: 6, hiddenSize: 5, hiddenLayers: 3, dropRate: 0.25 }),
    ));

  it('is 784-512-10 with one hidden layer by default: 407050 parameters', () => {
    const parameters = new models.SimpleMLP().namedParameters();
    assert.deepEqual(
      [...parameters].map(([name, { shape }]) => [name, shape]),
      [
        ['features.0.weight', [512, 784]],
        ['features.0.bias', [512]],
        ['classifier.weight', [10, 512]],
        ['classifier.bias', [10]],
      ],
    );
    assert.equal(
      [...parameters.values()].reduce((sum, parameter) => sum + parameter.numel(), 0),
      407050,
    );
  });

  it('names a further hidden layer features.3.0', () => {
    const model = new models.SimpleMLP({ inputSize: 2, hiddenSize: 2, hiddenLayers: 2 });
    assert.deepEqual(
      [...model.namedParameters().keys()],
      [
        'features.0.weight',
        'features.0.bias',
        'features.3.0.weight',
        'features.3.0.bias',
        'classifier.weight',
        'classifier.bias',
      ],
    );
  });

  it('flattens images', () => {
    const model = new models.SimpleMLP().eval();
    assert.deepEqual(model.forward(ops.aten.zeros!([3, 1, 28, 28])).shape, [3, 10]);
  });

  it('drops half of the hidden units by default, in train mode only', () => {
    const made = (options: models.SimpleMLPOptions) => {
      manualSeed(1);
      return new models.SimpleMLP({ inputSize: 4, hiddenSize: 64, ...options });
    };
    const x = tensor([[1, 2, 3, 4]]);
    const [byDefault, half] = [made({}), made({ dropRate: 0.5 })];
    manualSeed(2);
    const output = byDefault.forward(x);
    manualSeed(2);
    assertTensorEqual(output, half.forward(x));
    assert.notDeepEqual(byDefault.forward(x).toNumbers(), output.toNumbers(), 'another draw');
    byDefault.eval();
    assertTensorEqual(byDefault.forward(x), byDefault.forward(x));
  });

  it('misuse: an input of another size', () => {
    throwsWithCode(
      () => new models.SimpleMLP().forward(ops.aten.zeros!([1, 3])),
      'ERR_TORCH',
      /shape '\[1, 784\]' is invalid for input of size 3/,
    );
  });

  it('misuse: options', () => {
    for (const name of ['numClasses', 'inputSize', 'hiddenSize', 'hiddenLayers']) {
      throwsWithCode(
        () => new models.SimpleMLP({ [name]: 0 }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`^SimpleMLP: expected ${name} to be a positive integer, got 0$`),
      );
    }
    throwsWithCode(
      () => new models.SimpleMLP({ hiddenLayers: 1e9 }),
      'ERR_INVALID_ARG_VALUE',
      /hiddenLayers to be an integer in \[1, 1000\], got 1000000000$/,
    );
    throwsWithCode(
      () => new models.SimpleMLP({ dropRate: 1.01 }),
      'ERR_INVALID_ARG_VALUE',
      /expected dropRate to be a number in \[0, 1\], got 1\.01$/,
    );
    throwsWithCode(() => new models.SimpleMLP({ numClasses: '10' as never }), 'ERR_INVALID_ARG_TYPE', /got "10"$/);
    throwsWithCode(
      () => new models.SimpleMLP({ classes: 10 } as never),
      'ERR_UNKNOWN_OPTION',
      /"classes"; expected among numClasses, inputSize, hiddenSize, hiddenLayers, dropRate$/,
    );
  });
});
