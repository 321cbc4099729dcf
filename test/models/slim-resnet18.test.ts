import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, models, nn, ops, type Tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { experience, tasks } from '../support/recorded-models';
import { assertEqualsRecordedModel, parameterCount } from '../support/recorded-whole-models';
import { withTempFolder } from '../support/temp-folder';

const images = (count: number) => ops.aten.ones!([count, 3, 32, 32]) as Tensor;

describe('models.SlimResNet18', () => {
  it("equals Avalanche's from the same seed: state, outputs, gradients, running statistics", () =>
    assertEqualsRecordedModel('slim-resnet18', () => new models.SlimResNet18(5)));

  it("equals Avalanche's with other planes, on flat images", () =>
    assertEqualsRecordedModel('slim-resnet18-nf', () => new models.SlimResNet18(3, { nf: 4 })));

  it('has 1094750 parameters for 10 classes', () => assert.equal(parameterCount(new models.SlimResNet18(10)), 1094750));

  it('lists its tree: stages of two blocks, the first of which has a shortcut where it halves the image', () => {
    const model = new models.SlimResNet18(2, { nf: 1 });
    assert.deepEqual(
      [...model.namedChildren().keys()],
      ['conv1', 'bn1', 'layer1', 'layer2', 'layer3', 'layer4', 'linear'],
    );
    const children = (module: nn.Module<unknown>, ...names: string[]): string[] =>
      names.length === 0
        ? [...module.namedChildren().keys()]
        : children(module.namedChildren().get(names[0]!)!, ...names.slice(1));
    assert.deepEqual(children(model, 'layer2'), ['0', '1']);
    assert.deepEqual(children(model, 'layer2', '0'), ['conv1', 'bn1', 'conv2', 'bn2', 'shortcut']);
    assert.deepEqual(children(model, 'layer2', '0', 'shortcut'), ['0', '1']);
    assert.deepEqual(children(model, 'layer1', '0', 'shortcut'), []);
  });

  it('comes back from jit.save with its running statistics', () =>
    withTempFolder(async (folder) => {
      const model = new models.SlimResNet18(2, { nf: 2 });
      model.forward(ops.aten.randn!([4, 3, 32, 32]) as Tensor);
      model.eval();
      const file = path.join(folder, 'model.pt');
      await jit.save(model, file);
      const loaded = await jit.load(file);
      for (const [name, value] of model.stateDict()) assertTensorEqual(loaded.stateDict().get(name)!, value, name);
      assertTensorEqual(loaded.forward(images(2)), model.forward(images(2)));
    }));

  it('misuse: images of another size, arguments', () => {
    throwsWithCode(
      () => new models.SlimResNet18(2, { nf: 1 }).forward(ops.aten.ones!([1, 3, 28, 28])),
      'ERR_TORCH',
      /\[1, 3, 32, 32\]/,
    );
    throwsWithCode(() => new models.SlimResNet18(0), 'ERR_INVALID_ARG_VALUE', /^SlimResNet18: expected numClasses/);
    throwsWithCode(() => new models.SlimResNet18(undefined as never), 'ERR_INVALID_ARG_TYPE', /expected numClasses/);
    throwsWithCode(() => new models.SlimResNet18(2, { nf: 1.5 }), 'ERR_INVALID_ARG_VALUE', /expected nf/);
  });
});

describe('models.MTSlimResNet18', () => {
  it("equals Avalanche's from the same seed: state, growth, outputs, gradients, running statistics", () =>
    assertEqualsRecordedModel('mt-slim-resnet18', () => new models.MTSlimResNet18(3, { nf: 6 })));

  it('gives new heads as many units as the first', () => {
    const model = new models.MTSlimResNet18(4, { nf: 1 });
    models.avalancheModelAdaptation(model, experience([1], 2));
    assert.deepEqual(model.forward(images(2), 2).shape, [2, 4]);
    assert.deepEqual(model.forward(images(2), tasks(0, 2)).shape, [2, 4]);
  });

  it('misuse: arguments', () =>
    void throwsWithCode(
      () => new models.MTSlimResNet18(-1),
      'ERR_INVALID_ARG_VALUE',
      /^MTSlimResNet18: expected numClasses/,
    ));
});
