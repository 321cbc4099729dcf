// The penalty alone, its value and its gradient: penalty CALLS SIZES, the numbers of elements of all parameters, as JSON.
//
// Measured as a plugin sees it, from a hook in front of the MASPlugin's `beforeBackward` to `afterBackward`. The model adds
// its last parameter to the input, so that there is a loss and next to nothing of backward besides the penalty.
import {
  benchmarkFromDatasets,
  manualSeed,
  MASPlugin,
  nn,
  noGrad,
  optim,
  SupervisedTemplate,
  type Tensor,
  TensorDataset,
  torch,
} from 'continual-torch';
import { device, median, printResult, runProgram } from './workload';

const warmUp = 3;

class Weights extends nn.Module {
  readonly last: nn.Parameter;

  constructor(sizes: readonly number[]) {
    super();
    const parameters = sizes.map((size) => new nn.Parameter(torch.randn([size])));
    parameters.forEach((parameter, i) => this.registerParameter(`p${i}`, parameter));
    this.last = parameters.at(-1)!;
  }

  override forward(x: Tensor): Tensor {
    return x.add(this.last);
  }
}

runProgram(async () => {
  const calls = Number(process.argv[2]);
  const sizes = JSON.parse(process.argv[3]!) as number[];
  manualSeed(1);
  const model = new Weights(sizes);
  const data = (samples: number) =>
    new TensorDataset(torch.randn([samples, sizes.at(-1)!]), torch.zeros([samples], { dtype: 'int64' }));
  const { trainStream } = benchmarkFromDatasets({ train: [data(1), data(warmUp + calls)] });

  const mas = new MASPlugin({ lambdaReg: 1 });
  const times: number[] = [];
  let began = 0;
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    plugins: [
      { beforeBackward: () => void (began = performance.now()) },
      mas,
      {
        afterBackward: () => {
          // Comes behind all that a GPU has been told to do.
          model.last.grad!.sum().item();
          times.push(performance.now() - began);
        },
      },
    ],
    device,
    evaluator: null,
  });
  const [first, second] = [...trainStream];
  await strategy.train(first!);
  noGrad(() => {
    for (const importance of mas.importance!.values()) importance.uniform_();
    for (const anchor of mas.params!.values()) anchor.normal_();
  });
  times.length = 0;
  await strategy.train(second!);
  printResult({ milliseconds: median(times.slice(warmUp)) });
});
