import assert from 'node:assert/strict';
import path from 'node:path';
import { describe, it } from 'mocha';
import { asTensor, loadSafetensors, memory, ops, saveSafetensors, tensor, type Tensor, torch } from '../../lib/index';
import { settledMemory } from '../support/settled-memory';
import { withTempFolder } from '../support/temp-folder';

/** What `use` adds to the tensors held; the garbage collector may only take away what others left. */
function heldAfter(use: () => unknown): { numTensors: number; numBytes: number } {
  const before = settledMemory();
  use();
  const after = memory();
  return { numTensors: after.numTensors - before.numTensors, numBytes: after.numBytes - before.numBytes };
}

describe('memory()', () => {
  it('counts each tensor and its bytes until it is disposed', () => {
    const held: Tensor[] = [];
    const created = heldAfter(() => held.push(tensor(new Float32Array(10)), tensor(new BigInt64Array(3))));
    assert.deepEqual(created, { numTensors: 2, numBytes: 40 + 24 });
    assert.deepEqual(
      heldAfter(() => held[0]!.dispose()),
      { numTensors: -1, numBytes: -40 },
    );
    assert.deepEqual(
      heldAfter(() => held[0]!.dispose()),
      { numTensors: 0, numBytes: 0 },
      'a second dispose',
    );
    assert.deepEqual(
      heldAfter(() => held[1]!.dispose()),
      { numTensors: -1, numBytes: -24 },
    );
  });

  it('counts what an operator returns', () => {
    const x = tensor(new Float32Array(6), { shape: [2, 3] });
    let results: Tensor[] = [];
    const created = heldAfter(() => (results = ops.aten.max!(x, 1) as Tensor[]));
    assert.deepEqual(created, { numTensors: 2, numBytes: 2 * 4 + 2 * 8 });
    for (const result of [...results, x]) result.dispose();
  });

  it('counts memory once for all tensors that lie on it, however large a view looks', () => {
    const x = tensor(new Float32Array(100));
    const views: Tensor[] = [];
    assert.deepEqual(
      heldAfter(() => views.push(x.index([0]), x.view(10, 10), x.T, x.detach(), x.expand([2 ** 20, 100]))),
      { numTensors: 5, numBytes: 0 },
    );
    assert.deepEqual(
      heldAfter(() => x.dispose()),
      { numTensors: -1, numBytes: 0 },
      'the views keep it',
    );
    for (const view of views.slice(1)) view.dispose();
    assert.deepEqual(
      heldAfter(() => views[0]!.dispose()),
      { numTensors: -1, numBytes: -400 },
      'the last one gives it back',
    );
  });

  it('counts all of the memory that a view of something forgotten keeps', () => {
    let row!: Tensor;
    assert.deepEqual(
      heldAfter(() => {
        const x = tensor(new Float32Array(1000));
        row = x.narrow(0, 3, 1);
        x.dispose();
      }),
      { numTensors: 1, numBytes: 4000 },
    );
    assert.deepEqual(
      heldAfter(() => row.dispose()),
      { numTensors: -1, numBytes: -4000 },
    );
  });

  it('follows a tensor that grows, and one that is given other memory', () => {
    const x = tensor(new Float32Array(10));
    const grown = heldAfter(() => x.resize_([100]));
    assert.deepEqual(grown, { numTensors: 0, numBytes: 360 });
    const y = tensor(new Float32Array(5));
    assert.deepEqual(
      heldAfter(() => x.set_(y)),
      { numTensors: 0, numBytes: -400 },
    );
    x.dispose();
    y.dispose();
  });

  it('counts no memory of another owner, nor any where there is none', async () => {
    await withTempFolder(async (folder) => {
      const file = path.join(folder, 'x.safetensors');
      await saveSafetensors({ x: tensor(new Float32Array(2 ** 19)) }, file); // large enough to be mapped
      const before = settledMemory();
      const loaded = await loadSafetensors(file, { mmap: true, device: 'cpu' });
      assert.deepEqual([memory().numTensors - before.numTensors, settledMemory().numBytes - before.numBytes], [1, 0]);
      for (const x of loaded.values()) x.dispose();
    });
    const held: Tensor[] = [];
    assert.deepEqual(
      heldAfter(() => {
        const shared = asTensor(new Float32Array(new SharedArrayBuffer(4000)), { device: 'cpu' });
        held.push(shared, shared.index([0]), torch.empty([2n ** 58n], { device: 'meta' }), tensor([]));
      }),
      { numTensors: 4, numBytes: 0 },
    );
    for (const x of held) x.dispose();
  });

  it('lets the process live with a view of more bytes than there are', () => {
    const ones = torch.ones([1], { dtype: 'float16' });
    const views: Tensor[] = [];
    const held = heldAfter(() => {
      for (let i = 0; i < 10; i++) views.push(torch.expand(ones, [2n ** 62n]));
      views.push(torch.asStrided(ones, [2n ** 40n, 2n ** 22n], [0, 0]));
    });
    assert.deepEqual(held, { numTensors: 11, numBytes: 0 });
    assert.equal(views[0]!.dim(), 1);
  });

  it('frees what `using` declares at the end of the block, also when the block throws', () => {
    const held = heldAfter(() => {
      assert.throws(() => {
        using x = tensor([1, 2]);
        assert.deepEqual(x.shape, [2]);
        throw new Error('inside');
      }, /inside/);
    });
    assert.deepEqual(held, { numTensors: 0, numBytes: 0 });
  });

  it('holds nothing more after an operator has refused its arguments', () => {
    const x = tensor([1, 2]);
    const y = tensor([1, 2, 3]);
    assert.deepEqual(
      heldAfter(() => assert.throws(() => ops.aten.add!(x, y))),
      { numTensors: 0, numBytes: 0 },
    );
    x.dispose();
    y.dispose();
  });
});
