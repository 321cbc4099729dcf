import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { tensor, Tensor, torch } from '../../lib/index';
import { onCpu } from '../support/on-cpu';
import { recordedTensors, toNumbers } from '../support/recorded-tensors';

/** The recorder's names in its expressions. */
function evaluate(expression: string): Tensor {
  const x = torch.arange(6, { dtype: 'float32' }).view(2, 3);
  const leaf = tensor([1, 2]).requiresGrad_();
  const integers = torch.arange(6).view(2, 3);
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- what is recorded beside its result
  return new Function('torch', 'x', 'leaf', 'integers', `return ${expression}`)(torch, x, leaf, integers) as Tensor;
}

describe('a tensor as text', () => {
  onCpu(); // other devices are named
  for (const [values, dtype, text] of recordedTensors.format) {
    it(`is PyTorch's: ${text.replace(/\s+/g, ' ')}`, () => {
      assert.equal(tensor(toNumbers(values), { dtype }).toString(), text);
    });
  }

  for (const [expression, text] of recordedTensors.formatExpressions) {
    it(`is PyTorch's for ${expression}`, () => {
      assert.equal(evaluate(expression).toString(), text);
    });
  }

  it('is shown by util.inspect and in templates, inside of objects too', () => {
    const x = tensor([1, 2.5]);
    assert.equal(inspect(x), 'tensor([1.0000, 2.5000])');
    assert.equal(`${x}`, 'tensor([1.0000, 2.5000])'); // eslint-disable-line @typescript-eslint/restrict-template-expressions
    assert.equal(inspect({ x, list: [tensor(1)] }), '{ x: tensor([1.0000, 2.5000]), list: [ tensor(1.) ] }');
    assert.equal(inspect(new Map([['x', x]])), "Map(1) { 'x' => tensor([1.0000, 2.5000]) }");
    assert.match(inspect({ a: torch.arange(4).view(2, 2) }), /^\{\s+a: tensor\(\[\[0, 1\],\n\s+\[2, 3\]\]\)\s+\}$/);
  });

  it('says so of a disposed one', () => {
    const x = tensor([1]);
    x.dispose();
    assert.equal(inspect([x]), '[ tensor(disposed) ]');
  });

  it('does not change the tensor, its gradient or the graph', () => {
    const x = tensor([1, 2]).requiresGrad_();
    const y = x.mul(2);
    void y.toString();
    y.sum().backward();
    assert.deepEqual(x.grad!.toArray(), [2, 2]);
  });
});
