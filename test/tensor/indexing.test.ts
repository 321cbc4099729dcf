import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { slice, tensor, type Tensor, torch } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { onCpu } from '../support/on-cpu';
import { recordedTensors, toIndices } from '../support/recorded-tensors';

const source = () => torch.arange(24).view(2, 3, 4);
const shown = (indices: unknown) => inspect(indices, { depth: null, breakLength: Infinity, compact: 100 });

describe('Tensor.index', () => {
  for (const [indices, shape, values, isView] of recordedTensors.index) {
    it(`gives what Python gives for ${shown(indices)}, ${isView ? 'as a view' : 'as a copy'}`, () => {
      const t = source();
      const part = t.index(toIndices(indices));
      assert.deepEqual(part.shape, shape);
      assert.deepEqual(part.toArray(), values);
      if (part.numel() === 0) return;
      part.fill_(-1);
      assert.equal(t.min().item() === -1, isView);
    });
  }

  it('takes one index without an array around it', () => {
    assert.deepEqual(source().index(1).shape, [3, 4]);
    assert.deepEqual(source().index(slice(1)).shape, [1, 3, 4]);
    assert.deepEqual(source().index('...').shape, [2, 3, 4]);
    assert.deepEqual(source().index(null).shape, [1, 2, 3, 4]);
    assert.deepEqual(source().index(tensor([1, 0, 1], { dtype: 'int64' })).shape, [3, 3, 4]);
    assert.deepEqual(source().index(source().gt(20)).toArray(), [21, 22, 23]);
  });

  it('lets gradients flow to the elements that were taken, once for each time', () => {
    const x = torch.zeros([2, 3]).requiresGrad_();
    x.index([slice(null, null), 1]).sum().backward();
    assertTensorEqual(x.grad!, tensor([[0, 1, 0], [0, 1, 0]])); // prettier-ignore
    x.grad = null;
    x.index([[0, 0, 1], [2, 2, 0]]).sum().backward();
    assertTensorEqual(x.grad!, tensor([[0, 0, 2], [1, 0, 0]])); // prettier-ignore
    x.grad = null;
    x.index(tensor([[true, false, false], [false, true, true]])).mul(3).sum().backward();
    assertTensorEqual(x.grad!, tensor([[3, 0, 0], [0, 3, 3]])); // prettier-ignore
  });

  it('misuse: refuses what is no index, by place', () => {
    for (const wrong of [0.5, NaN, 2 ** 60, 'x', {}, () => 0, undefined, Symbol('x'), 1n]) {
      throwsWithCode(() => source().index([0, wrong as never]), 'ERR_INVALID_ARG_TYPE', /^index: expected an integer, .* at 1$/);
    }
    throwsWithCode(() => source().index([[0, 'x'] as never]), 'ERR_INVALID_ARG_TYPE', /./);
    throwsWithCode(() => source().index([[0, 0.5]]), 'ERR_INVALID_ARG_VALUE', /int64/);
    throwsWithCode(() => slice(0.5), 'ERR_INVALID_ARG_VALUE', /^slice: expected stop to be an integer or null, got 0.5$/);
    throwsWithCode(() => slice('1' as never, 2), 'ERR_INVALID_ARG_TYPE', /slice/);
    for (const step of [0, -1]) throwsWithCode(() => source().index(slice(null, null, step)), 'ERR_TORCH', /\bstep\b/);
    const disposed = source();
    disposed.dispose();
    throwsWithCode(() => disposed.index(0), 'ERR_DISPOSED', /./);
    throwsWithCode(() => source().index(disposed), 'ERR_DISPOSED', /./);
  });
});

describe('positions outside of a tensor', () => {
  onCpu('CUDA finds out later, and ends');
  for (const [indices, error, message] of recordedTensors.indexErrors) {
    it(`misuse: refuses ${shown(indices)} as Python does: ${error}`, () => {
      const t = source();
      const thrown = throwsWithCode(() => t.index(toIndices(indices)), 'ERR_TORCH', /./);
      assert.ok(thrown.message.includes(message), `${thrown.message}\nshould say\n${message}`);
      throwsWithCode(() => t.indexPut_(toIndices(indices), 0), 'ERR_TORCH', /./);
    });
  }
});

describe('Tensor.indexPut_', () => {
  for (const [indices, value, result] of recordedTensors.indexPut) {
    it(`sets what Python sets for ${shown(indices)} = ${shown(value)}`, () => {
      const t = source();
      const given = typeof value === 'object' ? tensor(value.tensor, { dtype: value.dtype }) : value;
      assert.equal(t.indexPut_(toIndices(indices), given as Tensor), t);
      assert.deepEqual(t.toArray(), result);
    });
  }

  it('sets numbers of any kind in tensors of other dtypes', () => {
    assert.deepEqual(torch.zeros([3]).indexPut_(1, 0.5).toArray(), [0, 0.5, 0]);
    assert.deepEqual(torch.zeros([2], { dtype: 'int64' }).indexPut_(0, 2n ** 60n).toArray(), [2n ** 60n, 0]);
    assert.deepEqual(torch.zeros([2], { dtype: 'bool' }).indexPut_(0, true).toArray(), [true, false]);
    assert.deepEqual(torch.zeros([2], { dtype: 'complex64' }).indexPut_(1, new torch.Complex(1, 2)).toArray(), [
      new torch.Complex(0, 0),
      new torch.Complex(1, 2),
    ]);
  });

  it('lets gradients flow to what was set, and none to what was overwritten', () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    const value = tensor(10).requiresGrad_();
    x.mul(2).indexPut_([1], value).sum().backward();
    assertTensorEqual(x.grad!, tensor([2, 0, 2]));
    assertTensorEqual(value.grad!, tensor(1));
  });

  it('misuse: refuses values that do not fit, and leaves that require a gradient', () => {
    throwsWithCode(() => source().indexPut_(0, tensor([1, 2, 3], { dtype: 'int64' })), 'ERR_TORCH', /./);
    throwsWithCode(() => source().indexPut_(0, 'x' as never), 'ERR_NO_OVERLOAD', /scalar_tensor/);
    const leaf = torch.zeros([2]).requiresGrad_();
    throwsWithCode(() => leaf.indexPut_(0, 1), 'ERR_TORCH', /leaf Variable that requires grad/);
    assert.deepEqual(leaf.toArray(), [0, 0]);
  });
});
