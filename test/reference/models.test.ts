// What the reference's tests of growing models show (tests/models/test_models.py).
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { models, Naive, nn, optim, type Tensor, torch } from '../../lib/index';
import { assertTensorClose } from '../support/assertions';
import { onDevice } from '../support/device';
import { fastBenchmark, firstBatch, sorted } from '../support/fast-benchmark';
import { numbersOf } from '../support/small-runs';

const { IncrementalClassifier, MultiHeadClassifier, avalancheModelAdaptation } = models;

function strategyFor(model: nn.Module) {
  const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 });
  return new Naive({ model, optimizer, trainMbSize: 100, evalMbSize: 100, evaluator: null });
}
const isOptimized = (parameter: Tensor, optimizer: optim.Optimizer) =>
  optimizer.paramGroups.some(({ params }) => [...params].some((each) => (each).isSame(parameter)));
const named = (model: nn.Module, name: string) => {
  const found = model.namedParameters().get(name) ?? model.namedBuffers().get(name);
  assert.ok(found, `${name} among ${[...model.namedParameters().keys()].join()}`);
  return found;
};
const columns = (output: Tensor, places: number[]) => places.map((place) => output.select(1, place).toNumbers()).flat();
/** Outputs of active units are not masked, all others are. */
function assertMasked(output: Tensor, active: Tensor, classes: readonly number[]): void {
  const isActive = active.toNumbers();
  assert.ok(classes.every((label) => isActive[label] === 1));
  const places = [...isActive.keys()];
  assert.ok(columns(output, [...classes]).every((value) => value !== -1000));
  assert.ok(columns(output, places.filter((place) => isActive[place] === 0)).every((value) => value === -1000)); // prettier-ignore
}
const benchmark = fastBenchmark({ shuffle: false });
const ofTasks = fastBenchmark({ shuffle: false, taskLabels: true });

describe("the reference's tests: incremental classifier", () => {
  it('in the place of the classifier of a model: its parameters are optimized, old ones no more (test_incremental_classifier)', async () => {
    const model = new models.SimpleMLP({ inputSize: 6, hiddenSize: 10 });
    const classifier = new IncrementalClassifier(10);
    (model as unknown as { classifier: nn.Module }).classifier = classifier;
    const strategy = strategyFor(model);
    const parameters = () => [...classifier.namedParameters().values()];
    await strategy.train(benchmark.trainStream[0]!);
    const first = parameters();
    assert.ok(first.every((parameter) => isOptimized(parameter, strategy.optimizer)));
    await strategy.train(benchmark.trainStream[0]!);
    parameters().forEach((parameter, i) => assert.ok(parameter.isSame(first[i]!)));
    await strategy.train(benchmark.trainStream[4]!);
    parameters().forEach((parameter, i) => {
      assert.ok(!parameter.isSame(first[i]!));
      assert.deepEqual([isOptimized(parameter, strategy.optimizer), isOptimized(first[i]!, strategy.optimizer)], [true, false]);
    });
  });

  it('keeps old rows and has a unit for every label (test_incremental_classifier_weight_update)', () => {
    const model = new IncrementalClassifier(10);
    const old = numbersOf(model.namedParameters());
    const experience = benchmark.trainStream[4]!;
    model.adaptation(experience);
    for (const [name, parameter] of model.namedParameters()) {
      assert.deepEqual(parameter.toNumbers().slice(0, old[name]!.length), old[name]);
      assert.equal(parameter.shape[0], Math.max(...experience.dataset.labels()) + 1);
    }
  });

  for (const [name, evaluates] of [
    ['masks classes that were not learned (test_incremental_classifier_masking)', false],
    ['and does so whatever is evaluated (test_incremental_classifier_update_masking_only_during_training)', true],
  ] as const) {
    it(name, async () => {
      const { trainStream } = fastBenchmark();
      const model = new IncrementalClassifier(6);
      const learned: number[] = [];
      for (const experience of trainStream) {
        learned.push(...experience.classesInThisExperience);
        model.adaptation(experience);
        if (evaluates) {
          model.eval();
          for (const each of trainStream) model.adaptation(each);
          model.train();
        }
        const active = named(model, 'active_units');
        const units = active.toNumbers().flatMap((isActive, unit) => (isActive ? [unit] : []));
        assert.deepEqual(units, sorted(learned));
        assertMasked(model.forward(onDevice(await firstBatch(experience.dataset))[0]), active, learned);
      }
    });
  }
});

