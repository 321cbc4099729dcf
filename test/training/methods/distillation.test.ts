// LwF and LFL: what the teacher adds to the loss, by hand; teachers that do not fit; models in TypeScript and in TorchScript.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  Generator,
  LFL,
  LFLPlugin,
  LwF,
  LwFPlugin,
  models,
  nn,
  optim,
  type Plugin,
  SupervisedTemplate,
  Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../../lib/index';

const features = 3;
const set = (labels: number[], taskLabel = 0) =>
  new TensorDataset(tensor(labels.map((_, i) => [Math.sin(i + 1), Math.cos(3 * i), 0.5 * i - 1])), tensor(labels, { dtype: 'int64' }), { taskLabels: taskLabel });

/** Notes what a plugin adds to the loss, with the outputs that it saw. */
function watch() {
  const added: { value: number; outputs: number[][] }[] = [];
  let plain = 0;
  const before: Plugin = { beforeBackward: ({ loss }) => void (plain = loss.item()) };
  const after: Plugin = {
    beforeBackward: ({ loss, mbOutput }) => void added.push({ value: loss.item() - plain, outputs: mbOutput!.toArray() as number[][] }),
  };
  return { added, before, after };
}

function strategyOf(model: nn.Module, plugins: Plugin[]): SupervisedTemplate {
  return new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.3 }), trainMbSize: 8, trainEpochs: 2, evaluator: null, generator: new Generator({ device: 'cpu' }), plugins });
}

/** KL(softmax(teacher / T) || softmax(student / T)) over these columns, the mean over the rows. */
function divergence(student: number[][], teacher: number[][], columns: number[], temperature: number): number {
  const softmax = (row: number[]) => {
    const e = columns.map((c) => Math.exp(row[c]! / temperature));
    const sum = e.reduce((a, b) => a + b, 0);
    return e.map((value) => value / sum);
  };
  const rows = student.map((row, i) => {
    const [p, q] = [softmax(row), softmax(teacher[i]!)];
    return q.reduce((sum, value, c) => sum + value * Math.log(value / p[c]!), 0);
  });
  return rows.reduce((a, b) => a + b, 0) / rows.length;
}

/** The same forward as `nn.Sequential`, in TypeScript. */
class Net extends nn.Module {
  hidden = new nn.Linear(features, 5);
  head = new nn.Linear(5, 4);

  getFeatures(x: Tensor): Tensor {
    return torch.relu(this.hidden.forward(x));
  }

  override forward(x: Tensor): Tensor {
    return this.head.forward(this.getFeatures(x));
  }
}

const close = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) <= 2e-6 * Math.max(1, Math.abs(expected)), `${actual}, expected ${expected}`);

