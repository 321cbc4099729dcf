// A snapshot of a strategy's model, and a copy of the same bytes, in turns: snapshot TURNS.
import { benchmarkFromDatasets, nn, optim, SupervisedTemplate, type Tensor, torch } from 'continual-torch';
import { device, median, printResult, randomDataset, runProgram } from './workload';

/** The layers of a ResNet18 with 1000 classes: 11.7 million parameters in 62 tensors, and buffers of 20 BatchNorms. */
const shapes = [
  [64, 3, 7, 7],
  ...[64, 64, 64, 64].map((width) => [width, 64, 3, 3]),
  ...[128, 256, 512].flatMap((width) => [
    [width, width / 2, 3, 3],
    [width, width, 3, 3],
    [width, width / 2, 1, 1],
    [width, width, 3, 3],
    [width, width, 3, 3],
  ]),
];

class Weights extends nn.Module {
  layers = new nn.ModuleList(
    shapes.map(([out, width, height]) => new nn.Sequential(new nn.Conv2d(width!, out!, height!, { bias: false }), new nn.BatchNorm2d(out!))),
  );
  fc = new nn.Linear(512, 1000);

  override forward(x: Tensor): Tensor {
    return x.add(this.fc.bias!);
  }
}

runProgram(async () => {
  const turns = Number(process.argv[2]);
  const model = new Weights();
  const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), device, evaluator: null });
  // A strategy that has trained, whose parameters are laid out flat.
  await strategy.train(benchmarkFromDatasets({ train: [randomDataset(2, [1000])] }).trainStream);
  const elements = [...model.stateDict().values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  const [from, to] = [torch.ones([elements], { device }), torch.empty([elements], { device })];
  const snapshots: number[] = [];
  const copies: number[] = [];
  const timed = async (times: number[], run: () => unknown) => {
    const began = performance.now();
    await run();
    times.push(performance.now() - began);
  };
  for (let i = 0; i < turns; i++) {
    await timed(snapshots, () => strategy.snapshot());
    await timed(copies, () => to.copy_(from).select(0, 0).item());
  }
  const warm = Math.ceil(turns / 10);
  printResult({ snapshotMilliseconds: median(snapshots.slice(warm)), copyMilliseconds: median(copies.slice(warm)), elements });
});
