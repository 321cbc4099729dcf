import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, models, type nn, ops, tensor, type Tensor } from '../../lib/index';
import { nativeModule } from '../../lib/nn/module';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { ofPython, testOnCpu } from '../support/on-cpu';
import { experience, ramp, tasks } from '../support/recorded-models';
import { assertEqualsRecordedModel, parameterCount } from '../support/recorded-whole-models';
import { withTempFolder } from '../support/temp-folder';

const python = process.env.PYTHON ?? 'python3';
const small = () => new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 5 });
/** Tasks 0 and 2; the classifier is 4 units wide. */
function grown(): models.MTSimpleMLP {
  const model = small();
  models.avalancheModelAdaptation(model, experience([0, 1], 0));
  models.avalancheModelAdaptation(model, experience([3, 2], 2));
  return model.eval();
}

describe('models.MTSimpleMLP', () => {
  it("equals Avalanche's from the same seed: state, growth, outputs, dropout, gradients", () =>
    assertEqualsRecordedModel('mt-simple-mlp', () => new models.MTSimpleMLP()));

  it('has 402946 parameters at first', () => assert.equal(parameterCount(new models.MTSimpleMLP()), 402946));

  it('runs the heads that it has got since it last ran', () => {
    const model = small().eval();
    const x = ramp(3, 4);
    assert.deepEqual(model.forward(x, tasks(0, 0, 0)).shape, [3, 2]);
    for (const task of [1, 2, 3]) {
      models.avalancheModelAdaptation(model.train(), experience([2 * task, 2 * task + 1], task));
      const output = model.eval().forward(x, tasks(0, task, task));
      assert.deepEqual(output.shape, [3, 2 * task + 2]);
      assertTensorEqual(
        ops.aten.narrow!(output, 0, 1, 2) as Tensor,
        model.forward(ops.aten.narrow!(x, 0, 1, 2) as Tensor, task),
      );
    }
    assert.deepEqual([...model.forward(x, null).keys()], [1, 2, 3]);
  });

  it('runs a head that was added to its classifier alone', () => {
    const model = small();
    model.forward(ramp(1, 4), 0);
    model.classifier.adaptation(experience([2], 5));
    assert.deepEqual(model.forward(ramp(1, 4), 5).shape, [1, 3]);
    assert.deepEqual(model.forward(ramp(1, 4), tasks(5)).shape, [1, 3]);
  });

  it('knows classes in any mode and tasks in train mode', () => {
    const model = small().eval();
    models.avalancheModelAdaptation(model, experience([4], 1));
    assert.deepEqual([model.maxClassLabel, model.knownTrainTasksLabels], [5, []]);
    models.avalancheModelAdaptation(model.train(), experience([1], 1));
    assert.deepEqual([model.maxClassLabel, model.knownTrainTasksLabels], [5, [1]]);
    assert.equal(model.classifier.maxClassLabel, 5);
    assert.deepEqual([...model.classifier.activeUnits], [[1, [1]]]);
  });

  it('a model of jit.load takes task labels too, and gives the same outputs', () =>
    withTempFolder(async (folder) => {
      const model = grown();
      const file = path.join(folder, 'model.pt');
      await jit.save(model, file);
      const loaded = await jit.load(file);
      assert.equal(loaded.takesTaskLabels, true);
      assert.equal(new models.SimpleMLP().takesTaskLabels, false);
      assert.deepEqual([...loaded.namedParameters().keys()], [...model.namedParameters().keys()]);
      for (const [name, value] of model.stateDict()) assertTensorEqual(loaded.stateDict().get(name)!, value, name);
      const [x, labels] = [ramp(3, 4), tasks(2, 0, 2)];
      assertTensorEqual(loaded.forward(x, labels), model.forward(x, labels));
      throwsWithCode(
        () => loaded.forward(x),
        'ERR_NO_TASK_LABELS',
        /^forward: expected task labels, one for each sample/,
      );
    }));

  it('a model without task labels leaves them aside', () => {
    const model: nn.Module = new models.SimpleMLP({ inputSize: 4, hiddenSize: 2 }).eval();
    assertTensorEqual(model.forward(ramp(2, 4), tasks(0, 1)), model.forward(ramp(2, 4)));
  });

  it('puts every module back into its own mode, and those made meanwhile into train mode', () => {
    const model = small();
    model.namedChildren().get('features')!.eval();
    const modes = nativeModule(model).modes();
    model.eval();
    models.avalancheModelAdaptation(model, experience([0], 3));
    nativeModule(model.eval()).setModes(modes);
    assert.equal(model.namedChildren().get('features')!.training, false);
    assert.equal(model.classifier.training, true);
    assert.equal(model.classifier.classifiers.get(3)!.training, true);
  });

  it('Python loads a grown model and calls it with task labels', testOnCpu(ofPython, function () {
    if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no torch (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const model = grown();
      const file = path.join(folder, 'ours.pt');
      await jit.save(model, file);
      const script = [
        'import sys, torch',
        'model = torch.jit.load(sys.argv[1])',
        'x, labels = torch.linspace(-1, 1, 12).reshape(3, 4), torch.tensor([2, 0, 2])',
        'print(*model(x, labels).flatten().tolist())',
        'print(*model.forward_single_task(x, 0).flatten().tolist())',
        'print(*sorted(model.forward_all_tasks(x)))',
        'print(*(name for name, _ in model.named_parameters()))',
        'model(x, labels).square().sum().backward()',
        'print(dict(model.named_parameters())["classifier.classifiers.2.classifier.weight"].grad.abs().sum().item() > 0)',
        'model.save(sys.argv[2])',
      ].join('\n');
      const theirs = path.join(folder, 'theirs.pt');
      const run = spawnSync(python, ['-c', script, file, theirs], { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      const lines = run.stdout.split('\n').map((line) => line.split(' '));
      const [x, labels] = [ramp(3, 4), tasks(2, 0, 2)];
      const values = (i: number, shape: number[]) => tensor(Float32Array.from(lines[i]!, Number), { shape });
      assertTensorClose(values(0, [3, 4]), model.forward(x, labels));
      assertTensorClose(values(1, [3, 2]), model.forward(x, 0));
      assert.deepEqual(lines[2], ['0', '2']);
      assert.deepEqual(lines[3], [...model.namedParameters().keys()]);
      assert.deepEqual(lines[4], ['True']);
      assertTensorClose((await jit.load(theirs)).forward(x, labels), model.forward(x, labels));
    });
  }));

  it('misuse: experiences without task labels, options', () => {
    throwsWithCode(
      () => models.avalancheModelAdaptation(small(), { classesInThisExperience: [0] } as never),
      'ERR_NO_TASK_LABELS',
      /^MTSimpleMLP\.adaptation: expected experience\.taskLabels .* for a multi-task model, got undefined$/,
    );
    throwsWithCode(
      () => new models.MTSimpleMLP({ hiddenSize: 0 }),
      'ERR_INVALID_ARG_VALUE',
      /^MTSimpleMLP: expected hiddenSize/,
    );
    throwsWithCode(() => new models.MTSimpleMLP({ numClasses: 2 } as never), 'ERR_UNKNOWN_OPTION', /"numClasses"/);
  });
});
