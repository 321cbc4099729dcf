import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, manualSeed, models, nn, ops, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { whileAtWork } from '../support/at-work';
import { assertState, experience, ramp, recordedEntry, recordedTensors } from '../support/recorded-models';
import { withTempFolder } from '../support/temp-folder';

interface Course {
  seed: number;
  steps: { classes: number[]; train: boolean }[];
}
const weightOf = (layer: nn.Module) => layer.namedParameters().get('classifier.weight')!;

describe('models.IncrementalClassifier', () => {
  for (const [name, options] of [
    ['masked', {}],
    ['unmasked', { masking: false, initialOutFeatures: 3 }],
    ['mask-value', { maskValue: -7.5 }],
  ] as const) {
    it(`grows as Avalanche's over five experiences (${name}): state, outputs, gradients, random numbers`, async () => {
      const { seed, steps } = recordedEntry<Course>(`incremental.${name}`);
      const recorded = await recordedTensors();
      manualSeed(seed);
      const layer = new models.IncrementalClassifier(4, options);
      for (const [i, { classes, train }] of steps.entries()) {
        const step = `incremental.${name}.${i}`;
        layer.train(train).adaptation(experience(classes));
        assertTensorEqual(ops.aten.randn!([2]), recorded(`${step}.next`), 'what the generator gives next');
        assertState(layer, recorded, step);
        const output = layer.forward(ramp(3, 4));
        assertTensorClose(output, recorded(`${step}.output`), undefined, `${step}.output`);
        const chosen = ops.aten.index_select!(output, 1, tensor(classes, { dtype: 'int64' })) as Tensor;
        (ops.aten.sum!(ops.aten.square!(chosen)) as Tensor).backward();
        assertTensorClose(weightOf(layer).grad!, recorded(`${step}.grad`), undefined, `${step}.grad`);
      }
    });
  }

  it('keeps its tensors where nothing grows, and replaces them by new trainable ones where it does', () => {
    const layer = new models.IncrementalClassifier(3, { initialOutFeatures: 4 });
    const before = layer.parameters();
    layer.adaptation(experience([3, 0]));
    layer.parameters().forEach((p, i) => assert.ok(p.isSame(before[i]!)));
    before.forEach((p) => p.requiresGrad_(false));
    layer.adaptation(experience([4]));
    layer.parameters().forEach((p, i) => {
      assert.ok(!p.isSame(before[i]!));
      assert.ok(p.requiresGrad, 'trainable, though the one before was frozen');
      assert.equal(p.grad, null);
      assertTensorEqual(ops.aten.narrow!(p, 0, 0, 4), before[i]!);
    });
    assert.deepEqual(
      [...layer.stateDict()].map(([name, { shape, dtype }]) => [name, shape, dtype]),
      [
        ['active_units', [5], 'int8'],
        ['classifier.weight', [5, 3], 'float32'],
        ['classifier.bias', [5], 'float32'],
      ],
    );
  });

  it('grows inside a Sequential, whose forward then gives the new width', () => {
    const classifier = new models.IncrementalClassifier(3);
    const model = new nn.Sequential(new nn.Linear(2, 3), classifier);
    assert.deepEqual(model.forward(ramp(5, 2)).shape, [5, 2]);
    models.avalancheModelAdaptation(model, experience([6]));
    assert.deepEqual(model.forward(ramp(5, 2)).shape, [5, 7]);
    assert.ok(model.namedParameters().get('1.classifier.weight')!.isSame(weightOf(classifier)));
    assert.deepEqual([...model.namedChildren().keys()], ['0', '1']);
    assert.equal(model.namedChildren().get('1'), classifier);
  });

  it('activates nothing in eval mode, and masks what is not active: gradients there are 0', () => {
    const layer = new models.IncrementalClassifier(1, { maskValue: -5 }).eval();
    layer.adaptation(experience([0, 2]));
    assert.deepEqual(layer.forward(tensor([[1]])).toNumbers(), [-5, -5, -5]);
    layer.train().adaptation(experience([1]));
    const output = layer.forward(tensor([[1]]));
    assert.deepEqual([output.toNumbers()[0], output.toNumbers()[2]], [-5, -5]);
    (ops.aten.sum!(output) as Tensor).backward();
    assert.deepEqual(weightOf(layer).grad!.toNumbers(), [0, 1, 0]);
  });

  it('follows the dtype of the layer that it replaces', () => {
    const layer = new models.IncrementalClassifier(2);
    for (const p of layer.parameters()) ops.aten.set_data!(p, ops.aten.to!(p, 'float64'));
    layer.adaptation(experience([2]));
    assert.deepEqual(
      layer.parameters().map(({ dtype }) => dtype),
      ['float64', 'float64'],
    );
  });

  it('jit.load gives a layer of the same outputs, which is not grown any more', () =>
    withTempFolder(async (folder) => {
      const layer = new models.IncrementalClassifier(4);
      layer.adaptation(experience([3]));
      const file = path.join(folder, 'layer.pt');
      await jit.save(layer, file);
      const loaded = await jit.load(file);
      assertTensorEqual(loaded.forward(ramp(2, 4)), layer.forward(ramp(2, 4)));
      models.avalancheModelAdaptation(loaded, experience([9]));
      assert.deepEqual(loaded.forward(ramp(2, 4)).shape, [2, 4]);
    }));

  it('is busy, alone and inside a model, while either is at work; afterwards both are usable', async () => {
    const classifier = new models.IncrementalClassifier(2);
    const model = new nn.Sequential(new nn.Linear(2, 2), classifier);
    for (const atWork of [model, classifier]) {
      await whileAtWork(atWork, 2, () => {
        throwsWithCode(() => classifier.adaptation(experience([3])), 'ERR_BUSY', /: expected nothing to be at work/);
        throwsWithCode(() => model.forward(ramp(1, 2)), 'ERR_BUSY', /: expected nothing to be at work/);
      });
    }
    classifier.adaptation(experience([3]));
    assert.deepEqual(model.forward(ramp(1, 2)).shape, [1, 4]);
  });

  it('misuse: experiences without classes, and class labels that are none', () => {
    const layer = new models.IncrementalClassifier(2);
    const before = layer.parameters();
    for (const [classes, got] of [
      [[], /got \[\]$/],
      [[0, -1], /got \[0, -1\]$/],
      [[1.5], /got \[1\.5\]$/],
      [[NaN], /got \[NaN\]$/],
      [[2 ** 20], /integers in \[0, 1048576\), got \[1048576\]$/],
      [[1e300], /got \[1e\+300\]$/],
      [['1'], /got \["1"\]$/],
      [undefined, /got undefined$/],
      [new Set([1]), /got a Set$/],
    ] as const) {
      throwsWithCode(() => layer.adaptation(experience(classes as never)), 'ERR_MODEL_ADAPTATION', got);
    }
    throwsWithCode(
      () => layer.adaptation(undefined as never),
      'ERR_MODEL_ADAPTATION',
      /^IncrementalClassifier\.adaptation: /,
    );
    layer.parameters().forEach((p, i) => assert.ok(p.isSame(before[i]!), 'nothing has changed'));
  });

  it('misuse: a layer that somebody has made smaller than its active units', () => {
    const layer = new models.IncrementalClassifier(2, { initialOutFeatures: 4 });
    for (const p of layer.parameters()) ops.aten.set_data!(p, ops.aten.narrow!(p, 0, 0, 3));
    throwsWithCode(
      () => layer.adaptation(experience([0])),
      'ERR_MODEL_ADAPTATION',
      /"active_units" of at most 3 units, as the layer has them, got shape \[4\]/,
    );
    ops.aten.set_data!(layer.parameters()[1], tensor([1]));
    throwsWithCode(() => layer.adaptation(experience([0])), 'ERR_MODEL_ADAPTATION', /got \[3, 2\] and \[1\]$/);
  });

  it('misuse: arguments', () => {
    throwsWithCode(
      () => new models.IncrementalClassifier(0),
      'ERR_INVALID_ARG_VALUE',
      /^IncrementalClassifier: expected inFeatures to be a positive integer, got 0$/,
    );
    throwsWithCode(
      () => new models.IncrementalClassifier(2, { initialOutFeatures: 2 ** 21 }),
      'ERR_INVALID_ARG_VALUE',
      /initialOutFeatures to be an integer in \[1, 1048576\], got 2097152$/,
    );
    throwsWithCode(() => new models.IncrementalClassifier(2, { maskValue: NaN }), 'ERR_INVALID_ARG_VALUE', /maskValue/);
    throwsWithCode(
      () => new models.IncrementalClassifier(2, { mask: true } as never),
      'ERR_UNKNOWN_OPTION',
      /"mask"; expected among initialOutFeatures, masking, maskValue, autoAdapt$/,
    );
  });
});
