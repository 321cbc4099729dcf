import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { nn, type Tensor, torch } from 'continual-torch';

const fixtures = process.env.CONTINUAL_TORCH_FIXTURES!;
await copyFile(path.join(fixtures, 'torchscript', 'encoder.pt'), 'model.pt');
await copyFile(path.join(fixtures, 'inputs', 'Encoder.pt'), 'bert.pt');

class Net extends nn.Module {
  readonly fc = new nn.Linear(784, 10);

  override forward(input: Tensor): Tensor {
    return this.fc.forward(input).relu();
  }
}

export const x = torch.randn([2, 4]);
export const net = new Net();
export const ids = torch.randint(20, [16, 6]);
export const mask = torch.ones([16, 6], { dtype: 'int64' });
export const labels = torch.randint(3, [16]);
