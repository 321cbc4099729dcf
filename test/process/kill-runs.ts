// Kills training runs with SIGKILL at random moments, resumes them, and compares the bits with those of runs that nobody kills. A
// third of them writes its checkpoints to a disk that fails at random, a third, where this process may mount one, to one that is full:
//
//     npx tsx test/process/kill-runs.ts [runs = 100] [seed = 1]
import { canMount, type Disk, type RunName, runs, trainToTheEnd } from '../support/killed-runs';
import { FuzzRandom } from '../fuzz/random';

async function main(): Promise<void> {
  const [count = 100, seed = 1] = process.argv.slice(2).map(Number);
  const random = new FuzzRandom(seed, 0);
  const next = () => random.uint32() / 2 ** 32;
  const undisturbed = new Map<RunName, { digest: string; milliseconds: number }>();
  for (const run of runs) undisturbed.set(run, await trainToTheEnd(run));
  const disks: Disk[] = (await canMount()) ? ['sound', 'failing', 'full'] : ['sound', 'failing'];
  let wrong = 0;
  for (let i = 0; i < count; i++) {
    const run = runs[i % runs.length]!;
    const { digest, milliseconds } = undisturbed.get(run)!;
    const kills = Array.from({ length: 1 + Math.floor(next() * 3) }, () => milliseconds * 0.8 * next());
    const disk = disks[Math.floor(i / runs.length) % disks.length]!;
    const end = await trainToTheEnd(run, kills, disk, i);
    const isSame = end.digest === digest;
    if (!isSame) wrong++;
    console.log(`${i + 1}/${count} ${run}, disk ${disk}: killed ${end.kills} times, went on from ${end.from.join(', ')}: ${isSame ? 'the same bits' : 'OTHER BITS'}`);
  }
  console.log(wrong === 0 ? `all ${count} runs end with the same bits` : `${wrong} of ${count} runs end with other bits`);
  process.exitCode = wrong === 0 ? 0 : 1;
}

void main();
