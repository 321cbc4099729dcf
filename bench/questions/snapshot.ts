import type { Question } from '../question';

const program = { runs: 'node', file: 'snapshot', args: [60] } as const;

export const snapshot: Question = {
  name: 'snapshot',
  asks: 'strategy.snapshot() of 11.7 million parameters against a copy of the same bytes',
  unit: 'ms',
  ours: { program, value: 'snapshotMilliseconds' },
  peer: { name: 'copy', program, value: 'copyMilliseconds' },
  ratio: 'ours / peer',
  toReach: { atMost: 1.3 },
};
