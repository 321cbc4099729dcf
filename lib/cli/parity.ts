#!/usr/bin/env node
import path from 'node:path';
import { namesOrStatus, runCommand } from './command';
import { type Comparison, kinds, replay } from './parity-run';

const help = `Replays recorded reference runs and compares every value.

Usage: npm run --silent parity -- DIR...

Each DIR holds config.json, model.pt, data.safetensors and expected.safetensors (see test/fixtures/parity/README.md).
For each kind of value the worst relative error is printed, norm(actual - expected) / norm(expected), with its tensor.
Exits with 1 if an error passes its tolerance or a tensor is missing on either side, with 2 if a run cannot be read.
`;

async function main(): Promise<number> {
  const names = namesOrStatus(help);
  if (typeof names === 'number') return names;
  let failed = 0;
  for (const folder of names) {
    const comparison = await replay(folder);
    if (!report(path.basename(path.resolve(folder)), comparison)) failed++;
  }
  process.stdout.write(`${names.length - failed} of ${names.length} runs within tolerance\n`);
  return failed === 0 ? 0 : 1;
}

/** Prints one run; true if it is within tolerance. */
function report(name: string, { errors, missing, tolerance }: Comparison): boolean {
  const excessive = errors.filter((error) => !(error.value <= tolerance[error.kind]));
  const passed = excessive.length === 0 && missing.length === 0;
  const lines = [`${name}: ${passed ? 'pass' : 'FAIL'}`];
  for (const kind of kinds) {
    const ofKind = errors.filter((error) => error.kind === kind);
    if (ofKind.length === 0) continue;
    const worst = ofKind.reduce((a, b) => (a.value >= b.value || Number.isNaN(a.value) ? a : b));
    lines.push(
      `  ${kind.padEnd(10)}  ${worst.value.toExponential(2)}  (tolerance ${tolerance[kind].toExponential(2)}, ${ofKind.length} tensors, worst ${worst.key})`,
    );
  }
  for (const { key, value, kind } of excessive) {
    lines.push(`  beyond its tolerance: ${key}, ${value.toExponential(2)} > ${tolerance[kind].toExponential(2)}`);
  }
  lines.push(...missing.map((text) => `  missing: ${text}`));
  process.stdout.write(`${lines.join('\n')}\n`);
  return passed;
}

if (require.main === module) void runCommand(main);
