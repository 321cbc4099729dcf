// A call of a 3-layer MLP whose forward is TypeScript, recorded for backward: mlp-call CALLS BATCH
import { nn, type Tensor, torch } from 'continual-torch';
import { nanosecondsPerCall, printResult } from './workload';

class Net extends nn.Module {
  fc1 = new nn.Linear(784, 128);
  fc2 = new nn.Linear(128, 64);
  fc3 = new nn.Linear(64, 10);

  override forward(x: Tensor): Tensor {
    return this.fc3.forward(torch.relu(this.fc2.forward(torch.relu(this.fc1.forward(x)))));
  }
}

const [calls, batch] = process.argv.slice(2).map(Number) as [number, number];
const model = new Net();
const x = torch.randn([batch, 784]);
printResult({ microseconds: nanosecondsPerCall(() => model.forward(x), calls) / 1000 });
