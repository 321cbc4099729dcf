// What record_random.py has recorded.
import { readFileSync } from 'node:fs';
import { ops, type Generator, type Tensor } from '../../lib/index';
import { fixturePath } from './fixtures';

export interface RecordedRandom {
  loaders: {
    seed: number;
    samples: number;
    batchSize: number;
    dropLast: boolean;
    shuffle: boolean;
    stopAfter: number | null;
    epochs: number[][][];
    rng: number;
  }[];
  init: Record<string, { values: number[]; rng: number }>;
  state: { bytes: string; rand: number[]; randperm: number[] };
}

export const recordedRandom = JSON.parse(readFileSync(fixturePath('random.json'), 'utf8')) as RecordedRandom;

/** What "rng" is in the records. */
export const nextDraw = (generator: Generator | null = null): number =>
  (ops.aten.randint!(2 ** 30, [1], { dtype: 'int64', device: 'cpu', generator }) as Tensor).item<number>();
