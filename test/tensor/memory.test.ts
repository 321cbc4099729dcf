import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { memory, ops, tensor, type Tensor } from '../../lib/index';
import { settledMemory } from '../support/settled-memory';

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
