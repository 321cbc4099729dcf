import { fuzzCalls } from './calls/run';
import { addCounts, countsText, type FuzzTarget, inParts } from './command';

/** A process of so many calls: what libtorch keeps of each adds up. */
const partSize = 10_000;

/** Random calls of operators and methods. */
export const callsTarget: FuzzTarget = async (options) => {
  const { seed } = options;
  const total = new Map<string, number>();
  let found = 0;
  await inParts('calls', options, partSize, async (part) => {
    const { counts, findings } = await fuzzCalls({ ...part, seed });
    addCounts(total, counts);
    for (const { index, call, what } of findings) {
      console.error(`npm run fuzz -- calls --seed ${seed} --from ${index} --count 1: ${what}\n  ${call}`);
      found++;
    }
  });
  console.log(`calls: ${countsText(total)}`);
  return found === 0;
};
