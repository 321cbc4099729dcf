import type { Question } from '../question';
import { avalanche, firstRow, ours } from '../split-mnist';

const row = { ...firstRow, miniBatch: 10, classes: '0123' };

export const splitMnistMasMb10: Question = {
  name: 'split-mnist-mas-mb10',
  asks: 'the same with mini-batches of 10, two experiences',
  unit: 's',
  ours: { program: ours(row), value: 'seconds' },
  peer: { name: 'Avalanche', program: avalanche(row), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 4 },
};
