/** How much lambda matters: `npm run sweep -- --help`. */
import { parseArgs } from 'node:util';
import { setNumThreads, suggestLambda } from 'continual-torch';
import { writeFigures } from './figures';
import { addResult, type Form, readResults, type Result } from './results';
import { mnistTasks, smallTasks, type Task } from './tasks';
import { newStrategy, score } from './training';
import { compareVariants } from './variants';

const usage = `npm run sweep -- [options]

Trains ten small tasks, and with --mnist permuted and split MNIST as a whole, with lambdaReg over six powers of ten, as a gradient and
as proximal steps, and with what suggestLambda suggests. What was measured stays in build/sweep/results.jsonl; what is there is not
measured again.

  --mnist         the whole of MNIST
  --variants      instead every variant of MAS on two of the tasks, as a table
  --tasks TEXT    only tasks whose names contain it
  --seeds N       from 0 on; default 1, with --mnist 5
  --threads N     default 1
  --write         draws the figures into docs/figures of what there is, and trains nothing
  --help`;

const forms: Form[] = ['gradient', 'proximal'];
const powersOfTen = Array.from({ length: 7 }, (_, i) => Number(`1e${i - 3}`));
const lambdas = powersOfTen.flatMap((power) => (power >= 0.01 && power <= 10 ? [power, Number((power * Math.sqrt(10)).toPrecision(2))] : [power]));

/** Beside where permuted MNIST is best. */
const finer = [0.0056, 0.014, 0.018];

async function sweep(tasks: readonly Task[], seeds: number, isSmall: boolean): Promise<void> {
  const key = ({ task, seed, form, lambda, isSuggested }: Omit<Result, 'score'>) => [task, seed, form, isSuggested ? 'suggested' : lambda].join();
  const known = new Set(readResults().map(key));
  for (const task of tasks) {
    for (let seed = 0; seed < seeds; seed++) {
      const streams = await task.streams(seed);
      const measure = async (form: Form, lambda: number | null): Promise<void> => {
        const isSuggested = lambda === null;
        const named = { task: task.name, seed, form, lambda: lambda ?? NaN, isSuggested };
        if (known.has(key(named))) return;
        const options = { penaltyUpdate: form, normalize: isSmall ? ('mean' as const) : null };
        const suggested = isSuggested
          ? await suggestLambda({
              trainStream: streams.trainStream.slice(0, 3),
              newStrategy: (lambdaReg) => newStrategy(task, seed, { ...options, lambdaReg }),
              verbose: true,
            })
          : null;
        const lambdaReg = suggested?.lambdaReg ?? lambda!;
        const result = { ...named, lambda: lambdaReg, score: await score(task, streams, seed, { ...options, lambdaReg }) };
        addResult(result);
        console.log(JSON.stringify(result));
      };
      await measure('gradient', 0);
      const all = isSmall ? lambdas : [...lambdas, ...finer];
      for (const form of forms) for (const lambda of all) await measure(form, lambda);
      if (isSmall) for (const form of forms) await measure(form, null);
    }
  }
}

async function main(): Promise<void> {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { mnist: flag, variants: flag, tasks: text, seeds: text, threads: text, write: flag, help: flag } });
  if (values.help) return console.log(usage);
  if (values.write) return writeFigures(readResults());
  const [threads, seeds] = [Number(values.threads ?? 1), Number(values.seeds ?? (values.mnist ? 5 : 1))];
  if (![threads, seeds].every((value) => Number.isInteger(value) && value > 0)) throw new Error('--seeds and --threads take positive integers');
  setNumThreads(threads);
  process.removeAllListeners('warning'); // of lambdas that are too large: that they are is what is shown
  const isWanted = ({ name }: Task) => name.includes(values.tasks ?? '');
  if (values.variants) await compareVariants(smallTasks.filter(({ name }) => ['permuted, MLP, SGD', 'rotated, MLP, momentum'].includes(name)));
  else if (values.mnist) await sweep(mnistTasks.filter(isWanted), seeds, false);
  else await sweep(smallTasks.filter(isWanted), seeds, true);
}

void main();
