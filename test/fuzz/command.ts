/** What the command line gives to a target. */
export interface FuzzOptions {
  count: number;
  seed: number;
  /** The first position; a finding is made again with its own and a count of 1. */
  from: number;
  /** A folder for the files that are read. */
  keep?: string;
}

/** Runs it, prints what it finds and how that is made again; false where it found something. */
export type FuzzTarget = (options: FuzzOptions) => Promise<boolean>;

/** Runs a target in parts, with a line of progress behind each. */
export async function inParts(
  name: string,
  { count, seed, from }: FuzzOptions,
  size: number,
  run: (part: { count: number; from: number }) => Promise<void>,
): Promise<void> {
  const start = performance.now();
  for (let done = 0; done < count; ) {
    const part = Math.min(size, count - done);
    await run({ count: part, from: from + done });
    done += part;
    const seconds = (performance.now() - start) / 1000;
    console.log(`${name} seed ${seed}: ${from + done} after ${seconds.toFixed(0)} s, ${(done / seconds).toFixed(0)} a second`);
  }
}

/** Adds one count to another. */
export function addCounts(total: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, times] of more) total.set(name, (total.get(name) ?? 0) + times);
}

/** `1200 read, 3 ERR_SHAPE`, the most frequent first. */
export function countsText(counts: ReadonlyMap<string, number>): string {
  return [...counts].sort(([, a], [, b]) => b - a).map(([name, times]) => `${times} ${name}`).join(', ');
}
