import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { keep, memory, tensor, type Tensor, tidy } from '../../lib/index';
import { settledMemory } from '../support/settled-memory';

/** What a call adds to the tensors held, once all that it left to the collector is disposed. */
async function left(use: () => unknown): Promise<number> {
  const before = settledMemory().numTensors;
  await use();
  return memory().numTensors - before;
}

describe('tidy', () => {
  it('disposes what was made in it, but for the result', async () => {
    let inner: Tensor | undefined;
    let sum: Tensor | undefined;
    const count = await left(() => {
      sum = tidy(() => {
        inner = tensor([1, 2]);
        return inner.mul(2).sum();
      });
    });
    assert.equal(count, 1);
    assert.equal(inner!.isDisposed, true);
    assert.equal(sum!.item(), 6);
    sum!.dispose();
  });

  it('leaves tensors from outside alone, also those that are changed or returned in it', () => {
    const outside = tensor([1, 2]);
    const returned = tidy(() => outside.add_(1));
    assert.equal(returned, outside);
    assert.equal(outside.isDisposed, false);
    tidy(() => void outside.mul(2));
    assert.deepEqual(outside.toNumbers(), [2, 3]);
  });

  it('accepts that tensors from outside, and from inside, are disposed in it', () => {
    const outside = tensor([1]);
    tidy(() => {
      outside.dispose();
      tensor([2]).dispose();
    });
    assert.equal(outside.isDisposed, true);
  });

  it('finds results in arrays, objects, Maps and Sets, in each other, and in themselves', () => {
    const result = tidy(() => {
      const cyclic: Record<string, unknown> = { x: tensor([4]) };
      cyclic['self'] = cyclic;
      return {
        list: [tensor([1]), [tensor([2])]],
        map: new Map([['x', { y: tensor([3]) }]]),
        set: new Set([tensor([5])]),
        bare: Object.assign(Object.create(null) as { x?: Tensor }, { x: tensor([6]) }),
        cyclic,
        nothing: null,
        text: 'x',
      };
    });
    const found = [
      result.list[0] as Tensor,
      (result.list[1] as Tensor[])[0]!,
      result.map.get('x')!.y,
      result.cyclic['x'] as Tensor,
      [...result.set][0]!,
      result.bare.x,
    ];
    assert.deepEqual(found.map((x) => x.item()), [1, 2, 3, 4, 5, 6]); // prettier-ignore
  });

  it('gives what an inner call returns to the outer one', () => {
    let middle: Tensor | undefined;
    const result = tidy(() => {
      middle = tidy(() => tensor([1]).add(1));
      assert.equal(middle.isDisposed, false);
      return tidy(() => middle!.add(1));
    });
    assert.equal(middle!.isDisposed, true);
    assert.equal(result.item(), 3);
  });

  it('disposes all where the function throws, and the error goes on', async () => {
    const made: Tensor[] = [];
    const count = await left(() => {
      assert.throws(
        () =>
          tidy(() => {
            made.push(tensor([1]));
            tidy(() => made.push(tensor([2])));
            throw new Error('inside');
          }),
        /^Error: inside$/,
      );
    });
    assert.equal(count, 0);
    assert.ok(made.every(({ isDisposed }) => isDisposed));
    const after = tensor([3]);
    assert.equal(after.isDisposed, false);
  });

  it('reaches to the end of a promise, and keeps calls that run at the same time apart', async () => {
    const inner: Tensor[] = [];
    const work = (value: number, turns: number) =>
      tidy(async () => {
        let x = tensor([value]);
        for (let i = 0; i < turns; i++) {
          await nextTurn();
          inner.push(x);
          x = x.add(1);
        }
        return x;
      });
    let results: Tensor[] = [];
    const outside: Tensor[] = [];
    const count = await left(async () => {
      const both = Promise.all([work(0, 3), work(100, 5)]);
      await nextTurn();
      outside.push(tensor([7]));
      results = await both;
    });
    assert.deepEqual(results.map((x) => x.item()), [3, 105]); // prettier-ignore
    assert.ok(inner.every(({ isDisposed }) => isDisposed));
    assert.equal(outside[0]!.isDisposed, false);
    assert.equal(count, 3);
  });

  it('disposes all where a promise is rejected', async () => {
    let inner: Tensor | undefined;
    await assert.rejects(
      tidy(async () => {
        await nextTurn();
        inner = tensor([1]);
        throw new Error('later');
      }),
      /later/,
    );
    assert.equal(inner!.isDisposed, true);
  });

  it('spares what keep() was called for, also out of several calls, wherever it was made', () => {
    let made: Tensor | undefined;
    let outer: Tensor | undefined;
    tidy(() => {
      outer = tensor([1]);
      tidy(() => {
        made = keep(tensor([2]));
        keep(outer!);
      });
    });
    assert.equal(made!.item(), 2);
    assert.equal(outer!.isDisposed, false, 'made in the outer call, kept in the inner one');
    assert.equal(keep(made!), made, 'outside of any call');
  });

  it('trains: gradients live on, the graph does not', async () => {
    const x = tensor([1, 2]).requiresGrad_();
    assert.equal(
      await left(() => tidy(() => x.square().sum().backward())),
      0,
    );
    const { grad } = x;
    tidy(() => x.square().sum().backward());
    assert.deepEqual(grad!.toNumbers(), [4, 8]);
    assert.equal(tidy(() => x.grad)!.isDisposed, false);
  });
});
