#!/usr/bin/env node
import path from 'node:path';
import { namesOrStatus, runCommand } from './command';
import { firstDifference, readTrace, replayTrace } from './trace-run';

const help = `Replays recorded hook sequences and compares them entry by entry.

Usage: npm run --silent trace -- FILE...

Each FILE holds a configuration and the hooks that were called under it, with what a plugin saw in them (see
test/fixtures/traces/README.md). The run is repeated with that configuration.
Exits with 1 if a sequence differs, with 2 if a file cannot be read.
`;

async function main(): Promise<number> {
  const names = namesOrStatus(help);
  if (typeof names === 'number') return names;
  let matching = 0;
  for (const file of names) {
    const recording = await readTrace(file);
    const difference = firstDifference(await replayTrace(recording), recording.trace);
    const name = path.basename(file, '.json');
    if (difference === null) matching++;
    process.stdout.write(
      difference === null ? `${name}: match (${recording.trace.length} entries)\n` : `${name}: DIFFERS\n  ${difference}\n`,
    );
  }
  process.stdout.write(`${matching} of ${names.length} traces match\n`);
  return matching === names.length ? 0 : 1;
}

if (require.main === module) void runCommand(main);
