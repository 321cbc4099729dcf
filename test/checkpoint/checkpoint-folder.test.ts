import assert from 'node:assert/strict';
import { chmod, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { CheckpointFolder, type Snapshot } from '../../lib/checkpoint/checkpoint-folder';
import { readManifest, writeManifest } from '../../lib/checkpoint/manifest';
import { takeApart } from '../../lib/checkpoint/state-tree';
import { nn, optim, tensor, type Tensor } from '../../lib/index';
import { native } from '../../lib/native/binding';
import { nativeModule } from '../../lib/nn/module';
import { layOutFile } from '../../lib/weights/safetensors-layout';
import { rejectsWithCode } from '../support/assertions';
import { withTempFolder } from '../support/temp-folder';
import { warnings } from '../support/warnings';

const model = new nn.Linear(1, 1);
const step = native.createTrainingStep(nativeModule(model), new optim.SGD(model.parameters(), { lr: 1 }).handle, null, 'cpu');

async function snapshot(value: number): Promise<Snapshot> {
  const state = { value, weights: { w: tensor([value, 2, 3]), flag: tensor([true]), empty: tensor([]) } };
  const { json, tensors } = takeApart('a test', state);
  const layout = layOutFile('save', tensors, {});
  const placed = layout.placed.map(({ handle, offset }) => [handle, offset] as const);
  return { about: { value }, json, layout, bytes: await step.pack(placed, layout.size, null) };
}

const all = (numbers: readonly number[]) => numbers;
const nothing = () => Promise.resolve();

async function write(folder: CheckpointFolder, value: number, keeps = all): Promise<string> {
  return folder.write(await snapshot(value), keeps, nothing);
}

async function valueIn(folder: CheckpointFolder): Promise<number> {
  const { state } = await folder.read();
  const { value, weights } = state as unknown as { value: number; weights: { w: Tensor; flag: Tensor; empty: Tensor } };
  assert.deepEqual(weights.w.toNumbers(), [value, 2, 3]);
  assert.deepEqual([weights.flag.dtype, weights.empty.shape], ['bool', [0]]);
  return value;
}

describe('a folder of checkpoints', () => {
  it('gives back the latest one, here and in another process', () =>
    withTempFolder(async (temp) => {
      const folder = new CheckpointFolder(path.join(temp, 'a', 'b'));
      assert.match(await write(folder, 1), /checkpoint-000001$/);
      assert.match(await write(folder, 2), /checkpoint-000002$/);
      assert.equal(await valueIn(folder), 2);
      assert.equal(await valueIn(new CheckpointFolder(folder.folder)), 2);
      assert.deepEqual((await readdir(folder.folder)).sort(), ['checkpoint-000001', 'checkpoint-000002']);
      assert.deepEqual((await readdir(path.join(folder.folder, 'checkpoint-000001'))).sort(), ['checkpoint.json', 'tensors.safetensors']); // prettier-ignore
    }));

  it('keeps those that are wanted, and always the new one', () =>
    withTempFolder(async (temp) => {
      const folder = new CheckpointFolder(temp);
      for (let i = 1; i <= 4; i++) await write(folder, i, (numbers) => [...numbers.slice(-2), 1]);
      assert.deepEqual((await readdir(temp)).sort(), ['checkpoint-000001', 'checkpoint-000003', 'checkpoint-000004']);
      await write(folder, 5, () => []);
      assert.deepEqual(await readdir(temp), ['checkpoint-000005']);
    }));

  it('has none', () =>
    withTempFolder(async (temp) => {
      const missing = new CheckpointFolder(path.join(temp, 'no'));
      await rejectsWithCode(missing.read(), 'ERR_CHECKPOINT_NOT_FOUND', /load: expected checkpoints in ".*no", found none/);
      await mkdir(path.join(temp, 'checkpoint-1'));
      await rejectsWithCode(new CheckpointFolder(temp).read(), 'ERR_CHECKPOINT_NOT_FOUND', /found none/);
      await writeFile(path.join(temp, 'file'), '');
      await rejectsWithCode(new CheckpointFolder(path.join(temp, 'file')).read(), 'ERR_CHECKPOINT_READ', /load: cannot read ".*file": ENOTDIR/);
    }));

  it('uses the one before a damaged one, and says so', () =>
    withTempFolder(async (temp) => {
      const folder = new CheckpointFolder(temp);
      await write(folder, 1);
      await truncate(path.join(await write(folder, 2), 'tensors.safetensors'), 100);
      await rm(path.join(await write(folder, 3), 'checkpoint.json'));
      const [warning, ...others] = await warnings(async () => assert.equal(await valueIn(new CheckpointFolder(temp)), 1));
      assert.match(warning!, /checkpoint-000003" cannot be used: .*ENOENT.*; ".*checkpoint-000002" cannot be used: .*100 bytes, expected.*"[^"]*checkpoint-000001" is used in its place/);
      assert.deepEqual(others, []);
      // What is damaged stays, for whoever wants to look at it, until others have come.
      (await folder.read()).goOn();
      assert.match(await write(folder, 4, (numbers) => numbers.slice(-2)), /checkpoint-000004$/);
      assert.deepEqual((await readdir(temp)).sort(), ['checkpoint-000003', 'checkpoint-000004']);
    }));

  it('finds every bit that has flipped, in each of its files', () =>
    withTempFolder(async (temp) => {
      const only = await write(new CheckpointFolder(temp), 1);
      for (const name of ['checkpoint.json', 'tensors.safetensors']) {
        const file = path.join(only, name);
        const whole = await readFile(file);
        const flips = Array.from({ length: 300 }, (_, i) => Math.floor((i / 300) * whole.length * 8));
        for (const bit of [...flips, whole.length * 8 - 1]) {
          const damaged = Buffer.from(whole);
          damaged[bit >> 3]! ^= 1 << (bit & 7);
          await writeFile(file, damaged);
          await rejectsWithCode(new CheckpointFolder(temp).read(), 'ERR_CHECKPOINT_FORMAT', /checkpoint-000001" cannot be used: .*(damaged|incomplete)/);
        }
        await writeFile(file, whole);
      }
      assert.equal(await valueIn(new CheckpointFolder(temp)), 1);
    }));

  it('names what is cut short, empty or gone', () =>
    withTempFolder(async (temp) => {
      const folder = new CheckpointFolder(temp);
      const only = await write(folder, 1);
      await cp(only, path.join(temp, 'whole'), { recursive: true });
      for (const name of ['checkpoint.json', 'tensors.safetensors']) {
        const { length } = await readFile(path.join(only, name));
        for (const size of [length - 1, 20, 0]) {
          await truncate(path.join(only, name), size);
          await rejectsWithCode(new CheckpointFolder(temp).read(), 'ERR_CHECKPOINT_FORMAT', /load: ".*checkpoint-000001" cannot be used: /);
        }
        await rm(path.join(only, name));
        await rejectsWithCode(new CheckpointFolder(temp).read(), 'ERR_CHECKPOINT_FORMAT', /ENOENT/);
        await cp(path.join(temp, 'whole'), only, { recursive: true });
      }
      assert.equal(await valueIn(new CheckpointFolder(temp)), 1);
      assert.equal(await valueIn(new CheckpointFolder(path.join(temp, 'whole'))), 1);
    }));

  const changes: Record<string, [change: (manifest: ReturnType<typeof readManifest>) => void, message: RegExp]> = {
    'a newer format': [(manifest) => (manifest.format = 2), /it has format 2, and this version .* reads up to 1: update continual-torch/],
    'a format that is no number': [(manifest) => ((manifest as { format: unknown }).format = 'x'), /it has format x/],
    'a tensor too few': [(manifest) => (manifest.state = { w: { $tensor: 'other' } }), /the tensor "other" is missing/],
  };
  for (const [what, [change, message]] of Object.entries(changes)) {
    it(`refuses ${what}`, () =>
      withTempFolder(async (temp) => {
        const only = await write(new CheckpointFolder(temp), 1);
        const file = path.join(only, 'checkpoint.json');
        const manifest = readManifest(await readFile(file, 'utf8'));
        change(manifest);
        await writeFile(file, writeManifest(manifest));
        await rejectsWithCode(new CheckpointFolder(temp).read(), 'ERR_CHECKPOINT_FORMAT', message);
      }));
  }

  it('belongs to one run: another that has not loaded it is refused, and nothing of it is lost', () =>
    withTempFolder(async (temp) => {
      const first = new CheckpointFolder(temp);
      const second = new CheckpointFolder(temp);
      await write(first, 1);
      const message = /expected a folder without checkpoints, but ".*checkpoint-000001" is there, written by .*: load it first, or give each run a folder/;
      await rejectsWithCode(write(second, 2, () => []), 'ERR_CHECKPOINT_SAVE', message);
      await second.read();
      await rejectsWithCode(write(second, 2, () => []), 'ERR_CHECKPOINT_SAVE', message);
      (await second.read()).goOn();
      await write(second, 2);
      await rejectsWithCode(write(first, 3, () => []), 'ERR_CHECKPOINT_SAVE', /expected checkpoint 1, the last one that this run has written or loaded, to be the latest/);
      assert.equal(await valueIn(new CheckpointFolder(temp)), 2);
      await rm(temp, { recursive: true });
      await rejectsWithCode(write(second, 3), 'ERR_CHECKPOINT_SAVE', /but it is gone/);
    }));

  it('two that write at the same moment: one does, the other is told', () =>
    withTempFolder(async (temp) => {
      for (let round = 0; round < 20; round++) {
        const folder = path.join(temp, String(round));
        const snapshots = [await snapshot(1), await snapshot(2)];
        const both = await Promise.allSettled(snapshots.map((each) => new CheckpointFolder(folder).write(each, all, nothing)));
        const saved = both.filter(({ status }) => status === 'fulfilled');
        assert.ok(saved.length >= 1);
        for (const end of both) {
          if (end.status === 'rejected') assert.equal((end.reason as { code: string }).code, 'ERR_CHECKPOINT_SAVE');
        }
        assert.deepEqual(await readdir(folder), ['checkpoint-000001']);
        await valueIn(new CheckpointFolder(folder));
      }
    }));

  it('takes away what a writer has left that was ended, not what another is writing', () =>
    withTempFolder(async (temp) => {
      const parent = path.join(temp, `.partial-${process.ppid}-0123-7`);
      const ended = path.join(temp, '.partial-999999999-0123-7');
      await mkdir(parent);
      await mkdir(ended);
      await write(new CheckpointFolder(temp), 1);
      assert.deepEqual((await readdir(temp)).sort(), [path.basename(parent), 'checkpoint-000001'].sort());
    }));

  it('a folder without rights, or none at all', () =>
    withTempFolder(async (temp) => {
      await writeFile(path.join(temp, 'file'), '');
      await rejectsWithCode(write(new CheckpointFolder(path.join(temp, 'file', 'a')), 1), 'ERR_CHECKPOINT_SAVE', /save: cannot save to ".*": ENOTDIR/);
      if (process.getuid?.() === 0) return; // root may write anywhere
      await chmod(temp, 0o500);
      await rejectsWithCode(write(new CheckpointFolder(temp), 1), 'ERR_CHECKPOINT_SAVE', /EACCES/);
      await chmod(temp, 0o700);
    }));
});
