// A model written in TypeScript as in PyTorch, trained with MAS, and handed over to Python in two ways.
import {
  DataLoader,
  jit,
  manualSeed,
  MASPlugin,
  nn,
  noGrad,
  optim,
  permutedMNIST,
  SupervisedTemplate,
  tensor,
  type Tensor,
  torch,
} from 'continual-torch';

class Net extends nn.Module {
  conv = new nn.Conv2d(1, 8, 5, { stride: 2 });
  norm = new nn.LayerNorm(8 * 12 * 12);
  head = new nn.Linear(8 * 12 * 12, 10);
  temperature = new nn.Parameter(tensor(1));

  override forward(x: Tensor): Tensor {
    const features = this.norm.forward(this.conv.forward(x).relu().flatten(1));
    return this.head.forward(features).div(this.temperature);
  }
}

async function main(): Promise<void> {
  const { trainStream, testStream } = await permutedMNIST({ nExperiences: 2, seed: 1 });
  manualSeed(1);
  const model = new Net();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.AdamW(model.namedParameters(), { lr: 1e-3 }),
    trainMbSize: 128,
    evalMbSize: 1000,
    plugins: [new MASPlugin({ lambdaReg: 3, normalize: 'mean', penaltyUpdate: 'proximal' })],
    evaluator: null,
  });
  for (const experience of trainStream) await strategy.train(experience);

  console.log(model);
  model.eval();
  for (const { dataset } of testStream) {
    let correct = 0;
    for await (const [x, y] of new DataLoader(dataset, { batchSize: 1000 })) {
      correct += noGrad(() => model.forward(x)).argmax(1).eq(y).sum().item();
    }
    console.log(`accuracy ${(correct / dataset.length).toFixed(4)}`);
  }

  await torch.save(model.stateDict(), 'net.pt'); // net.load_state_dict(torch.load('net.pt'))
  await jit.save(jit.trace(model, torch.zeros([1, 1, 28, 28])), 'net-traced.pt'); // torch.jit.load('net-traced.pt')
}

void main();
