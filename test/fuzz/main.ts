// The command line of `npm run fuzz`; see scripts/fuzz.mjs.
import { parseArgs } from 'node:util';
import { callsTarget } from './calls-target';
import type { FuzzTarget } from './command';
import { filesTarget } from './files-target';
import { strategiesTarget } from './strategies-target';

/** What can be named on the command line. */
const targets: Record<string, FuzzTarget> = {
  safetensors: filesTarget('safetensors'),
  'safetensors-index': filesTarget('safetensors-index'),
  torch: filesTarget('torch'),
  torchscript: filesTarget('torchscript'),
  calls: callsTarget,
  strategies: strategiesTarget,
};
/** What runs where nothing is named. */
const usual = ['safetensors', 'safetensors-index', 'torch', 'torchscript'];

const { values, positionals } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    keep: { type: 'string' },
  },
  allowPositionals: true,
});
const [count, seed, from] = [values.count, values.seed, values.from].map(Number) as [number, number, number];

async function main(): Promise<void> {
  for (const name of positionals.length > 0 ? positionals : usual) {
    if (!Object.hasOwn(targets, name)) throw new Error(`expected ${Object.keys(targets).join(' or ')}, got ${name}`);
    if (!(await targets[name]!({ count, seed, from, keep: values.keep }))) process.exitCode = 1;
  }
}

void main();
