// many-experiences METHOD(mas | ewc) EXPERIENCES
// The time of a training iteration at experience 2 and at the last experience of one training (MLP 784-512-10, mini-batches of 128). These two have 100 mini-batches each, the others 4, in four epochs: a collection of garbage takes its
// share of the processors for some 50 ms, which would be most of one epoch.
import { benchmarkFromDatasets, EWCPlugin, manualSeed, MASPlugin, models, optim, SupervisedTemplate, type TensorDataset } from 'continual-torch';
import { median, printResult, randomDataset, runProgram } from './workload';

const [method, count] = process.argv.slice(2) as [string, string];
const experiences = Number(count);
const trainMbSize = 128;

/** Trains on each dataset as an experience. @returns the median time of an iteration of each, in microseconds */
async function iterationTimes(train: TensorDataset[]): Promise<number[]> {
  const model = new models.SimpleMLP({ dropRate: 0 });
  // Iterations come in jobs: what a job took, by its iterations.
  let microseconds: number[] = [];
  let last = { time: 0, done: 0 };
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize,
    trainEpochs: 4,
    evaluator: null,
    plugins: [method === 'ewc' ? new EWCPlugin({ ewcLambda: 0.01 }) : new MASPlugin({ lambdaReg: 0.01 }), { beforeTrainingEpoch: () => void (last = { time: performance.now(), done: 0 }) }],
    onProgress: ({ phase, done }) => {
      if (phase !== 'train' || done === last.done) return;
      const time = performance.now();
      microseconds.push((1000 * (time - last.time)) / (done - last.done));
      last = { time, done };
    },
  });
  const medians: number[] = [];
  for (const experience of benchmarkFromDatasets({ train }).trainStream) {
    microseconds = [];
    await strategy.train(experience);
    medians.push(median(microseconds));
  }
  return medians;
}

runProgram(async () => {
  manualSeed(1);
  const long = randomDataset(100 * trainMbSize, [784]);
  const short = randomDataset(4 * trainMbSize, [784]);
  const measured = [1, experiences - 1];
  await iterationTimes([long, long]);
  const times = await iterationTimes(
    Array.from({ length: experiences }, (_, i) => (measured.includes(i) ? long : short)),
  );
  printResult({ atExperience2: times[1]!, atTheLast: times.at(-1)! });
});
