// A pretrained TorchScript model learns new classes and keeps what it knew: before its first experience here MAS measures, on images
// without labels, what matters to its answers.
//
//   npx tsx fine-tuning.ts [MODEL.pt]
//
// MODEL.pt, by default digits.pt: a classifier of the digits 0 to 4, [B, 1, 28, 28] to [B, 5], that `torch.jit.script(model).save(...)` has
// written in Python, or `jit.save`. Where there is no such file one is trained, built as torchvision's: convolutions, BatchNorm, linear layers.
import { existsSync } from 'node:fs';
import {
  accuracyMetrics,
  EvaluationPlugin,
  jit,
  manualSeed,
  MASPlugin,
  models,
  Naive,
  nn,
  optim,
  splitMNIST,
  type Tensor,
} from 'continual-torch';

/** The pretrained model for the classes it knows (task 0), and a layer behind it for those that are new (task 1). */
class WithNewClasses extends models.MultiTaskModule {
  readonly newClasses: nn.Linear;

  constructor(
    readonly pretrained: jit.ScriptModule,
    known: number,
    added: number,
  ) {
    super();
    this.newClasses = new nn.Linear(known, added);
  }

  override forward(x: Tensor, taskLabels: Tensor): Tensor {
    const answers = this.pretrained.forward(x);
    return taskLabels.select(0, 0).item() === 0 ? answers : this.newClasses.forward(answers);
  }

  /** The statistics of BatchNorm stay those of what it was trained on. */
  override train(mode = true): this {
    super.train(mode);
    this.pretrained.eval();
    return this;
  }
}

const sgd = (model: nn.Module, lr: number) => new optim.SGD(model.parameters(), { lr, momentum: 0.9 });

async function main(): Promise<void> {
  const { trainStream, testStream } = await splitMNIST({
    nExperiences: 2,
    fixedClassOrder: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    classIdsFromZeroInEachExp: true,
    returnTaskId: true,
  });
  const [oldClasses, newClasses] = [...trainStream];
  const file = process.argv[2] ?? 'digits.pt';
  if (!existsSync(file)) {
    manualSeed(0);
    const block = (from: number, to: number) => [new nn.Conv2d(from, to, 3), new nn.BatchNorm2d(to), new nn.ReLU(), new nn.MaxPool2d(2)];
    const net = new nn.Sequential(...block(1, 16), ...block(16, 32), new nn.Flatten(), new nn.Linear(800, 128), new nn.ReLU(), new nn.Linear(128, 5));
    await new Naive({ model: net, optimizer: sgd(net, 0.02), trainMbSize: 64, evaluator: null }).train(oldClasses!);
    await jit.save(net, file);
  }
  const images = oldClasses!.dataset.subset(Array.from({ length: 2000 }, (_, i) => i * 15));

  for (const method of ['fine-tuned', 'with MAS']) {
    manualSeed(1);
    const model = new WithNewClasses(await jit.load(file), 5, 5);
    const mas = new MASPlugin({ preset: 'paper', lambdaReg: method === 'with MAS' ? 100 : 0, penaltyUpdate: 'proximal' });
    const evaluator = new EvaluationPlugin(accuracyMetrics({ experience: true }), { loggers: [] });
    const strategy = new Naive({ model, optimizer: sgd(model, 0.005), trainMbSize: 64, evalMbSize: 1000, plugins: [mas], evaluator });
    const accuracies = async () =>
      Object.entries(await strategy.eval(testStream))
        .filter(([name]) => name.startsWith('Top1_Acc_Exp/eval_phase'))
        .map(([, accuracy]) => (accuracy as number).toFixed(4));
    if (method === 'fine-tuned') console.log(`pretrained: digits 0 to 4 ${(await accuracies())[0]}`);
    await mas.updateImportance(strategy, images);
    await strategy.train(newClasses!);
    const [before, after] = await accuracies();
    console.log(`${method}: digits 0 to 4 ${before}, digits 5 to 9 ${after}`);
  }
}

void main();
