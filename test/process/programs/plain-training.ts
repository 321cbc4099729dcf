// Trains a model that is written with operators, as a newcomer writes it: no tidy, no dispose, no call of the collector.
// Prints, as JSON, live tensors and resident memory along the way, and the loss before and after. Arguments: width of the hidden layer, iterations, batch size.
import '../../support/device';
import { manualSeed, memory, optim, type Tensor, torch } from '../../../lib/index';

const [width, iterations, batchSize] = process.argv.slice(2).map(Number) as [number, number, number];
const inputs = 16;

class Model {
  readonly weights = [torch.randn([inputs, width]), torch.zeros([width]), torch.randn([width, 1]), torch.zeros([1])].map((weight) =>
    weight.mul(0.1).requiresGrad_(),
  );

  forward(x: Tensor): Tensor {
    const [w1, b1, w2, b2] = this.weights as [Tensor, Tensor, Tensor, Tensor];
    return torch.matmul(torch.relu(torch.matmul(x, w1).add(b1)), w2).add(b2);
  }
}

manualSeed(0);
const model = new Model();
// The same samples each time: the loss of one small mini-batch says little about what was learned.
const heldOut = torch.randn([1000, inputs]);
const lossOf = (x: Tensor): Tensor => model.forward(x).sub(x.sum([1], { keepdim: true })).square().mean();
const untrainedLoss = lossOf(heldOut).item();
const optimizer = new optim.SGD(model.weights, { lr: 1e-3, momentum: 0.9 });
const samples: { iteration: number; tensors: number; bytes: number; rss: number; outsideHeap: number }[] = [];
for (let i = 1; i <= iterations; i++) {
  const x = torch.randn([batchSize, inputs]);
  const loss = lossOf(x);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  if (i % (iterations / 10) === 0) {
    const { numTensors, numBytes } = memory();
    const { rss, heapTotal } = process.memoryUsage();
    samples.push({ iteration: i, tensors: numTensors, bytes: numBytes, rss, outsideHeap: rss - heapTotal });
  }
}
console.log(JSON.stringify({ samples, untrainedLoss, trainedLoss: lossOf(heldOut).item() }));
