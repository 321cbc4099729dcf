import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';
import { withTempFolder } from '../support/temp-folder';

const affine = fixturePath('models', 'affine.pt');

describe('jit.load', () => {
  it('gives a model of Python the recorded state and the recorded output', async () => {
    const recorded = await loadFixture('models/affine');
    const model = await jit.load(affine);
    assert.deepEqual(
      [...model.namedParameters()].map(([name, { requiresGrad }]) => [name, requiresGrad]),
      [
        ['first.weight', true],
        ['first.bias', false],
        ['norm.weight', true],
        ['norm.bias', true],
      ],
      'the shared weight stands once, a frozen parameter stays frozen',
    );
    assert.deepEqual(
      [...model.namedBuffers().keys()],
      ['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked'],
    );
    for (const [name, value] of model.stateDict()) {
      assertTensorEqual(value, recorded(`state.${name.replace('second', 'first')}`), name);
    }
    assert.equal(model.training, true, 'the mode that it was saved in');
    assertTensorClose(model.eval().forward(recorded('input')), recorded('output'));
  });

  it('moves BatchNorm statistics in train mode and leaves them in eval mode', async () => {
    const model = await jit.load(affine);
    const seen = () => model.namedBuffers().get('norm.num_batches_tracked')!.item();
    const x = tensor([
      [1, 2, 3],
      [3, 2, 2],
    ]);
    assert.equal(seen(), 1);
    model.eval().forward(x);
    assert.equal(seen(), 1);
    model.train().forward(x);
    assert.equal(seen(), 2);
  });

  it('gives models that share nothing', async () => {
    const [a, b] = await Promise.all([jit.load(affine), jit.load(affine)]);
    assert.equal(a.parameters()[0]!.isSame(b.parameters()[0]!), false);
  });

  it('a model that returns a tuple gives an array', async () => {
    const model = await jit.load(fixturePath('models', 'pair.pt'));
    assert.equal((model.forward(tensor([1])) as unknown as Tensor[]).length, 2);
  });

  it('refuses a file that is not there, and an empty one', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'model.pt');
      const missing = await rejectsWithCode(
        jit.load(file),
        'ERR_MODEL_FILE_NOT_FOUND',
        /^jit\.load: expected a TorchScript file, found no file "/,
      );
      assert.ok(missing.message.includes(file));
      await writeFile(file, '');
      await rejectsWithCode(jit.load(file), 'ERR_MODEL_FILE_EMPTY', /model\.pt" is empty$/);
    }));

  it('refuses a folder', () =>
    withTempFolder((folder) => rejectsWithCode(jit.load(folder), 'ERR_MODEL_FILE_FORMAT', /is a folder$/)));

  it('refuses a file that is cut short, wherever', () =>
    withTempFolder(async (folder) => {
      const whole = await readFile(affine);
      const file = path.join(folder, 'cut.pt');
      const lengths = [
        1,
        3,
        4,
        30,
        100,
        1000,
        whole.length >> 1,
        whole.length - 100,
        whole.length - 22,
        whole.length - 1,
      ];
      for (const length of lengths) {
        await writeFile(file, whole.subarray(0, length));
        const error = await rejectsWithCode(jit.load(file), 'ERR_MODEL_FILE_FORMAT', /^jit\.load: expected a/);
        assert.ok(error.message.includes(file), `cut to ${length}`);
      }
    }));

  it('refuses a file with flipped bits, or loads a model that is whole, but never crashes', () =>
    withTempFolder(async (folder) => {
      const whole = await readFile(affine);
      const file = path.join(folder, 'flipped.pt');
      let refused = 0;
      const positions = Array.from({ length: 40 }, (_, i) => Math.floor(((i + 0.5) * whole.length) / 40));
      for (const position of positions) {
        const flipped = Buffer.from(whole);
        flipped[position]! ^= 0x10;
        await writeFile(file, flipped);
        const outcome: unknown = await jit.load(file).catch((error: unknown) => error);
        if (outcome instanceof jit.ScriptModule) continue;
        await rejectsWithCode(Promise.reject(outcome), 'ERR_MODEL_FILE_FORMAT', /flipped\.pt" is truncated or damaged/);
        refused++;
      }
      // libtorch does not compare checksums: padding, and numbers inside the weights, may change unnoticed.
      assert.ok(refused >= positions.length / 4, `only ${refused} of ${positions.length} were refused`);
    }));

  it('refuses a text file, and says how to export a model', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'notes.pt');
      await writeFile(file, 'import torch\n');
      await rejectsWithCode(
        jit.load(file),
        'ERR_MODEL_FILE_FORMAT',
        /no zip archive.*torch\.jit\.script\(model\)\.save/,
      );
    }));

  for (const [what, name] of [
    ['of torch.save', 'state-dict.pth'],
    ['of torch.save before PyTorch 1.6', 'state-dict-legacy.pth'],
    ['of pickle.dump', 'object.pkl'],
  ] as const) {
    it(`refuses a file ${what} as a pickle, and says how to export a model`, () =>
      rejectsWithCode(
        jit.load(fixturePath('models', name)),
        'ERR_MODEL_FILE_PICKLE',
        /torch\.jit\.script\(model\)\.save/,
      ));
  }

  it('refuses a zip archive of something else', () =>
    rejectsWithCode(jit.load(fixturePath('models', 'plain.zip')), 'ERR_MODEL_FILE_FORMAT', /plain\.zip" is /));

  it('goes on loading after a refusal', async () => {
    await rejectsWithCode(jit.load(fixturePath('models', 'plain.zip')), 'ERR_MODEL_FILE_FORMAT', /./);
    assert.equal((await jit.load(affine)).namedParameters().size, 4);
  });

  it('misuse: a path that is no file name', async () => {
    const wrong: [unknown, RegExp][] = [
      [undefined, /got undefined$/],
      [3, /got 3$/],
      ['', /got ""$/],
      [Buffer.from('x'), /got a Buffer$/],
      [`${affine}\0.txt`, /got ".*affine\.pt\\u0000\.txt"$/],
    ];
    for (const [file, message] of wrong) {
      const error = await rejectsWithCode(jit.load(file as string), 'ERR_INVALID_ARG_TYPE', message);
      assert.match(error.message, /^jit\.load: expected path to be a file name/);
    }
  });
});
