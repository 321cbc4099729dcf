import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, models, ops, tensor, type Tensor } from '../../lib/index';
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
        for (const [task, one] of all) assertTensorClose(one, recorded(`${prefix}.all.${task}`), undefined, `all ${task}`);
        (ops.aten.sum!(ops.aten.square!(output)) as Tensor).backward();
        for (const [key, { grad }] of layer.namedParameters()) {
          if (grad) assertTensorClose(grad, recorded(`${prefix}.grad.${key}`), undefined, `${prefix}.grad.${key}`);
        }
      }
    });
  }
});
