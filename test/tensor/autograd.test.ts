import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { autograd, enableGrad, isGradEnabled, noGrad, tensor, type Tensor, torch } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';

const leaf = (...values: number[]) => tensor(values, { dtype: 'float64', requiresGrad: true });
const double = (...values: number[]) => tensor(values, { dtype: 'float64' });

/** By central differences; exact to about 1e-9 for these functions. */
function numericGradient(f: (x: Tensor) => Tensor, x: Tensor): Tensor {
  const h = 1e-6;
  const values = x.toNumbers();
  const slopes = values.map((_, i) => {
    const at = (step: number) => f(double(...values.map((v, j) => (i === j ? v + step : v)))).item();
    return (at(h) - at(-h)) / (2 * h);
  });
  return double(...slopes);
}

describe('Tensor.backward', () => {
  const functions: [string, (x: Tensor) => Tensor][] = [
    ['sin, exp and products', (x) => x.sin().mul(x.exp()).sum()],
    ['a softmax', (x) => x.softmax(0).log().index(1)],
    ['a matrix product', (x) => x.view(1, 3).matmul(x.view(3, 1).tanh()).squeeze()],
    ['a norm', (x) => torch.linalg.vectorNorm(x)],
    ['indexing', (x) => x.index([[0, 0, 2]]).prod()],
    ['cat and where', (x) => torch.cat([x, x.mul(2)]).where(torch.ones([6], { dtype: 'bool' }), x.sum()).square().mean()],
  ];
  for (const [name, f] of functions) {
    it(`gives the slope of ${name}`, () => {
      const x = leaf(0.3, -0.7, 1.2);
      f(x).backward();
      assertTensorClose(x.grad!, numericGradient(f, x), { relative: 1e-7, absolute: 1e-8 });
    });
  }

  it('adds to the gradient that there is', () => {
    const x = leaf(1, 2);
    for (let i = 0; i < 3; i++) x.sum().backward();
    assertTensorEqual(x.grad!, double(3, 3));
  });

  it('weights several elements with `gradient`', () => {
    const x = leaf(1, 2);
    x.square().backward({ gradient: double(1, 10) });
    assertTensorEqual(x.grad!, double(2, 40));
  });

  it('goes a second time with retainGraph, and only then', () => {
    const x = leaf(2);
    const y = x.square().sum();
    y.backward({ retainGraph: true });
    y.backward();
    assertTensorEqual(x.grad!, double(8));
    throwsWithCode(() => y.backward(), 'ERR_TORCH', /backward through the graph a second time/);
    assertTensorEqual(x.grad!, double(8));
  });

  it('records itself with createGraph', () => {
    const x = leaf(2);
    x.pow(3).sum().backward({ createGraph: true });
    const first = x.grad!;
    assert.equal(first.requiresGrad, true);
    x.grad = null;
    first.sum().backward();
    assertTensorEqual(x.grad!, double(12));
  });

  it('reaches only the inputs that are named', () => {
    const [x, y] = [leaf(1), leaf(2)];
    x.mul(y).sum().backward({ inputs: [y] });
    assert.equal(x.grad, null);
    assertTensorEqual(y.grad!, double(1));
  });

  it('misuse: no graph, several elements, a gradient of another shape, an inner tensor changed', () => {
    throwsWithCode(() => double(1).sum().backward(), 'ERR_TORCH', /does not require grad/);
    throwsWithCode(() => leaf(1, 2).mul(2).backward(), 'ERR_TORCH', /grad can be implicitly created only for scalar outputs/);
    throwsWithCode(() => leaf(1, 2).mul(2).backward({ gradient: double(1) }), 'ERR_TORCH', /got \[1\] but expected shape compatible with \[2\]/);
    throwsWithCode(() => leaf(1).sum().backward({ gradient: 1 as never }), 'ERR_INVALID_ARG_TYPE', /^backward: expected gradient to be a Tensor, got 1$/);
    const x = leaf(1, 2);
    const y = x.exp();
    y.add_(1);
    throwsWithCode(() => y.sum().backward(), 'ERR_TORCH', /modified by an inplace operation/);
    throwsWithCode(() => leaf(1).add_(1), 'ERR_TORCH', /leaf Variable that requires grad/);
    throwsWithCode(() => leaf(1).sum().backward({ retainGrpah: true } as never), 'ERR_UNKNOWN_OPTION', /retainGrpah/);
    throwsWithCode(() => leaf(1).sum().backward({ retainGraph: 1 as never }), 'ERR_INVALID_ARG_TYPE', /retainGraph/);
    throwsWithCode(() => leaf(1).sum().backward({ inputs: 1 as never }), 'ERR_INVALID_ARG_TYPE', /inputs/);
  });
});

