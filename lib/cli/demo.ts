#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { ContinualTorchError, torchVersion } from '../index';
import { progressDisplay } from '../progress-display';
import { version } from '../version';
import { runCommand } from './command';
import { type DemoOptions, type DemoResult, runDemo } from './demo-run';

const quickStride = 5;

const help = (command: string) => `Permuted MNIST, five experiences: the same network learns them once naively and once with Memory Aware Synapses.

Usage: ${command} [options]

  --quick           every fifth image; ends within 20 seconds
  --model FILE.pt   trains this TorchScript model (input [B, 1, 28, 28], output [B, 10]) instead of the MLP 784-400-400-10
  --seed N          seed of weights, shuffles and permutations, in [0, 2^32); default 0
  --json            prints one JSON document on stdout and nothing else there (with npm: npm run --silent demo -- --json)
  -h, --help        this text
`;

/** The subcommand; `command` is what it was called by. */
export async function demo(args: string[], command = 'npx continual-torch demo'): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      model: { type: 'string' },
      seed: { type: 'string', default: '0' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help(command));
    return 0;
  }
  const stride = values.quick ? quickStride : 1;
  const options: DemoOptions = { stride, model: values.model ?? null, seed: parseSeed(values.seed) };
  const naive = await runDemo('naive', options, progressDisplay('naive'));
  const mas = await runDemo('mas', options, progressDisplay('with MAS'));
  const versions = { continualTorch: version, libtorch: torchVersion, node: process.versions.node };
  process.stdout.write(values.json ? `${JSON.stringify({ naive, mas, versions }, null, 2)}\n` : report(naive, mas));
  return 0;
}

function parseSeed(text: string): number {
  const seed = /^\d+$/.test(text) ? Number(text) : NaN;
  if (seed < 2 ** 32) return seed;
  throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `demo: expected --seed to be an integer in [0, 2^32), got "${text}"`);
}

function report(naive: DemoResult, mas: DemoResult): string {
  return [
    table('Naive', naive),
    table('Memory Aware Synapses', mas),
    'Rows: after training on experience i. Columns: accuracy on the test images of experience k.\n',
    `                       naive    with MAS`,
    `average accuracy       ${naive.averageAccuracy.toFixed(4)}   ${mas.averageAccuracy.toFixed(4)}`,
    `forgetting             ${naive.forgetting.toFixed(4)}   ${mas.forgetting.toFixed(4)}`,
    `seconds                ${naive.seconds.toFixed(1).padStart(6)}   ${mas.seconds.toFixed(1).padStart(6)}\n`,
  ].join('\n');
}

function table(title: string, { accuracyMatrix }: DemoResult): string {
  const header = accuracyMatrix.map((_, k) => `test ${k}`.padStart(8)).join('');
  const rows = accuracyMatrix.map(
    (row, i) => `  trained ${i}  ${row.map((accuracy) => accuracy!.toFixed(4).padStart(8)).join('')}`,
  );
  return `\n${title}\n             ${header}\n${rows.join('\n')}\n`;
}

if (require.main === module) void runCommand(() => demo(process.argv.slice(2), 'npm run demo --'));
