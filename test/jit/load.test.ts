import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { jit, Naive, nn, ops, optim, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { processTestTimeout, runProgram } from '../support/child-process';
import { quietEvaluator } from '../support/evaluators';
import { fixturePath, loadFixture } from '../support/fixtures';
import { smallBenchmark } from '../support/small-runs';
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
      // Padding may change unnoticed.
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

  it('loads the bytes of a file', async () => {
    const bytes = await readFile(affine);
    const x = tensor([[1, 2, 3]]);
    const expected = (await jit.load(affine)).eval().forward(x);
    const { buffer } = new Uint8Array(bytes);
    for (const source of [bytes, new Uint8Array(bytes), buffer]) {
      assertTensorEqual((await jit.load(source)).eval().forward(x), expected);
    }
    const loading = jit.load(bytes);
    bytes.fill(0);
    assertTensorEqual((await loading).eval().forward(x), expected, 'a copy was taken');
    await rejectsWithCode(jit.load(new Uint8Array()), 'ERR_MODEL_FILE_EMPTY', /an array of 0 bytes is empty$/);
    await rejectsWithCode(jit.load(bytes), 'ERR_MODEL_FILE_FORMAT', /an array of \d+ bytes is not one \(no zip/);
    const pickle = await readFile(fixturePath('models', 'state-dict.pth'));
    await rejectsWithCode(jit.load(pickle), 'ERR_MODEL_FILE_PICKLE', /torch\.jit\.script\(model\)\.save/);
  });

  it('notices damage inside the weights', async () => {
    const bytes = await readFile(affine);
    const weight = (await jit.load(affine)).parameters()[0]!.toTypedArray();
    const at = bytes.indexOf(Buffer.from(weight.buffer, weight.byteOffset, weight.byteLength));
    bytes[at + 5]! ^= 1;
    await rejectsWithCode(jit.load(bytes), 'ERR_MODEL_FILE_FORMAT', /the checksum of "archive\/data\/0" is wrong$/);
  });

  it('refuses every file of thousands with random damage, or loads it whole, and never crashes or hangs', async function () {
    this.timeout(processTestTimeout);
    const { code, signal, stdout, stderr } = await runProgram('test/fuzz/main.ts', ['torchscript', '--count', '4000']);
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, stderr);
    const counts = /^torchscript: (.*)$/m.exec(stdout)![1]!.split(', ').map((text) => text.split(' '));
    const { read, ...refused } = Object.fromEntries(counts.map(([count, name]) => [name, Number(count)])) as Record<string, number>;
    assert.ok(read! > 100 && read! < 600, 'damage of all kinds, most of which matters');
    assert.ok(Object.keys(refused).every((name) => name.startsWith('ERR_MODEL_FILE_')), stdout);
  });

  it('refuses what is no regular file, instead of waiting for it', async function () {
    if (process.platform === 'win32') this.skip();
    await rejectsWithCode(jit.load('/dev/zero'), 'ERR_MODEL_FILE_FORMAT', /"\/dev\/zero" is no regular file$/);
    await withTempFolder(async (folder) => {
      const pipe = path.join(folder, 'pipe');
      assert.equal(spawnSync('mkfifo', [pipe]).status, 0);
      await rejectsWithCode(jit.load(pipe), 'ERR_MODEL_FILE_FORMAT', /is no regular file$/);
    });
  });

  for (const [method, raised, cause, line] of [
    ['raises', 1, 'the input is wrong', 'raise RuntimeError("the input is wrong")'],
    ['raises another error', 2, 'ValueError: two\nlines', 'raise ValueError("two\\nlines")'],
    ['asserts', 0, 'AssertionError: expected three features', 'assert x.size(1) == 3, "expected three features"'],
    ['gets wrong shapes', 3, 'mat1 and mat2 shapes cannot be multiplied (2x2 and 3x2)', 'return self.linear(y)'],
  ] as const) {
    it(`a forward that ${method} says why first, then where in Python`, async () => {
      const model = await jit.load(fixturePath('torchscript', 'failing.pt'));
      const x = ops.aten.ones!([2, raised === 0 ? 4 : 3]) as Tensor;
      const error = throwsWithCode(() => model.forward(x, raised), 'ERR_TORCH', /^[^]/);
      const [before, after] = error.message.split('\nTraceback of TorchScript, original code (most recent call last):\n');
      assert.equal(before, cause);
      assert.ok(after!.includes(line) && after!.includes('failing.py", line '), after);
      assert.doesNotMatch(error.message, /serialized code|Exception raised from|frame #|\.cpp/);
      assert.deepEqual(model.forward(ops.aten.ones!([2, 3]) as Tensor).shape, [2, 2], 'it can be used afterwards');
    });
  }

  it('a strategy says so with the mini-batch that it was', async () => {
    const model = await jit.load(fixturePath('torchscript', 'failing.pt'));
    const strategy = new Naive({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      criterion: new nn.CrossEntropyLoss(),
      trainMbSize: 2,
      evaluator: quietEvaluator(),
    });
    await rejectsWithCode(
      strategy.train(smallBenchmark().trainStream),
      'ERR_FORWARD',
      /^forward: the model failed on a mini-batch float32 \[2, 4\]: AssertionError: expected three features\nTraceback of TorchScript/,
    );
  });

  it('loads onto a device', async () => {
    const model = await jit.load(affine, { device: 'cpu' });
    assert.equal(model.parameters()[0]!.device, 'cpu');
    assert.equal((await jit.load(affine)).parameters()[0]!.device, tensor([1]).device, 'the default device');
    await rejectsWithCode(jit.load(affine, { device: 'tpu' }), 'ERR_DEVICE', /got "tpu"/);
    await rejectsWithCode(jit.load(affine, { device: 3 as never }), 'ERR_INVALID_ARG_TYPE', /device/);
    await rejectsWithCode(jit.load(affine, { mapLocation: 'cpu' } as never), 'ERR_UNKNOWN_OPTION', /"mapLocation"/);
  });

  it('misuse: a path that is no file name', async () => {
    const wrong: [unknown, RegExp][] = [
      [undefined, /got undefined$/],
      [3, /got 3$/],
      ['', /got ""$/],
      [new Float32Array(3), /got a Float32Array$/],
      [`${affine}\0.txt`, /got ".*affine\.pt\\u0000\.txt"$/],
    ];
    for (const [file, message] of wrong) {
      const error = await rejectsWithCode(jit.load(file as string), 'ERR_INVALID_ARG_TYPE', message);
      assert.match(error.message, /^jit\.load: expected path to be a file name or the bytes of a file/);
    }
  });
});
