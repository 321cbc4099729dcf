import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { jit, nn, tensor, torch, type Tensor } from '../../lib/index';
import { isScripted } from '../../lib/nn/module';
import { assertTensorEqual } from '../support/assertions';

const indices = () => tensor([[1], [2]], { dtype: 'int64' });
class First extends nn.Module {
  override forward([output]: [Tensor, Tensor]): Tensor {
    return output;
  }
}

describe('recurrent layers in nn.Sequential', () => {
  it('at the end give output and state, also as TorchScript that is saved', async () => {
    const x = torch.randn([4, 1, 2]);
    const lstm = new nn.LSTM(2, 3);
    const model = new nn.Sequential(new nn.Identity(), lstm);
    assert.ok(isScripted(model));
    const loaded = await jit.load<[Tensor, [Tensor, Tensor]]>(await jit.saveToBuffer(model));
    const expected = lstm.forward(x);
    for (const [output, [hidden, cell]] of [model.forward(x), loaded.forward(x)]) {
      assertTensorEqual(output, expected[0]);
      assertTensorEqual(hidden, expected[1][0]);
      assertTensorEqual(cell, expected[1][1]);
    }
    for (const layer of [new nn.RNN(2, 3), new nn.GRU(2, 3)]) {
      const [output, hidden] = new nn.Sequential(layer).forward(x);
      assertTensorEqual(output, layer.forward(x)[0]);
      assertTensorEqual(hidden, layer.forward(x)[1]);
    }
  });

  it('give an array to a module that takes one, and to a layer that does not an error when it runs', () => {
    const layers = [new nn.Embedding(5, 2), new nn.GRU(2, 3), new First(), new nn.Linear(3, 1)] as const;
    const model = new nn.Sequential(...layers);
    const [output] = layers[1].forward(layers[0].forward(indices()));
    assertTensorEqual(model.forward(indices()), layers[3].forward(output));
    const wrong = new nn.Sequential(new nn.LSTM(2, 3), new nn.Linear(3, 1));
    assert.equal(String(wrong), 'Sequential(\n  (0): LSTM(2, 3)\n  (1): Linear(in_features=3, out_features=1, bias=True)\n)');
    assert.equal(wrong.parameters().length, 6);
    assert.throws(() => wrong.forward(torch.randn([4, 1, 2])), /Tensor/);
  });

  it('cells follow one another', () => {
    const [first, second] = [new nn.RNNCell(2, 3), new nn.LSTMCell(3, 4)];
    const x = torch.randn([5, 2]);
    const [hidden, cell] = new nn.Sequential(first, second).forward(x);
    assertTensorEqual(hidden, second.forward(first.forward(x))[0]);
    assertTensorEqual(cell, second.forward(first.forward(x))[1]);
  });
});