describe('autograd.grad', () => {
  it('gives the gradient of each input and changes no `grad`', () => {
    const [x, y] = [leaf(1, 2), leaf(3, 4)];
    const [dx, dy] = autograd.grad(x.mul(y).sum(), [x, y]);
    assertTensorEqual(dx!, y.detach());
    assertTensorEqual(dy!, x.detach());
    assert.deepEqual([x.grad, y.grad], [null, null]);
    assert.equal(dx!.requiresGrad, false);
  });

  it('takes single tensors, and sums over several outputs with weights', () => {
    const x = leaf(2);
    assertTensorEqual(autograd.grad(x.square(), x)[0]!, double(4));
    const [weighted] = autograd.grad([x.square(), x.mul(5)], x, { gradOutputs: [double(10), null] });
    assertTensorEqual(weighted!, double(45));
    const z = leaf(1, 2);
    assertTensorEqual(autograd.grad(z.square(), z, { gradOutputs: double(1, 10) })[0]!, double(2, 40));
  });

  it('gives second and third derivatives with createGraph', () => {
    const x = leaf(0.5);
    const [first] = autograd.grad(x.sin().sum(), x, { createGraph: true });
    const [second] = autograd.grad(first!.sum(), x, { createGraph: true });
    const [third] = autograd.grad(second!.sum(), x);
    assertTensorClose(first!, double(Math.cos(0.5)), { relative: 1e-15, absolute: 0 });
    assertTensorClose(second!, double(-Math.sin(0.5)), { relative: 1e-15, absolute: 0 });
    assertTensorClose(third!, double(-Math.cos(0.5)), { relative: 1e-15, absolute: 0 });
  });

  it('gives the gradient of what lies inside the graph', () => {
    const x = leaf(3);
    const y = x.square();
    assertTensorEqual(autograd.grad(y.mul(2).sum(), y)[0]!, double(2));
  });

  it('keeps the graph with retainGraph', () => {
    const x = leaf(3);
    const y = x.square().sum();
    autograd.grad(y, x, { retainGraph: true });
    autograd.grad(y, x);
    throwsWithCode(() => autograd.grad(y, x), 'ERR_TORCH', /second time/);
  });

  it('gives null for an unused input where that is allowed', () => {
    const [x, unused] = [leaf(1), leaf(1)];
    assert.equal(autograd.grad(x.sum(), [x, unused], { allowUnused: true })[1], null);
    throwsWithCode(() => autograd.grad(x.sum(), [x, unused]), 'ERR_TORCH', /not have been used in the graph/);
  });

  it('misuse: what are no tensors, and counts that differ', () => {
    const x = leaf(1);
    throwsWithCode(() => autograd.grad(1 as never, x), 'ERR_INVALID_ARG_TYPE', /^autograd\.grad: expected outputs to be a Tensor or an array of them/);
    throwsWithCode(() => autograd.grad(x.sum(), [x, null as never]), 'ERR_INVALID_ARG_TYPE', /inputs/);
    throwsWithCode(() => autograd.grad(x.sum(), x, { typo: 1 } as never), 'ERR_UNKNOWN_OPTION', /typo/);
    throwsWithCode(() => autograd.grad(x.square(), x, { gradOutputs: [double(1), double(1)] }), 'ERR_TORCH', /./);
    throwsWithCode(() => autograd.grad([], x), 'ERR_TORCH', /./);
    throwsWithCode(() => autograd.grad(x.sum(), []), 'ERR_TORCH', /./);
    const gone = x.square();
    gone.dispose();
    throwsWithCode(() => autograd.grad(gone, x), 'ERR_DISPOSED', /./);
  });
});

