#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { closest } from 'fastest-levenshtein';
import { ContinualTorchError } from '../errors';
import { version } from '../version';
import { runCommand } from './command';

interface Subcommand {
  summary: string;
  /** Loads it: some work without the native addon, which is not loaded before it is needed. */
  load(): Promise<(args: string[]) => Promise<number>>;
}

const subcommands: Record<string, Subcommand> = {
  demo: {
    summary: 'permuted MNIST, learned naively and with Memory Aware Synapses',
    load: async () => (await import('./demo.js')).demo,
  },
  doctor: {
    summary: 'which libtorch is used here and why, and what CUDA lacks',
    load: async () => (await import('./doctor.js')).doctor,
  },
  'fetch-libtorch': {
    summary: "fetches PyTorch's own CUDA build, for training on a GPU",
    load: async () => (await import('./fetch-libtorch.js')).fetchLibtorch,
  },
};

const names = Object.keys(subcommands);
const nameWidth = Math.max(...names.map((name) => name.length));

const help = `Continual learning on libtorch.

Usage: npx continual-torch SUBCOMMAND [options]

${Object.entries(subcommands)
  .map(([name, { summary }]) => `  ${name.padEnd(nameWidth)}  ${summary}\n`)
  .join('')}
  -h, --help     this text; after a subcommand, what that one takes
  -v, --version  the version of this package
`;

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name.startsWith('-')) return answerOptions();
  const subcommand = names.includes(name) ? subcommands[name] : undefined;
  if (subcommand !== undefined) return (await subcommand.load())(args);
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `continual-torch: unknown subcommand "${name}"; did you mean "${closest(name, names)}"? --help lists them.`,
  );
}

function answerOptions(): number {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      version: { type: 'boolean', short: 'v', default: false },
    },
  });
  if (values.version) {
    process.stdout.write(`${version}\n`);
    return 0;
  }
  (values.help ? process.stdout : process.stderr).write(help);
  return values.help ? 0 : 2;
}

if (require.main === module) void runCommand(() => main(process.argv.slice(2)));
