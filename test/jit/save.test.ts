import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, models, nn, ops, optim, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { ofPython, testOnCpu } from '../support/on-cpu';
import { smallBenchmark } from '../support/small-runs';
import { smallStrategy } from '../support/survival';
import { withTempFolder } from '../support/temp-folder';

const python = process.env.PYTHON ?? 'python3';
const smallMLP = () => new models.SimpleMLP({ inputSize: 6, hiddenSize: 5, hiddenLayers: 2, numClasses: 3 });
const someInput = () =>
  tensor([
    [1, 2, 3, -1, -2, -3],
    [0.5, 0, 0, 0, 0, 1],
  ]);

/** One update of every parameter: afterwards they lie in one buffer. */
function trainOnce(model: nn.Module): void {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  (ops.aten.sum!(ops.aten.square!(model.forward(someInput()))) as Tensor).backward();
  optimizer.step();
}

describe('jit.save', () => {
  it('writes what jit.load reads: state, mode, outputs, and which parameters are frozen', () =>
    withTempFolder(async (folder) => {
      const model = smallMLP().eval();
      model.parameters()[1]!.requiresGrad_(false);
      const file = path.join(folder, 'model.pt');
      assert.equal(await jit.save(model, file), undefined);
      const loaded = await jit.load(file);
      assert.deepEqual([...loaded.stateDict().keys()], [...model.stateDict().keys()]);
      for (const [name, value] of model.stateDict()) assertTensorEqual(loaded.stateDict().get(name)!, value, name);
      assert.deepEqual(
        loaded.parameters().map((p) => p.requiresGrad),
        model.parameters().map((p) => p.requiresGrad),
      );
      assert.equal(loaded.training, false);
      assertTensorEqual(loaded.forward(someInput()), model.forward(someInput()));
    }));

  it('gives the same as bytes', async () => {
    const model = smallMLP().eval();
    const bytes = await jit.saveToBuffer(model);
    assert.ok(Buffer.isBuffer(bytes));
    assertTensorEqual((await jit.load(bytes)).forward(someInput()), model.forward(someInput()));
    await rejectsWithCode(
      jit.saveToBuffer('x' as never),
      'ERR_INVALID_ARG_TYPE',
      /^jit\.saveToBuffer: expected a Module, got "x"$/,
    );
  });

  it('keeps buffers and shared parameters of a model of Python', () =>
    withTempFolder(async (folder) => {
      const model = await jit.load(fixturePath('models', 'affine.pt'));
      const file = path.join(folder, 'again.pt');
      await jit.save(model, file);
      const loaded = await jit.load(file);
      assert.deepEqual(
        [...loaded.stateDict().keys()],
        [...model.stateDict().keys()],
        'first.weight is still second.weight',
      );
      for (const [name, value] of model.stateDict()) assertTensorEqual(loaded.stateDict().get(name)!, value, name);
    }));

  it('writes each parameter of a trained model once, not the buffer that they share', () =>
    withTempFolder(async (folder) => {
      const model = new nn.Sequential(...Array.from({ length: 12 }, () => new nn.Linear(6, 6)));
      const file = path.join(folder, 'model.pt');
      const savedSize = async () => {
        await jit.save(model, file);
        return (await stat(file)).size;
      };
      const before = await savedSize();
      trainOnce(model);
      assert.equal(await savedSize(), before);
    }));

  it('replaces a file, and leaves nothing else beside it', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'model.pt');
      await writeFile(file, 'old');
      await jit.save(smallMLP(), file);
      assert.deepEqual(await readdir(folder), ['model.pt']);
      assert.equal((await jit.load(file)).namedParameters().size, 6);
    }));

  it('several saves to one file at a time leave one whole model', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'model.pt');
      await Promise.all([1, 2, 3, 4].map(() => jit.save(new nn.Linear(500, 500), file)));
      assert.deepEqual(await readdir(folder), ['model.pt']);
      assert.deepEqual((await jit.load(file)).parameters()[0]!.shape, [500, 500]);
    }));

  it('refuses a model that is training, and the training goes on', async () => {
    const strategy = smallStrategy({ trainEpochs: 50 });
    const training = strategy.train(smallBenchmark().trainStream.at(0)!);
    await new Promise((resolve) => setImmediate(resolve));
    await rejectsWithCode(jit.saveToBuffer(strategy.model), 'ERR_BUSY', /^jit\.saveToBuffer: expected nothing to be at work on it/);
    await training;
    assert.ok((await jit.saveToBuffer(strategy.model)).length > 0);
  });

  it('fails in a folder that does not exist', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'missing', 'model.pt');
      await rejectsWithCode(
        jit.save(smallMLP(), file),
        'ERR_MODEL_SAVE',
        /^jit\.save: cannot write ".*missing.*model\.pt/,
      );
      assert.deepEqual(await readdir(folder), []);
    }));

  it('fails where a folder has that name, and keeps the folder whole', () =>
    withTempFolder(async (folder) => {
      const taken = path.join(folder, 'taken');
      await mkdir(taken);
      await writeFile(path.join(taken, 'file'), 'kept');
      await rejectsWithCode(jit.save(smallMLP(), taken), 'ERR_MODEL_SAVE', /cannot write ".*taken"/);
      assert.deepEqual(await readdir(folder), ['taken'], 'nothing is left aside');
      assert.equal(await readFile(path.join(taken, 'file'), 'utf8'), 'kept');
    }));

  it('keeps the file that was there whole where the new one cannot be written', () =>
    withTempFolder(async (folder) => {
      // A file name of the longest length: the one aside is longer and cannot be made, for any user.
      const file = path.join(folder, 'm'.repeat(255));
      await writeFile(file, 'old');
      await rejectsWithCode(jit.save(smallMLP(), file), 'ERR_MODEL_SAVE', /^jit\.save: cannot write "/);
      assert.equal(await readFile(file, 'utf8'), 'old');
      assert.equal((await readdir(folder)).length, 1);
    }));

  it('the model stays usable after a failed save', async () => {
    const model = smallMLP();
    await rejectsWithCode(jit.save(model, path.join('/', 'nowhere', 'at', 'all.pt')), 'ERR_MODEL_SAVE', /cannot write/);
    assert.deepEqual(model.forward(someInput()).shape, [2, 3]);
  });

  it('misuse: a model that is none, a path that is none', async () => {
    await rejectsWithCode(
      jit.save({} as nn.Module, 'x.pt'),
      'ERR_INVALID_ARG_TYPE',
      /^jit\.save: expected a Module, got an object$/,
    );
    await rejectsWithCode(
      jit.save(smallMLP(), ''),
      'ERR_INVALID_ARG_TYPE',
      /^jit\.save: expected path to be a file name, got ""$/,
    );
    await rejectsWithCode(jit.save(smallMLP(), 'a\0b'), 'ERR_INVALID_ARG_TYPE', /got "a\\u0000b"$/);
  });

  it('Python loads a trained model, gets its outputs, and what Python saves comes back', testOnCpu(ofPython, function () {
    if (spawnSync(python, ['-c', 'import torch']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no torch (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const model = smallMLP();
      trainOnce(model);
      model.eval();
      const expected = model.forward(someInput());
      await jit.save(model, path.join(folder, 'ours.pt'));
      const script = [
        'import sys, torch',
        'model = torch.jit.load(sys.argv[1])',
        'assert not model.training',
        `x = torch.tensor([[1, 2, 3, -1, -2, -3], [0.5, 0, 0, 0, 0, 1]])`,
        'print(*model(x).flatten().tolist())',
        'print(*model.state_dict())',
        'model.classifier.bias.data.add_(1)',
        'model.save(sys.argv[2])',
      ].join('\n');
      const theirs = path.join(folder, 'theirs.pt');
      const run = spawnSync(python, ['-c', script, path.join(folder, 'ours.pt'), theirs], { encoding: 'utf8' });
      assert.equal(run.status, 0, run.stderr);
      const [values, names] = run.stdout.split('\n') as [string, string];
      assertTensorClose(tensor(Float32Array.from(values.split(' '), Number), { shape: [2, 3] }), expected);
      assert.deepEqual(names.split(' '), [...model.stateDict().keys()]);
      assertTensorClose((await jit.load(theirs)).forward(someInput()), ops.aten.add!(expected, 1));
    });
  }));
});
