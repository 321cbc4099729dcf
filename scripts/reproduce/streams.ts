/** What is learned, task by task. */
import { type Benchmark, benchmarkFromDatasets, concatDatasets, Generator, loadMNIST, TensorDataset, type TensorTransform, torch } from 'continual-torch';
import type { Scenario, Setting } from './published';
import { rehearsed } from './rehearsal';

/** To 32 x 32 pixels, with their mean and deviation, the frame counted in. */
const transform: TensorTransform = { pad: 2, toFloat: true, normalize: { mean: 0.1, std: 0.2752 } };

/** The samples of one task to learn, and those to test with. */
interface Task {
  train: TensorDataset;
  test: TensorDataset;
}

let loaded: ReturnType<typeof loadMNIST> | undefined;
const mnist = () => (loaded ??= loadMNIST());

/** Of each part so many samples; null: all. */
const fewer = (data: TensorDataset, samples: number | null) =>
  samples === null ? data : data.subset(Array.from({ length: Math.min(samples, data.length) }, (_, i) => i));

/** Two digits a task, in order. */
async function splitTasks(scenario: Scenario, samples: number | null): Promise<Task[]> {
  const { train, test } = await mnist();
  const tasksOf = (part: TensorDataset) => {
    const digits = part.labels();
    const labels = scenario === 'class' ? part.y : part.y.remainder(2);
    const data = new TensorDataset(part.x, labels, { transform });
    return Array.from({ length: 5 }, (_, task) =>
      fewer(data.subset(digits.flatMap((digit, i) => (Math.floor(digit / 2) === task ? [i] : []))), samples),
    );
  };
  const [trains, tests] = [tasksOf(train), tasksOf(test)];
  return trains.map((data, task) => ({ train: data, test: tests[task]! }));
}

/** All digits in each task, the first as they are, the others in an order of pixels of their own. */
async function permutedTasks(scenario: Scenario, samples: number | null, generator: Generator): Promise<Task[]> {
  const { train, test } = await mnist();
  const pixels = 32 * 32;
  return Array.from({ length: 10 }, (_, task) => {
    const permutation = task === 0 ? {} : { permutation: torch.randperm(pixels, { generator }) };
    const dataOf = (part: TensorDataset) => {
      const labels = scenario === 'class' ? part.y.add(10 * task) : part.y;
      return fewer(new TensorDataset(part.x, labels, { transform: { ...transform, ...permutation } }), samples);
    };
    return { train: dataOf(train), test: dataOf(test) };
  });
}

const counted = (begin: number, length: number) => Array.from({ length }, (_, i) => begin + i);

/** What a method is given to learn, and what it is tested with. */
export async function streamsOf(
  target: 'split' | 'permuted',
  { method, memory = 0 }: Setting,
  scenario: Scenario,
  seed: number,
  samples: number | null,
): Promise<Benchmark> {
  const generator = new Generator({ device: 'cpu' }).manualSeed(seed);
  const tasks = target === 'split' ? await splitTasks(scenario, samples) : await permutedTasks(scenario, samples, generator);
  const labelled = (data: TensorDataset, task: number) => (scenario === 'task' ? data.withTaskLabels(task) : data);
  const train = tasks.map((task, i) => labelled(task.train, i));
  const test = tasks.map((task, i) => labelled(task.test, i));
  if (method === 'offline') return benchmarkFromDatasets({ train: [concatDatasets(train)], test: [concatDatasets(test)] });
  if (method !== 'rehearsal') return benchmarkFromDatasets({ train, test });
  const all = concatDatasets(train);
  let begin = 0;
  const own = train.map(({ length }) => counted((begin += length) - length, length));
  const order = (count: number) => torch.randperm(count, { generator }).toNumbers();
  return benchmarkFromDatasets({ train: rehearsed(own, memory, order).map((positions) => all.subset(positions)), test });
}
