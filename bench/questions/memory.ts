import type { Question } from '../question';
import { avalanche, firstRow, ours } from '../split-mnist';

export const memory: Question = {
  name: 'memory',
  asks: 'peak resident memory of split-mnist-mas',
  unit: 'MB',
  ours: { program: ours(firstRow), value: 'peakMegabytes' },
  peer: { name: 'Avalanche', program: avalanche(firstRow), value: 'peakMegabytes' },
  ratio: 'peer / ours',
  toReach: { atLeast: 2 },
};
