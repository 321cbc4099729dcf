// The penalty alone, its value and its gradient: penalty CALLS SIZES [proximal], SIZES being the numbers of elements of all
// parameters, as JSON.
//
// Measured as a plugin sees it, from a hook in front of the MASPlugin's `beforeBackward` to `afterBackward`. The model adds
// its last parameter to the input, so that there is a loss and next to nothing of backward besides the penalty. With `proximal`
// a second plugin applies a penalty behind each of the same updates, from a hook in front of its `afterUpdate` to one behind it.
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
  const isProximal = process.argv[4] === 'proximal';
  manualSeed(1);
  const model = new Weights(sizes);
  const data = (samples: number) =>
    new TensorDataset(torch.randn([samples, sizes.at(-1)!]), torch.zeros([samples], { dtype: 'int64' }));
  const { trainStream } = benchmarkFromDatasets({ train: [data(1), data(warmUp + calls)] });

  const mas = new MASPlugin({ lambdaReg: 1 });
  const proximal = new MASPlugin({ lambdaReg: 1, penaltyUpdate: 'proximal' });
  const times: number[] = [];
  const proximalTimes: number[] = [];
  let began = 0;
  const begin = () => void (began = performance.now());
  const endProximal = () => {
    model.last.sum().item();
    proximalTimes.push(performance.now() - began);
  };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: isProximal ? 1e-3 : 0 }),
    plugins: [
      { beforeBackward: begin },
      mas,
      {
        afterBackward: () => {
          // Comes behind all that a GPU has been told to do.
          model.last.grad!.sum().item();
          times.push(performance.now() - began);
        },
      },
      ...(isProximal ? [{ afterUpdate: begin }, proximal, { afterUpdate: endProximal }] : []),
    ],
    device,
    evaluator: null,
  });
  const [first, second] = [...trainStream];
  await strategy.train(first!);
  noGrad(() => {
    for (const { importance, params } of isProximal ? [mas, proximal] : [mas]) {
      for (const omega of importance!.values()) omega.uniform_();
      for (const anchor of params!.values()) anchor.normal_();
    }
  });
  times.length = proximalTimes.length = 0;
  await strategy.train(second!);
  const milliseconds = median(times.slice(warmUp));
  printResult({ milliseconds, ...(isProximal && { proximalMilliseconds: median(proximalTimes.slice(warmUp)) }) });
});