describe("the reference's tests: multi-head classifier", () => {
  it('heads are made, grown and optimized (test_multihead_head_creation)', async () => {
    const model = new models.MTSimpleMLP({ inputSize: 6, hiddenSize: 10 });
    const strategy = strategyFor(model);
    for (const task of [0, 4]) {
      await strategy.train(ofTasks.trainStream[task]!);
      for (const each of task === 0 ? [0] : [0, 4]) {
        for (const what of ['weight', 'bias']) {
          const parameter = named(model, `classifier.classifiers.${each}.classifier.${what}`);
          assert.ok(isOptimized(parameter, strategy.optimizer));
        }
      }
    }
  });

  it('the head of the task answers, filled up with zeros (test_multihead_head_selection)', async () => {
    const model = new MultiHeadClassifier(6, { masking: false });
    const strategy = strategyFor(model);
    for (const task of [0, 4]) await strategy.train(ofTasks.trainStream[task]!);
    for (const task of [0, 4]) {
      const [x, , taskId] = onDevice(await firstBatch(ofTasks.trainStream[task]!.dataset, 1));
      const whole = model.forward(x, taskId);
      const own = model.classifiers.get(task)!.forward(x);
      const padded = torch.constantPadNd(own, [0, whole.shape[1]! - own.shape[1]!]);
      assertTensorClose(whole, padded);
    }
  });

  it('masks classes of a task that were not learned in it (test_multi_head_classifier_masking)', async () => {
    const { trainStream } = fastBenchmark({ taskLabels: true });
    const model = new MultiHeadClassifier(6);
    const check = async (task: number) => {
      const { dataset, classesInThisExperience } = trainStream[task]!;
      const [x, , taskId] = onDevice(await firstBatch(dataset, 7));
      const active = named(model, `active_units_T${task}`);
      const output = model.forward(x, taskId);
      assertMasked(output.narrow(1, 0, active.shape[0]!), active, classesInThisExperience);
    };
    for (const experience of trainStream) {
      model.adaptation(experience);
      await check(experience.currentExperience);
    }
    for (const experience of trainStream) await check(experience.currentExperience);
  });

  const { trainStream } = fastBenchmark({ taskLabels: true });
  const sizes = [...trainStream].map(({ classesInThisExperience }) => Math.max(...classesInThisExperience) + 1);
  const assertSizes = ({ classifiers }: InstanceType<typeof MultiHeadClassifier>) =>
    sizes.forEach((size, task) => assert.equal(named(classifiers.get(task)!, 'classifier.weight').shape[0], size));

  it('inside of another module (test_avalanche_adaptation)', () => {
    const heads = new MultiHeadClassifier(6);
    // A Sequential holds no module that takes task labels; what adapts a model looks into any.
    class Around extends nn.Module {
      readonly heads = heads;

      override forward(x: Tensor): Tensor {
        return x;
      }
    }
    const model = new Around();
    for (let round = 0; round < 2; round++) for (const each of trainStream) avalancheModelAdaptation(model, each);
    assertSizes(heads);
  });

  it('by itself; a second time nothing changes (test_recursive_adaptation)', () => {
    const model = new MultiHeadClassifier(6);
    for (const each of trainStream) avalancheModelAdaptation(model, each);
    const parameters = [...model.namedParameters().values()];
    for (const each of trainStream) avalancheModelAdaptation(model, each);
    assertSizes(model);
    [...model.namedParameters().values()].forEach((parameter, i) => assert.ok(parameter.isSame(parameters[i]!)));
  });

  it('modules in a circle are adapted once each (test_recursive_loop)', () => {
    type Circle = InstanceType<typeof MultiHeadClassifier> & { layer2?: nn.Module };
    const [first, second]: [Circle, Circle] = [new MultiHeadClassifier(6), new MultiHeadClassifier(6)];
    first.layer2 = second;
    second.layer2 = first;
    avalancheModelAdaptation(first, trainStream[0]!);
    for (const { classifiers } of [first, second]) assert.equal(named(classifiers.get(0)!, 'classifier.weight').shape[0], sizes[0]);
  });
});
