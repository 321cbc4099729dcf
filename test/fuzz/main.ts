// The command line of `npm run fuzz`; see scripts/fuzz.mjs.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect, parseArgs } from 'node:util';
import { fuzz, targets } from './fuzz';
import { strategiesTarget } from './strategies-target';

/** Progress is printed after so many. */
const step = 20_000;

const { values, positionals } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    keep: { type: 'string' },
  },
  allowPositionals: true,
});
const formats = (positionals.length > 0 ? positionals : Object.keys(targets)) as (keyof typeof targets)[];
const [count, seed, from] = [values.count, values.seed, values.from].map(Number) as [number, number, number];

/** `--keep FOLDER` writes each file before it is read: the last one is what ended the process. */
function keep(format: string, bytes: Buffer, index: number): void {
  mkdirSync(values.keep!, { recursive: true });
  writeFileSync(path.join(values.keep!, `${format}-${seed}-${index}.bin`), bytes);
}

async function main(): Promise<void> {
  if (positionals[0] === 'strategies') {
    if (!(await strategiesTarget({ count, seed, from }))) process.exitCode = 1;
    return;
  }
  for (const format of formats) {
    if (!(format in targets)) throw new Error(`expected ${Object.keys(targets).join(' or ')}, got ${format}`);
    const total = new Map<string, number>();
    const start = performance.now();
    for (let done = 0; done < count; done += step) {
      const { outcomes, findings } = await fuzz(format, {
        count: Math.min(step, count - done),
        seed,
        from: from + done,
        onFile: values.keep === undefined ? undefined : (bytes, index) => keep(format, bytes, index),
      });
      for (const [outcome, times] of outcomes) total.set(outcome, (total.get(outcome) ?? 0) + times);
      for (const { index, bytes, error } of findings) {
        const file = path.resolve(`fuzz-${format}-${seed}-${index}.bin`);
        writeFileSync(file, bytes);
        console.error(`${file}: ${inspect(error)}`);
        process.exitCode = 1;
      }
      const seconds = (performance.now() - start) / 1000;
      const all = Math.min(done + step, count);
      console.log(
        `${format} seed ${seed}: ${from + all} after ${seconds.toFixed(0)} s, ${(all / seconds).toFixed(0)} a second`,
      );
    }
    console.log(`${format}: ${[...total].map(([outcome, times]) => `${times} ${outcome}`).join(', ')}`);
  }
}

void main();
