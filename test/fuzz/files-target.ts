import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { addCounts, countsText, type FuzzTarget, inParts } from './command';
import { formats, fuzz } from './fuzz';

const partSize = 20_000;

/** Damaged files of a format against its reader; `keep` writes each before it is read: the last is what ended the process. */
export function filesTarget(format: keyof typeof formats): FuzzTarget {
  return async (options) => {
    const { seed, keep } = options;
    const total = new Map<string, number>();
    let found = 0;
    if (keep !== undefined) mkdirSync(keep, { recursive: true });
    const name = (index: number) => `${format}-${seed}-${index}.bin`;
    const onFile = keep === undefined ? undefined : (bytes: Buffer, index: number) => writeFileSync(path.join(keep, name(index)), bytes);
    await inParts(format, options, partSize, async (part) => {
      const { outcomes, findings } = await fuzz(format, { ...part, seed, onFile });
      addCounts(total, outcomes);
      for (const { index, bytes, error } of findings) {
        const file = path.resolve(`fuzz-${name(index)}`);
        writeFileSync(file, bytes);
        console.error(`${file}: ${inspect(error)}`);
        found++;
      }
    });
    console.log(`${format}: ${countsText(total)}`);
    return found === 0;
  };
}