describe('LwFPlugin', () => {
  const nets: Record<string, () => nn.Module> = {
    TorchScript: () => new nn.Sequential(new nn.Linear(features, 5), new nn.ReLU(), new nn.Linear(5, 4)),
    TypeScript: () => new Net(),
  };
  for (const [kind, make] of Object.entries(nets)) {
    it(`adds the divergence from the teacher over the classes seen, a model in ${kind}`, async () => {
      const model = make();
      const lwf = new LwFPlugin({ alpha: 1.5, temperature: 3 });
      const { added, before, after } = watch();
      const teachers: nn.Module[] = [];
      const taking: Plugin = { afterTrainingExp: (strategy) => void teachers.push(strategy.model.clone()) };
      const strategy = strategyOf(model, [before, lwf, after, taking]);
      const { experiences } = benchmarkFromDatasets({ train: [set([0, 1, 1, 0]), set([2, 3, 2, 2])] }).trainStream;
      await strategy.train(experiences, { shuffle: false });
      assert.deepEqual(added.slice(0, 2).map(({ value }) => value), [0, 0]);
      const said = teachers[0]!.forward(experiences[1]!.dataset.x).toArray() as number[][];
      assert.ok(added.slice(2)[1]!.value > 0);
      for (const { value, outputs } of added.slice(2)) close(value, 1.5 * divergence(outputs, said, [0, 1], 3));
      assert.deepEqual([...lwf.classes], [[0, [0, 1, 2, 3]]]);
    });
  }

  it('distils the heads of all tasks of a multi-task model', async () => {
    const model = new models.MTSimpleMLP({ inputSize: features, hiddenSize: 4 });
    const lwf = new LwFPlugin({ alpha: 1 });
    const { added, before, after } = watch();
    const heads: Map<number, number[][]>[] = [];
    const notes: Plugin = {
      beforeBackward({ mbX, model: student, clock }) {
        if (clock.trainExpCounter !== 2 || clock.trainExpIterations !== 1) return;
        student.eval();
        for (const of of [teacher, student]) heads.push(new Map([...(of!.forward(mbX, null) as unknown as Map<number, Tensor>)].map(([task, output]) => [task, output.toArray() as number[][]])));
        student.train();
      },
    };
    // Without dropout, whose masks teacher and student draw for themselves.
    for (const module of model.modules()) if (module.constructor.name === 'Dropout') module.train = () => module;
    for (const module of model.modules()) if (module.constructor.name === 'Dropout') nn.Module.prototype.train.call(module, false);
    let teacher: nn.Module | null = null;
    const taking: Plugin = { afterTrainingExp: (strategy) => void (teacher = strategy.model.clone().eval()) };
    const strategy = strategyOf(model, [before, lwf, after, notes, taking]);
    await strategy.train(benchmarkFromDatasets({ train: [set([0, 1, 1], 0), set([0, 1, 2], 1), set([0, 1, 1], 2)] }).trainStream, { shuffle: false });
    const [said, says] = heads as [Map<number, number[][]>, Map<number, number[][]>];
    const expected = divergence(says.get(0)!, said.get(0)!, [0, 1], 2) + divergence(says.get(1)!, said.get(1)!, [0, 1, 2], 2);
    close(added.at(-1)!.value, expected);
  });

  it('says what it cannot do', async () => {
    assert.throws(() => new LwFPlugin({ temperature: 0 }), { code: 'ERR_INVALID_ARG_VALUE' });
    assert.throws(() => new LwFPlugin({ alpha: [] }), { code: 'ERR_INVALID_ARG_VALUE' });
    const { experiences } = benchmarkFromDatasets({ train: [set([0, 1]), set([2, 3])] }).trainStream;
    const short = strategyOf(nets.TorchScript!(), [new LwFPlugin({ alpha: [1] })]);
    await assert.rejects(short.train(experiences), { code: 'ERR_INVALID_ARG_VALUE', message: /alpha of LwFPlugin: expected a value for experience 1/ });
    const regression = new TensorDataset(tensor([[1, 2, 3]]), tensor([[0.5, 1, 1, 1]]));
    const other = new SupervisedTemplate({ model: nets.TorchScript!(), criterion: new nn.MSELoss(), optimizer: new optim.SGD(nets.TorchScript!().parameters(), { lr: 0 }), evaluator: null, generator: new Generator({ device: 'cpu' }), plugins: [new LwFPlugin()] });
    await assert.rejects(other.train(benchmarkFromDatasets({ train: [regression] }).trainStream), { code: 'ERR_DISTILLATION', message: /experience 0 to have class labels/ });
  });

  it('a teacher with other outputs', async () => {
    for (const make of Object.values(nets)) {
      const model = make();
      const narrower: Plugin = {
        beforeTrainingExp(strategy) {
          if (strategy.clock.trainExpCounter === 0) return;
          const head = new nn.Linear(5, 2);
          if (model instanceof Net) model.head = head;
          else (model as unknown as nn.Module[])[2] = head;
        },
      };
      const strategy = strategyOf(model, [narrower, new LwFPlugin()]);
      const { experiences } = benchmarkFromDatasets({ train: [set([2, 3]), set([0, 1])] }).trainStream;
      await assert.rejects(strategy.train(experiences), { code: 'ERR_DISTILLATION', message: /classes up to 3 that task 0 has shown, got \[2, 2\] of the model and \[2, 4\] of the teacher/ });
    }
  });

  it('joins a strategy of its name', () => {
    const model = nets.TorchScript!();
    const { plugins } = new LwF({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), evaluator: null, alpha: 3 });
    assert.equal(plugins.find((plugin) => plugin instanceof LwFPlugin)?.alpha, 3);
  });
});

