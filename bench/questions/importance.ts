import type { Question } from '../question';
import { avalanche, firstRow, ours } from '../split-mnist';

export const importance: Question = {
  name: 'importance',
  asks: 'the importance passes of split-mnist-mas alone',
  unit: 's',
  ours: { program: ours(firstRow), value: 'importanceSeconds' },
  peer: { name: 'Avalanche', program: avalanche(firstRow), value: 'importanceSeconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 3 },
  devices: 'all',
};
