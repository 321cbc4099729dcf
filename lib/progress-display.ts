import { Format, type Options, Presets } from 'cli-progress';

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

/** A bar on a terminal, nothing elsewhere. */
export function progressBar(title: string): ProgressDisplay {
  return process.stderr.isTTY ? bar(title) : noProgressDisplay;
}

/** Shows nothing. */
export const noProgressDisplay: ProgressDisplay = { update() {}, stop() {} };

const barSize = 40;
const redrawMs = 100;

/** Drawn when there is news, never by a timer, which would keep alive a process whose training has failed. */
function bar(title: string): ProgressDisplay {
  const { barCompleteChar, barIncompleteChar } = Presets.shades_classic as Required<Options>;
  const options: Options = {
    format: `${title} {bar} {percentage}% | {duration_formatted} | {text}`,
    barsize: barSize,
    barGlue: '',
    barCompleteString: barCompleteChar.repeat(barSize),
    barIncompleteString: barIncompleteChar.repeat(barSize),
    autopaddingChar: ' ',
  };
  const startTime = Date.now();
  let drawnAt = -Infinity;
  let pending: string | null = null;
  const draw = () => {
    if (pending === null) return;
    process.stderr.write(`\r${pending.slice(0, (process.stderr.columns ?? 80) - 1)}\x1b[K`);
    pending = null;
    drawnAt = performance.now();
  };
  return {
    update(progress, text) {
      const times = { eta: 0, startTime, stopTime: Date.now() };
      pending = Format.Formatter(options, { progress, ...times, total: 1, value: progress, maxWidth: 0 }, { text });
      if (performance.now() - drawnAt >= redrawMs) draw();
    },
    stop() {
      draw();
      process.stderr.write('\n');
    },
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
