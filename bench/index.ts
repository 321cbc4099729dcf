/** How fast this package is beside its peers: `npm run bench`, see docs/performance.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { progressDisplay } from '../lib/progress-display';
import { prepare } from './programs';
import { BenchError, chooseQuestions, questionsAgainst, questionsFor } from './question';
import { questions } from './questions/index';
import { describeMachine, page, table, toJson, withResults } from './report';
import { loadSetUp, root, type SetUp } from './set-up';
import { measure, type Result } from './trials';

const help = `Compares this package with its peers, side by side, each trial in a process of its own.

Usage: npm run bench -- [options] [question ...]

  --list        prints the questions
  --trials N    how often each side runs; the numbers are medians. Default 5
  --threads N   of libtorch, on both sides. Default: all cores
  --json        prints one JSON object on stdout and nothing else there (with npm: npm run --silent bench -- --json)
  --against DIR compares with another checkout, built, in place of the peers
  --device NAME cuda or cuda:N: on a GPU, the questions that can be asked there. Default: cpu
  --write       keeps the results in docs/performance.md; of all questions alone
  -h, --help    this text

The peers in Python run in an environment that is made in .cache/bench-python, or with the Python that PYTHON names.
`;

const document = path.join(root, 'docs', 'performance.md');

function parseCommandLine() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        list: { type: 'boolean', default: false },
        trials: { type: 'string', default: '5' },
        threads: { type: 'string', default: String(os.availableParallelism()) },
        device: { type: 'string', default: 'cpu' },
        against: { type: 'string' },
        json: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new BenchError((error as Error).message, 2);
  }
}

function positive(option: string, text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new BenchError(`expected --${option} to be a positive integer, got "${text}"`, 2);
}

function checkoutAt(folder: string): string {
  const checkout = path.resolve(folder);
  if (existsSync(path.join(checkout, 'dist', 'index.js')) && existsSync(path.join(checkout, 'bench', 'workloads'))) return checkout;
  throw new BenchError(`expected --against to be a checkout that \`npm run setup\` has built, got "${folder}"`, 2);
}

async function main(setUp: SetUp): Promise<void> {
  const { values, positionals } = parseCommandLine();
  if (values.help) return void process.stdout.write(help);
  if (!/^(cpu|cuda(:\d+)?)$/.test(values.device)) {
    throw new BenchError(`expected --device to be cpu, cuda or cuda:N, got "${values.device}"`, 2);
  }
  const askable = questionsFor(values.device, values.against ? questionsAgainst(checkoutAt(values.against), questions) : questions);
  if (values.list) return void process.stdout.write(askable.map(({ name, asks }) => `${name.padEnd(24)}${asks}\n`).join(''));
  const chosen = chooseQuestions(askable, positionals);
  const [trials, threads] = [positive('trials', values.trials), positive('threads', values.threads)];
  if (values.write && (values.against || values.device !== 'cpu' || chosen.length < askable.length)) {
    throw new BenchError('--write keeps a whole run with the peers on the CPU: leave names, device and checkout out', 2);
  }

  const programs = await prepare(setUp, chosen, { threads, device: values.device }, (text) => process.stderr.write(`bench: ${text}\n`));
  const progress = progressDisplay('bench');
  const results: Result[] = [];
  const failures: string[] = [];
  for (const [i, question] of chosen.entries()) {
    const onTrial = (done: number) =>
      progress.update((i + done / trials) / chosen.length, `${done + 1}/${trials} ${question.name}`);
    try {
      results.push(await measure(question, trials, programs.run, onTrial));
    } catch (error) {
      setUp.throwIfInterrupted();
      // The other questions took minutes, and have their answers all the same.
      failures.push(`${question.name}: ${(error as Error).message}`);
    }
  }
  progress.update(1, 'done');
  progress.stop();
  if (values.json) process.stdout.write(`${JSON.stringify(toJson(results))}\n`);
  else if (results.length > 0) process.stdout.write(`${table(results)}\n`);
  if (failures.length > 0) throw new BenchError(failures.join('\n'));
  if (!values.write) return;
  const renewed = page(results, describeMachine(programs.torch, programs.python, threads));
  writeFileSync(document, withResults(readFileSync(document, 'utf8'), renewed));
}

async function runMain(): Promise<void> {
  const setUp = await loadSetUp();
  setUp.installSignalHandlers();
  try {
    await main(setUp);
  } catch (error) {
    const { message, exitCode } = error instanceof BenchError ? error : setUp.describeFailure(error, root);
    process.stderr.write(`${process.stderr.isTTY ? '\r\x1b[K' : ''}bench: ${message}\n`);
    process.exitCode = exitCode;
  }
}

void runMain();
