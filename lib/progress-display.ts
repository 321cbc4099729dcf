import { Format, type Options, Presets } from 'cli-progress';

/** Progress of something long, on stderr. */
export interface ProgressDisplay {
  /**
   * @param fraction of the whole, in [0, 1]; NaN where the whole is not known
   * @param text what is being done, or how much of it is: in parts, the most important first, of which a narrow terminal shows as
   * many as fit
   * @param milestone without a terminal a line is printed whenever this changes; default: the text
   */
  update(fraction: number, text: string | readonly string[], milestone?: unknown): void;
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

const largestBar = 40;
const smallestBar = 8;
const redrawMs = 100;
const separator = ' | ';

/** Drawn when there is news, never by a timer, which would keep alive a process whose training has failed. */
function bar(title: string): ProgressDisplay {
  const begin = performance.now();
  let drawnAt = -Infinity;
  let pending: ((width: number) => string) | null = null;
  const draw = () => {
    if (pending === null) return;
    // A line as wide as the terminal would wrap; its width may have changed.
    process.stderr.write(`\r${pending((process.stderr.columns ?? 80) - 1)}\x1b[K`);
    pending = null;
    drawnAt = performance.now();
  };
  return {
    update(fraction, text) {
      const parts = typeof text === 'string' ? [text, duration((performance.now() - begin) / 1000)] : text;
      pending = (width) => progressLine(width, title, fraction, parts);
      if (performance.now() - drawnAt >= redrawMs) draw();
    },
    stop() {
      draw();
      process.stderr.write('\n');
    },
  };
}

/** A line of at most `width` columns: what it is about, the parts that fit, and where there is room left, a bar. */
export function progressLine(width: number, title: string, fraction: number, parts: readonly string[]): string {
  const isKnown = !Number.isNaN(fraction);
  let line = isKnown ? `${title} ${Math.floor(100 * fraction)}%` : title;
  for (const part of parts) if (line.length + separator.length + part.length <= width) line += separator + part;
  const barsize = Math.min(largestBar, width - line.length - 1);
  if (!isKnown || barsize < smallestBar) return line.slice(0, Math.max(0, width));
  return `${title} ${drawnBar(fraction, barsize)}${line.slice(title.length)}`;
}

function drawnBar(fraction: number, barsize: number): string {
  const { barCompleteChar, barIncompleteChar } = Presets.shades_classic as Required<Options>;
  const [barCompleteString, barIncompleteString] = [barCompleteChar, barIncompleteChar].map((char) => char.repeat(barsize));
  return Format.BarFormat(fraction, { barsize, barGlue: '', barCompleteString: barCompleteString!, barIncompleteString: barIncompleteString! });
}

/** Seconds, for a line: "1m05s". */
export function duration(seconds: number): string {
  return Format.TimeFormat(Math.round(seconds), { autopaddingChar: '0' }, 1);
}

function plainLines(title: string): ProgressDisplay {
  const begin = performance.now();
  let last: unknown;
  return {
    update(_fraction, text, milestone = text) {
      if (milestone === last) return;
      last = milestone;
      const said = typeof text === 'string' ? text : text.join(', ');
      process.stderr.write(`${title}: ${said} (${((performance.now() - begin) / 1000).toFixed(1)} s)\n`);
    },
    stop() {},
  };
}
