import { copyFile } from 'node:fs/promises';
import path from 'node:path';
import { nn, type Tensor, torch } from 'continual-torch';

await copyFile(path.join(process.env.CONTINUAL_TORCH_FIXTURES!, 'torchscript', 'encoder.pt'), 'model.pt');

class Net extends nn.Module {
  readonly fc = new nn.Linear(784, 10);

  override forward(input: Tensor): Tensor {
    return this.fc.forward(input).relu();
  }
}

export const x = torch.randn([2, 4]);
export const net = new Net();
