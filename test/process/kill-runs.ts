// Kills training runs with SIGKILL at random moments, resumes them, and compares the bits with those of runs that nobody kills:
//
//     npx tsx test/process/kill-runs.ts [runs = 100] [seed = 1]
import { type RunName, runs, trainToTheEnd } from '../support/killed-runs';
import { FuzzRandom } from '../fuzz/random';

async function main(): Promise<void> {
  const [count = 100, seed = 1] = process.argv.slice(2).map(Number);
  const random = new FuzzRandom(seed, 0);
  const next = () => random.uint32() / 2 ** 32;
  const undisturbed = new Map<RunName, { digest: string; milliseconds: number }>();
  for (const run of runs) undisturbed.set(run, await trainToTheEnd(run));
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const run = runs[i % runs.length]!;
    const { digest, milliseconds } = undisturbed.get(run)!;
    const kills = Array.from({ length: 1 + Math.floor(next() * 3) }, () => milliseconds * (0.3 + 0.7 * next()));
    const end = await trainToTheEnd(run, kills);
    const isSame = end.digest === digest;
    if (!isSame) wrong++;
    console.log(`${i + 1}/${count} ${run}: killed ${end.kills} times, went on from ${end.from.join(', ')}: ${isSame ? 'the same bits' : 'OTHER BITS'}`);
  }
  console.log(wrong === 0 ? `all ${count} runs end with the same bits` : `${wrong} of ${count} runs end with other bits`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

void main();