describe('a tensor in the graph', () => {
  it('knows whether it is a leaf, and what computed it', () => {
    const x = leaf(1);
    const y = x.exp();
    assert.deepEqual([x.isLeaf, y.isLeaf, x.gradFn, y.gradFn], [true, false, null, 'ExpBackward0']);
    assert.deepEqual([y.detach().isLeaf, y.detach().requiresGrad, y.data.requiresGrad], [true, false, false]);
    assert.deepEqual([double(1).isLeaf, double(1).exp().isLeaf], [true, true]);
    assert.equal(y.requiresGrad, true);
    throwsWithCode(() => y.requiresGrad_(false), 'ERR_TORCH', /^requiresGrad_: expected a leaf/);
    throwsWithCode(() => tensor([1], { dtype: 'int64' }).requiresGrad_(), 'ERR_TORCH', /floating point/);
    y.detach_();
    assert.equal(y.isLeaf, true);
  });

  it('takes a gradient, and null for none', () => {
    const x = leaf(1, 2);
    const given = double(5, 6);
    x.grad = given;
    assert.ok(x.grad.isSame(given));
    x.sum().backward();
    assertTensorEqual(x.grad, double(6, 7));
    x.grad = null;
    assert.equal(x.grad, null);
    throwsWithCode(() => (x.grad = double(1)), 'ERR_SHAPE', /^grad: expected shape \[2\]/);
    throwsWithCode(() => (x.grad = tensor([1, 2])), 'ERR_SHAPE', /double|float64/i);
    throwsWithCode(() => (x.grad = 1 as never), 'ERR_INVALID_ARG_TYPE', /^grad: expected a Tensor, got 1$/);
  });

  it('shares memory with what is detached from it', () => {
    const x = leaf(1, 2);
    x.detach().mul_(3);
    assert.deepEqual(x.toNumbers(), [3, 6]);
  });
});

describe('noGrad and enableGrad', () => {
  it('switch recording off and on, one inside the other, and back', () => {
    const seen: boolean[] = [];
    const look = () => seen.push(isGradEnabled());
    look();
    const result = noGrad(() => {
      look();
      enableGrad(() => {
        look();
        noGrad(look);
        look();
      });
      look();
      return 7;
    });
    look();
    assert.deepEqual([result, seen], [7, [true, false, true, false, true, false, true]]);
  });

  it('decide what is recorded, and let leaves be changed in place', () => {
    const x = leaf(1);
    assert.equal(noGrad(() => x.mul(2)).requiresGrad, false);
    assert.equal(noGrad(() => enableGrad(() => x.mul(2))).requiresGrad, true);
    noGrad(() => x.sub_(0.5));
    assert.deepEqual([x.item(), x.requiresGrad, x.isLeaf], [0.5, true, true]);
  });

  it('switch back where the function throws', () => {
    assert.throws(() => noGrad(() => enableGrad(() => { throw new Error('inside'); })), /inside/); // prettier-ignore
    assert.equal(isGradEnabled(), true);
  });

  it('end at the first await of an async function', async () => {
    const seen = await noGrad(async () => {
      const before = isGradEnabled();
      await Promise.resolve();
      return [before, isGradEnabled()];
    });
    assert.deepEqual(seen, [false, true]);
  });
});
