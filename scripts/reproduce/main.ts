/** Published tables, trained again: `npm run reproduce -- --help`. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { getNumThreads } from 'continual-torch';
import { documentOf } from './document';
import { trainAll } from './pool';
import { addResult, isOf, readResults, type Result, type Run } from './results';
import { plain } from './table';
import { runsOf, tableOf, type Target, targets } from './targets';

const defaultFile = path.join('build', 'reproduce', 'results.jsonl');

const usage = `npm run reproduce -- [options]

Trains the table of Hsu et al. 2018 for split MNIST again, prints it beside the published numbers, and says of each cell whether it is
the same: the mean within two published standard deviations, or 0.5 points where that is more. Ten seeds take an hour or two on two
cores. What was trained stays in ${defaultFile}; what is there is not trained again, so Ctrl-C loses no more than the runs under way.

  --rows LIST      ${targets.split.rows.map(({ key }) => key).join(',')}; default all
  --columns LIST   ${targets.split.columns.join(',')}; default all
  --seeds N        from 0 on; default ${targets.split.seeds}, with --permuted ${targets.permuted.seeds}, with --authors ${targets.authors.seeds}
  --processes N    that train at once, each on one thread; default as many as there are cores
  --authors        instead the run of the authors of MAS on split MNIST (columns ${targets.authors.columns.join(',')})
  --permuted       instead permuted MNIST: half an hour and more a run, and nothing to compare with
  --results FILE   in place of ${defaultFile}
  --write          writes docs/results.md of what there is, and trains nothing
  --help`;

class UsageError extends Error {}

const flag = { type: 'boolean', default: false } as const;
const text = { type: 'string' } as const;

function parsed() {
  try {
    return parseArgs({
      options: { rows: text, columns: text, seeds: text, processes: text, authors: flag, permuted: flag, results: text, samples: text, write: flag, help: { ...flag, short: 'h' } },
    }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function positive(name: string, value: string | undefined): number | undefined {
  if (value === undefined || /^[1-9]\d*$/.test(value)) return value === undefined ? undefined : Number(value);
  throw new UsageError(`expected --${name} to be a positive integer, got "${value}"`);
}

/** Those of a list with commas, all where none is given. */
function chosen(name: string, value: string | undefined, known: readonly string[]): readonly string[] {
  const given = value?.split(',') ?? known;
  const unknown = given.find((each) => !known.includes(each));
  if (unknown === undefined) return given;
  throw new UsageError(`expected --${name} among ${[...new Set(known)].join(',')}, got "${unknown}"`);
}

const minutes = (seconds: number) => (seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`);

/** Trains what is not there yet, with a line for each run. */
async function trainMissing(file: string, runs: readonly Run[], target: Target, processes: number): Promise<void> {
  const known = readResults(file);
  const missing = runs.filter((run) => !known.some((result) => isOf(run, result)));
  const begin = performance.now();
  let done = 0;
  console.error(`${target.title}: ${runs.length - missing.length} of ${runs.length} runs are there`);
  await trainAll(missing, processes, (result: Result) => {
    addResult(file, result);
    done++;
    const left = ((performance.now() - begin) / 1000 / done) * (missing.length - done);
    const row = target.rows.find(({ key }) => key === result.row)!;
    const percent = row.value(result).toFixed(2);
    console.error(`${done}/${missing.length} ${row.name}, ${result.column}, seed ${result.seed}: ${percent} in ${result.seconds} s; ${minutes(left)} left`);
  });
}

async function main(): Promise<void> {
  const values = parsed();
  if (values.help) return console.log(usage);
  if (values.authors && values.permuted) throw new UsageError('expected --authors or --permuted, got both');
  const file = values.results ?? defaultFile;
  if (values.write) return writeFile(path.join('docs', 'results.md'), documentOf(readResults(file)));
  const target = targets[values.authors ? 'authors' : values.permuted ? 'permuted' : 'split'];
  const rows = chosen('rows', values.rows, target.rows.map(({ key }) => key));
  const columns = chosen('columns', values.columns, target.columns);
  const seeds = positive('seeds', values.seeds) ?? target.seeds;
  const runs = runsOf(target, rows, columns, seeds, positive('samples', values.samples) ?? null);
  await trainMissing(file, runs, target, positive('processes', values.processes) ?? getNumThreads());
  console.log(`\n${target.title}: ours${target.name === 'permuted' ? ' (seeds)' : ' / published'}, in percent\n`);
  console.log(plain(tableOf(target, runs, readResults(file))));
}

main().catch((error: Error) => {
  console.error(error instanceof UsageError ? error.message : error);
  process.exitCode = error instanceof UsageError ? 2 : 1;
});
