import { createHash, randomUUID } from 'node:crypto';
import type { Dataset } from '../data/dataset';

interface Streams {
  readonly streams: ReadonlyMap<string, { readonly experiences: readonly { readonly dataset: Dataset }[] }>;
}

/** Tells this process (this thread) from every other. */
export const thisProcess = randomUUID();

let made = 0;

/** How many benchmarks this process has made so far, those of the same data counted once. */
export function benchmarksMade(): number {
  return made;
}

/** What benchmarks of the same data have in common, and what tells it from others: here, and in another process. */
export class BenchmarkIdentity {
  /** How many had been made in this process before. A program that builds its benchmarks as before has the same again. */
  readonly place = made++;
  private fingerprint: string | null = null;

  /**
   * The same in every process: of the names of the streams in their order, the number of their experiences, the samples of each
   * and the classes that a source says it has. The labels of data in memory are not read for it.
   */
  fingerprintOf({ streams }: Streams): string {
    this.fingerprint ??= createHash('sha256')
      .update(JSON.stringify([...streams].map(([name, { experiences }]) => [name, experiences.map(({ dataset }) => sizeOf(dataset))])))
      .digest('hex')
      .slice(0, 16);
    return this.fingerprint;
  }
}

function sizeOf(dataset: Dataset): unknown {
  return Object.hasOwn(dataset, 'classes') ? [dataset.length, dataset.classes] : dataset.length;
}
