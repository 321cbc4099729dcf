import type { Question } from '../question';
import { avalanche, firstRow, ours } from '../split-mnist';

const row = { ...firstRow, strategy: 'naive' as const };

export const splitMnistNaive: Question = {
  name: 'split-mnist-naive',
  asks: 'split-mnist-mas without MAS',
  unit: 's',
  ours: { program: ours(row), value: 'seconds' },
  peer: { name: 'Avalanche', program: avalanche(row), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 3 },
  devices: 'all',
};
