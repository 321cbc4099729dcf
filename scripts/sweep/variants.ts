/** Whether one lambda means the same for the variants of MAS. */
import type { MASPreset } from 'continual-torch';
import type { Task } from './tasks';
import { score } from './training';

const presets: readonly MASPreset[] = ['avalanche', 'original2018', 'paper', 'hsu2018', 'facil', 'capymoa'];
const lambdas = [0.001, 0.01, 0.1, 1, 10];

/** Prints a row for each variant: what each lambda comes to in proximal steps, with Omega as it is and normalised. */
export async function compareVariants(tasks: readonly Task[]): Promise<void> {
  for (const task of tasks) {
    const streams = await task.streams(0);
    for (const normalize of [null, 'mean'] as const) {
      for (const preset of presets) {
        const scores: (number | null)[] = [];
        for (const lambdaReg of lambdas) scores.push(await score(task, streams, 0, { preset, normalize, lambdaReg, penaltyUpdate: 'proximal' }));
        console.log(`| ${[task.name, normalize ?? '', preset, ...scores.map((each) => each?.toFixed(3) ?? '-')].join(' | ')} |`);
      }
    }
  }
}
