import type { Question } from '../question';
import { avalanche, firstRow, ours, workload } from '../split-mnist';

export const splitMnistMas: Question = {
  name: 'split-mnist-mas',
  asks: `${workload}, MAS: training`,
  unit: 's',
  ours: { program: ours(firstRow), value: 'seconds' },
  peer: { name: 'Avalanche', program: avalanche(firstRow), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 3.3 },
  devices: 'all',
};
