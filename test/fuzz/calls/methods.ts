import {
  amp, benchmarks, DataLoader, evaluation, Generator, IterableDataset, jit, models, nn, optim, TensorDataset, tensor, type Tensor,
} from '../../../lib/index'; // prettier-ignore
import { layerCases } from '../../support/layer-cases';
import type { FuzzRandom } from '../random';
import type { Call } from './call';
import { anything, anyTensor } from './values';

type Make = (random: FuzzRandom) => object;

const data = () => new TensorDataset(tensor([[1, 2], [3, 4], [5, 6]]), tensor([0, 1, 0], { dtype: 'int64' })); // prettier-ignore
const linear = () => new nn.Linear(2, 2);

function parametersWithGradients(): Tensor[] {
  const layer = linear();
  layer.forward(tensor([[1, 2]])).sum().backward();
  return layer.parameters();
}
const sgd = () => new optim.SGD(parametersWithGradients(), { lr: 0.1, momentum: 0.9 });
const benchmark = () => benchmarks.ncBenchmark(data(), data(), { nExperiences: 2, taskLabels: false, seed: 0 });

/** Objects of the public classes. Strategies and their plugins have a test of their own (`npm run fuzz -- strategies`). */
const subjects: Record<string, Make> = {
  Tensor: (random) => anyTensor(random),
  Generator: () => new Generator({ device: 'cpu' }),
  ...Object.fromEntries(Object.entries(layerCases).map(([name, [make]]) => [`nn.${name}`, make])),
  Sequential: () => new nn.Sequential(linear(), new nn.ReLU()),
  ScriptModule: () => jit.trace(linear(), tensor([[1, 2]])),
  SimpleMLP: () => new models.SimpleMLP({ numClasses: 3, inputSize: 4, hiddenSize: 5 }),
  MTSimpleMLP: () => new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 5 }),
  IncrementalClassifier: () => new models.IncrementalClassifier(4),
  MultiHeadClassifier: () => new models.MultiHeadClassifier(4),
  SGD: sgd,
  Adam: () => new optim.Adam(parametersWithGradients()),
  AdamW: () => new optim.AdamW(parametersWithGradients()),
  RMSprop: () => new optim.RMSprop(parametersWithGradients()),
  Adagrad: () => new optim.Adagrad(parametersWithGradients()),
  StepLR: () => new optim.StepLR(sgd(), { stepSize: 2 }),
  CosineAnnealingLR: () => new optim.CosineAnnealingLR(sgd(), { tMax: 5 }),
  ReduceLROnPlateau: () => new optim.ReduceLROnPlateau(sgd()),
  OneCycleLR: () => new optim.OneCycleLR(sgd(), { maxLr: 0.5, totalSteps: 9 }),
  TensorDataset: data,
  IterableDataset: () => new IterableDataset(() => [{ x: tensor([1, 2]), y: 0 }] as never),
  DataLoader: () => new DataLoader(data(), { batchSize: 2 }),
  Benchmark: benchmark,
  Stream: () => benchmark().trainStream,
  Experience: () => benchmark().trainStream.at(0)!,
  GradScaler: () => new amp.GradScaler({ enabled: true }),
  EvaluationPlugin: () => new evaluation.EvaluationPlugin(evaluation.accuracyMetrics({ epoch: true })),
};
const subjectNames = Object.keys(subjects);

/** Names of what a class and those above it define. */
function memberNames(subject: object): string[] {
  const names = new Set<string>();
  for (let at = Object.getPrototypeOf(subject) as object | null; at && at !== Object.prototype; at = Object.getPrototypeOf(at) as object | null) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name);
  }
  names.delete('constructor');
  return [...names].sort();
}

/** A method, getter or setter of a public class, with anything; also on receivers of other classes. */
export function methodCall(random: FuzzRandom): Call {
  const subjectName = random.pick(subjectNames);
  const subject = subjects[subjectName]!(random);
  const member = random.pick(memberNames(subject));
  const receiver = random.below(10) > 0 ? subject : random.below(2) === 0 ? subjects[random.pick(subjectNames)]!(random) : anything(random);
  const args = Array.from({ length: random.below(4) }, () => anything(random));
  return {
    name: `${subjectName}.${member}`,
    args: receiver === subject ? args : [receiver, ...args],
    run: () => invoke(subject, member, receiver, args),
  };
}

function invoke(subject: object, member: string, receiver: unknown, args: unknown[]): unknown {
  let at = subject;
  while (!Object.hasOwn(at, member)) at = Object.getPrototypeOf(at) as object;
  const { value, get, set } = Object.getOwnPropertyDescriptor(at, member)!;
  const called = (typeof value === 'function' ? value : set && args.length > 0 ? set : get) as ((...all: unknown[]) => unknown) | undefined;
  const result = called === undefined ? value : Reflect.apply<unknown, unknown[], unknown>(called, receiver, args);
  // What is iterated may be endless.
  if (typeof (result as Iterator<unknown> | null)?.next === 'function') return (result as Iterator<unknown>).next();
  return result;
}
