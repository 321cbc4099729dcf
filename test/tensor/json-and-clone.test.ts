// What becomes of a tensor where JavaScript makes text or a copy of any object.
import assert from 'node:assert/strict';
import { serialize } from 'node:v8';
import { MessageChannel } from 'node:worker_threads';
import { describe, it } from 'mocha';
import { Complex, nn, tensor, torch } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

describe('JSON.stringify of a tensor', () => {
  it('writes the elements nested like the tensor, which tensor() reads again', () => {
    const x = tensor([[1.5, -2], [3, 0.25]]); // prettier-ignore
    assert.equal(JSON.stringify({ x }), '{"x":[[1.5,-2],[3,0.25]]}');
    assert.equal(torch.equal(tensor(JSON.parse(JSON.stringify(x)) as number[][]), x), true);
    assert.equal(JSON.stringify(x.T), '[[1.5,3],[-2,0.25]]');
    assert.equal(JSON.stringify(tensor(7)), '7');
    assert.equal(JSON.stringify(torch.zeros([2, 0])), '[[],[]]');
    assert.equal(JSON.stringify(x.gt(1)), '[[true,false],[true,false]]');
    assert.equal(JSON.stringify(tensor([1, 2], { dtype: 'int64' })), '[1,2]');
    assert.equal(JSON.stringify(x.toSparse()), '[[1.5,-2],[3,0.25]]');
    assert.equal(JSON.stringify(tensor([new Complex(1, -2)])), '[{"re":1,"im":-2}]');
    assert.equal(JSON.stringify(new nn.Parameter(x)), '[[1.5,-2],[3,0.25]]');
  });

  it('misuse: a disposed tensor, and one that is too large to be text', () => {
    const x = tensor([1]);
    x.dispose();
    throwsWithCode(() => JSON.stringify({ x }), 'ERR_DISPOSED', /disposed/);
    const large = tensor([1]).expand([1_000_001]);
    throwsWithCode(() => JSON.stringify(large), 'ERR_INVALID_ARG_VALUE', /at most 1000000 elements, got shape \[1000001\]; saveSafetensors/);
  });
});

describe('a clone of a tensor', () => {
  const x = tensor([1, 2]);
  const { port1, port2 } = new MessageChannel();
  const clones: Record<string, () => unknown> = {
    structuredClone: () => structuredClone(x),
    'structuredClone of what holds one': () => structuredClone({ results: [{ x }] }),
    postMessage: () => port1.postMessage(x),
    'v8.serialize': () => serialize(x),
  };
  for (const [name, clone] of Object.entries(clones)) {
    it(`is refused with what to send instead: ${name}`, () => {
      assert.throws(clone, /a Tensor: send its toTypedArray\(\), shape and dtype.* could not be cloned/);
    });
  }

  it('leaves the tensor as it was', () => {
    port1.close();
    port2.close();
    assert.deepEqual(x.toArray(), [1, 2]);
  });
});
