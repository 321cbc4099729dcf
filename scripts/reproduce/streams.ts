/** What is learned, task by task. */
import { benchmarkFromDatasets, Generator, loadMNIST, type Benchmark, type Tensor, TensorDataset, type TensorTransform, torch } from 'continual-torch';
import type { Scenario, Setting } from './published';
import { rehearsed } from './rehearsal';

/** Of 32 x 32 pixels, the frame counted in. */
const normalized = { toFloat: true, normalize: { mean: 0.1, std: 0.2752 } };
const transform: TensorTransform = { pad: 2, ...normalized };

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

/**
 * All digits in each task, the first as they are, the others in an order of pixels of their own.
 * @param isPooled whether tasks will be put together: their images lie in memory in their own order then
 */
async function permutedTasks(scenario: Scenario, samples: number | null, generator: Generator, isPooled: boolean): Promise<Task[]> {
  const { train, test } = await mnist();
  const pixels = 32 * 32;
  return Array.from({ length: 10 }, (_, task) => {
    const permutation = task === 0 ? torch.arange(pixels) : torch.randperm(pixels, { generator });
    const dataOf = (part: TensorDataset) => {
      const labels = scenario === 'class' ? part.y.add(10 * task) : part.y;
      const data = isPooled
        ? new TensorDataset(part.x.constantPadNd([2, 2, 2, 2]).flatten(1).indexSelect(1, permutation), labels, { transform: normalized })
        : new TensorDataset(part.x, labels, { transform: { ...transform, ...(task > 0 && { permutation }) } });
      return fewer(data, samples);
    };
    return { train: dataOf(train), test: dataOf(test) };
  });
}

/** Samples of several tasks as one dataset, with the labels of their tasks where these are told. */
function joined(tasks: readonly TensorDataset[], scenario: Scenario): TensorDataset {
  const chosen = (all: (data: TensorDataset) => Tensor) =>
    torch.cat(tasks.map((data) => (data.indices ? all(data).indexSelect(0, data.indices) : all(data))));
  const pooled = new TensorDataset(chosen(({ x }) => x), chosen(({ y }) => y), { transform: tasks[0]!.transform });
  return scenario === 'task' ? pooled.withTaskLabels(tasks.flatMap((data, task) => Array<number>(data.length).fill(task))) : pooled;
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
  const isPooled = method === 'rehearsal' || method === 'offline';
  const tasks = target === 'split' ? await splitTasks(scenario, samples) : await permutedTasks(scenario, samples, generator, isPooled);
  const labelled = (data: TensorDataset, task: number) => (scenario === 'task' ? data.withTaskLabels(task) : data);
  const test = tasks.map((task, i) => labelled(task.test, i));
  if (isPooled) {
    const all = joined(tasks.map(({ train }) => train), scenario);
    if (method === 'offline') return benchmarkFromDatasets({ train: [all], test: [joined(tasks.map((task) => task.test), scenario)] });
    let begin = 0;
    const own = tasks.map(({ train: { length } }) => counted((begin += length) - length, length));
    return benchmarkFromDatasets({ train: rehearsed(own, memory, (count) => torch.randperm(count, { generator }).toNumbers()).map((positions) => all.subset(positions)), test });
  }
  return benchmarkFromDatasets({ train: tasks.map(({ train }, task) => labelled(train, task)), test });
}
