import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, models, nn, ops, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { assertState, experience, ramp, recordedEntry, recordedTensors, tasks } from '../support/recorded-models';

interface Course {
  seed: number;
  steps: {
    classes: number[];
    tasks: number[];
    train: boolean;
    labels: number[];
    parameters: string[];
    heads: number[];
    maxClassLabel: number;
    known: number[];
    activeUnits: [number, number[]][];
  }[];
}

describe('models.MultiHeadClassifier', () => {
  for (const dtype of ['bfloat16', 'float64'] as const) {
    it(`gives a new head the dtype of those that there are: ${dtype}`, () => {
      const layer = new models.MultiHeadClassifier(4).to(dtype);
      for (const task of [0, 1]) layer.train().adaptation(experience([2 * task, 2 * task + 1], task));
      assert.deepEqual([...new Set(layer.parameters().map((parameter) => parameter.dtype))], [dtype]);
      const output = layer.forward(ramp(2, 4).to(dtype), tensor([0, 1], { dtype: 'int64' }));
      assert.deepEqual([output.dtype, output.shape], [dtype, [2, 4]]);
    });
  }

  for (const [name, options] of [
    ['masked', {}],
    ['unmasked', { masking: false, initialOutFeatures: 3 }],
  ] as const) {
    it(`grows as Avalanche's (${name}): state, outputs of mixed batches, of one and of all tasks, gradients`, async () => {
      const { seed, steps } = recordedEntry<Course>(`multi-head.${name}`);
      const recorded = await recordedTensors();
      const x = ramp(6, 4);
      manualSeed(seed);
      const layer = new models.MultiHeadClassifier(4, options);
      for (const [i, step] of steps.entries()) {
        const prefix = `multi-head.${name}.${i}`;
        layer.train(step.train).adaptation(experience(step.classes, ...step.tasks));
        assertTensorEqual(ops.aten.randn!([2]), recorded(`${prefix}.next`), 'what the generator gives next');
        assertState(layer, recorded, prefix);
        assert.deepEqual([...layer.namedParameters().keys()], step.parameters);
        assert.deepEqual([...layer.classifiers.keys()], step.heads);
        assert.equal(layer.maxClassLabel, step.maxClassLabel);
        assert.deepEqual(layer.knownTrainTasksLabels, step.known);
        assert.deepEqual([...layer.activeUnits], step.activeUnits);
        const output = layer.forward(x, tasks(...step.labels));
        assertTensorClose(output, recorded(`${prefix}.output`), undefined, `${prefix}.output`);
        for (const head of step.heads) {
          assertTensorClose(layer.forward(x, head), recorded(`${prefix}.single.${head}`), undefined, `task ${head}`);
        }
        const all = layer.forward(x, null);
        assert.deepEqual([...all.keys()], step.known);
        for (const [task, one] of all)
          assertTensorClose(one, recorded(`${prefix}.all.${task}`), undefined, `all ${task}`);
        (ops.aten.sum!(ops.aten.square!(output)) as Tensor).backward();
        for (const [key, { grad }] of layer.namedParameters()) {
          if (grad) assertTensorClose(grad, recorded(`${prefix}.grad.${key}`), undefined, `${prefix}.grad.${key}`);
        }
      }
    });
  }

  it('draws new heads of several tasks in the order of a Python set: {5, 11} is 11, 5', () => {
    const layer = new models.MultiHeadClassifier(4, { masking: false });
    layer.adaptation(experience([0, 1], 5, 11));
    assert.deepEqual([...layer.classifiers.keys()], [0, 11, 5]);
  });

  const known = (options?: models.MultiHeadClassifierOptions) => {
    const layer = new models.MultiHeadClassifier(2, options);
    layer.adaptation(experience([0, 1], 0));
    layer.adaptation(experience([3], 1));
    return layer;
  };

  it('names its heads and buffers as Avalanche does', () => {
    assert.deepEqual([...known().stateDict()].map(([name, { shape, dtype }]) => [name, shape, dtype]).sort(), [
      ['active_units_T0', [2], 'int8'],
      ['active_units_T1', [4], 'int8'],
      ['classifiers.0.active_units', [2], 'int8'],
      ['classifiers.0.classifier.bias', [2], 'float32'],
      ['classifiers.0.classifier.weight', [2, 2], 'float32'],
      ['classifiers.1.active_units', [2], 'int8'],
      ['classifiers.1.classifier.bias', [4], 'float32'],
      ['classifiers.1.classifier.weight', [4, 2], 'float32'],
    ]);
  });

  it('leaves columns that a head does not have at 0, or with fill "maskValue" at the mask value', () => {
    const x = tensor([[1, 1]]);
    assert.deepEqual(known().forward(x, tasks(0)).toNumbers().slice(2), [0, 0]);
    assert.deepEqual(known({ fill: 'maskValue' }).forward(x, tasks(0)).toNumbers().slice(2), [-1000, -1000]);
    assert.deepEqual(
      known({ fill: 'maskValue', maskValue: -5 }).forward(x, tasks(1)).toNumbers().slice(0, 3),
      [-5, -5, -5],
    );
    assert.deepEqual(known({ fill: 'maskValue' }).forward(x, 0).shape, [1, 2], 'one task: its own width');
  });

  it('takes task labels of any integer dtype', () => {
    const [layer, x] = [known(), ramp(3, 2)];
    const expected = layer.forward(x, tasks(1, 0, 1));
    for (const dtype of ['int32', 'int8', 'uint8'] as const) {
      assertTensorEqual(layer.forward(x, tensor([1, 0, 1], { dtype })), expected);
    }
  });

  it('takes several tasks of one experience without masking, and keeps its tensors where nothing grows', () => {
    const layer = new models.MultiHeadClassifier(2, { masking: false });
    layer.adaptation(experience([0, 1], 2, 0, 2));
    assert.deepEqual([...layer.classifiers.keys()].sort(), [0, 2]);
    const before = layer.parameters();
    layer.adaptation(experience([1], 0, 2));
    layer.parameters().forEach((p, i) => assert.ok(p.isSame(before[i]!)));
  });

  it('lists its heads as children, which model adaptation leaves to it', () => {
    const layer = known();
    assert.deepEqual(
      [...layer.namedModules()].filter(([name]) => !name.endsWith('classifier')),
      [
        ['', layer],
        ['classifiers', layer.classifiers],
        ['classifiers.0', layer.classifiers.get(0)],
        ['classifiers.1', layer.classifiers.get(1)],
      ],
    );
    models.avalancheModelAdaptation(layer, experience([4], 1));
    assert.deepEqual(
      [...layer.classifiers.values()].map((head) => head.parameters()[0]!.shape),
      [
        [2, 2],
        [5, 2],
      ],
    );
    const weight = layer.namedParameters().get('classifiers.1.classifier.weight')!;
    assert.ok(layer.classifiers.get(1)!.parameters()[0]!.isSame(weight));
  });

  it('masks the units of a head that was grown on its own', () => {
    const layer = known();
    layer.classifiers.get(0)!.adaptation(experience([3]));
    assert.deepEqual(
      layer
        .forward(tensor([[1, 1]]), 0)
        .toNumbers()
        .slice(2),
      [-1000, -1000],
    );
  });

  it('misuse: experiences without tasks or classes, of several tasks with masking; nothing changes then', () => {
    const layer = known();
    const before = layer.stateDict();
    const bare = (classes: unknown, labels: unknown) =>
      ({ classesInThisExperience: classes, taskLabels: labels }) as never;
    for (const labels of [[], undefined, [-1], [0.5], ['0']]) {
      throwsWithCode(
        () => layer.adaptation(bare([0], labels)),
        'ERR_NO_TASK_LABELS',
        /^MultiHeadClassifier\.adaptation: expected experience\.taskLabels to be one or more integers/,
      );
    }
    throwsWithCode(
      () => layer.adaptation(bare([], [0])),
      'ERR_MODEL_ADAPTATION',
      /classesInThisExperience .* got \[\]$/,
    );
    throwsWithCode(() => layer.adaptation(bare([1e9], [0])), 'ERR_MODEL_ADAPTATION', /got \[1000000000\]$/);
    throwsWithCode(
      () => layer.adaptation(experience([0], 3, 1)),
      'ERR_MODEL_ADAPTATION',
      /expected one task label for each experience, got \[1, 3\]; \{ masking: false \} takes several$/,
    );
    assert.deepEqual([...layer.stateDict().keys()], [...before.keys()]);
    assert.deepEqual([layer.maxClassLabel, layer.knownTrainTasksLabels], [4, [0, 1]]);
  });

  it('misuse: forward without task labels, of a task without a head, or with labels of another length', () => {
    const [layer, x] = [known(), ramp(3, 2)];
    throwsWithCode(() => layer.forward(x), 'ERR_NO_TASK_LABELS', /^forward: expected task labels .* got undefined$/);
    throwsWithCode(() => layer.forward(x, 0.5), 'ERR_INVALID_ARG_TYPE', /one task as an integer, .* got 0\.5$/);
    throwsWithCode(() => layer.forward(x, '0' as never), 'ERR_INVALID_ARG_TYPE', /got "0"$/);
    const noHead = /expected a task that has a head, got 7/;
    throwsWithCode(() => layer.forward(x, 7), 'ERR_TORCH', noHead);
    throwsWithCode(() => layer.forward(x, tasks(0, 7, 0)), 'ERR_TORCH', noHead);
    throwsWithCode(() => layer.forward(x, tasks(0, 1)), 'ERR_TORCH', /shape of the mask \[2\]/);
    throwsWithCode(() => layer.forward(ramp(2, 2, 2), tasks(0, 1)), 'ERR_TORCH', /expected an input \[B, features\]/);
    throwsWithCode(
      () => new nn.Sequential(new nn.ReLU(), layer),
      'ERR_INVALID_ARG_VALUE',
      /takes task labels as well at index 1$/,
    );
  });

  it('misuse: arguments', () => {
    throwsWithCode(
      () => new models.MultiHeadClassifier(-1),
      'ERR_INVALID_ARG_VALUE',
      /^MultiHeadClassifier: expected inFeatures/,
    );
    throwsWithCode(
      () => new models.MultiHeadClassifier(1, { fill: 'one' as never }),
      'ERR_INVALID_ARG_VALUE',
      /expected fill to be "zero" or "maskValue", got "one"$/,
    );
    throwsWithCode(
      () => new models.MultiHeadClassifier(1, { autoAdapt: false } as never),
      'ERR_UNKNOWN_OPTION',
      /"autoAdapt"/,
    );
  });
});
