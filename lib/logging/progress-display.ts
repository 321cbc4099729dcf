import { Presets, SingleBar } from 'cli-progress';

/** Progress of something long, on stderr. */
export interface ProgressDisplay {
  /**
   * @param fraction of the whole, in [0, 1]
   * @param text what is being done, or how much of it is
   * @param milestone without a terminal a line is printed whenever this changes; default: the text
   */
  update(fraction: number, text: string, milestone?: unknown): void;
  stop(): void;
}

/** A bar on a terminal, plain lines elsewhere. */
export function progressDisplay(title: string): ProgressDisplay {
  return process.stderr.isTTY ? bar(title) : plainLines(title);
}

/** Shows nothing. */
export const noProgressDisplay: ProgressDisplay = { update() {}, stop() {} };

function bar(title: string): ProgressDisplay {
  const single = new SingleBar(
    { format: `${title} {bar} {percentage}% | {duration_formatted} | {text}`, hideCursor: true },
    Presets.shades_classic,
  );
  single.start(100, 0, { text: '' });
  return {
    update: (fraction, text) => single.update(Math.floor(100 * fraction), { text }),
    stop: () => single.stop(),
  };
}

function plainLines(title: string): ProgressDisplay {
  const begin = performance.now();
  let last: unknown;
  return {
    update(_fraction, text, milestone = text) {
      if (milestone === last) return;
      last = milestone;
      process.stderr.write(`${title}: ${text} (${((performance.now() - begin) / 1000).toFixed(1)} s)\n`);
    },
    stop() {},
  };
}
