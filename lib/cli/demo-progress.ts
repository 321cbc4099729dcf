import { Presets, SingleBar } from 'cli-progress';
import type { DemoProgress } from './demo-run';

/** Progress of one run on stderr: a bar on a terminal, a line for each step elsewhere. */
export function demoProgress(title: string): DemoProgress {
  return process.stderr.isTTY ? bar(title) : plainLines(title);
}

function bar(title: string): DemoProgress {
  const single = new SingleBar(
    { format: `${title.padEnd(8)} {bar} {percentage}% | {duration_formatted} | {what}`, hideCursor: true },
    Presets.shades_classic,
  );
  single.start(100, 0, { what: 'loading MNIST' });
  return {
    update: (fraction, what) => single.update(Math.floor(100 * fraction), { what }),
    stop: () => single.stop(),
  };
}

function plainLines(title: string): DemoProgress {
  const begin = performance.now();
  let last = '';
  return {
    update(_fraction, what) {
      if (what === last) return;
      last = what;
      process.stderr.write(`${title}: ${what} (${((performance.now() - begin) / 1000).toFixed(1)} s)\n`);
    },
    stop() {},
  };
}