describe('LFLPlugin', () => {
  const nets: Record<string, () => nn.Module> = {
    TorchScript: () => new models.SimpleMLP({ inputSize: features, hiddenSize: 5, numClasses: 4, dropRate: 0.4 }),
    TypeScript: () => new Net(),
  };
  const featuresOf = (model: nn.Module, x: Tensor) => (model as unknown as Net).getFeatures(x).toArray() as number[][];
  for (const [kind, make] of Object.entries(nets)) {
    it(`adds the distance of features and freezes the last layer, a model in ${kind}`, async () => {
      const model = make();
      const { added, before, after } = watch();
      const distances: number[] = [];
      let teacher: nn.Module | null = null;
      const taking: Plugin = { afterTrainingExp: (strategy) => void (teacher = strategy.model.clone().eval()) };
      const notes: Plugin = {
        beforeBackward({ mbX, model: student }) {
          if (!teacher) return;
          assert.equal(student.training, false);
          const [ours, theirs] = [featuresOf(student, mbX!), featuresOf(teacher, mbX!)];
          const squares = ours.flatMap((row, i) => row.map((value, j) => (value - theirs[i]![j]!) ** 2));
          distances.push(squares.reduce((a, b) => a + b, 0) / squares.length);
        },
      };
      const strategy = strategyOf(model, [before, new LFLPlugin({ lambdaE: 2.5 }), after, notes, taking]);
      const { experiences } = benchmarkFromDatasets({ train: [set([0, 1, 1, 0]), set([2, 3, 2, 2])] }).trainStream;
      await strategy.train(experiences[0]!, { shuffle: false });
      const frozen = [...model.namedParameters()].filter(([, { requiresGrad }]) => !requiresGrad).map(([name]) => name);
      assert.deepEqual(frozen, kind === 'TypeScript' ? ['head.weight', 'head.bias'] : ['classifier.weight', 'classifier.bias']);
      const last = model.namedParameters().get(frozen[0]!)!.toNumbers();
      await strategy.train(experiences[1]!, { shuffle: false });
      assert.deepEqual(model.namedParameters().get(frozen[0]!)!.toNumbers(), last);
      assert.equal(distances.length, 2);
      added.slice(2).forEach(({ value }, i) => close(value, 2.5 * distances[i]!));
      assert.ok(added.at(-1)!.value > 0);
    });
  }

  it('says what it cannot do', async () => {
    assert.throws(() => new LFLPlugin({} as never), { code: 'ERR_INVALID_ARG_TYPE' });
    const { trainStream } = benchmarkFromDatasets({ train: [set([0, 1]), set([2, 3])] });
    const plain = strategyOf(new nn.Linear(features, 4), [new LFLPlugin({ lambdaE: 1 })]);
    await assert.rejects(plain.train(trainStream), { code: 'ERR_DISTILLATION', message: /getFeatures/ });
    const short = strategyOf(new Net(), [new LFLPlugin({ lambdaE: [1] })]);
    await assert.rejects(short.train(trainStream), { code: 'ERR_INVALID_ARG_VALUE', message: /lambdaE of LFLPlugin: expected a value for experience 1/ });
  });

  it('joins a strategy of its name', () => {
    const model = new Net();
    const { plugins } = new LFL({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0 }), evaluator: null, lambdaE: 3 });
    assert.equal(plugins.find((plugin) => plugin instanceof LFLPlugin)?.lambdaE, 3);
  });
});
