import type { Question } from '../question';
import { firstRow, nativeLoop, ours } from '../split-mnist';

export const floor: Question = {
  name: 'floor',
  asks: 'split-mnist-mas against a plain libtorch loop in C++',
  unit: 's',
  ours: { program: ours(firstRow), value: 'seconds' },
  peer: { name: 'C++ loop', program: nativeLoop(firstRow), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 1.15 },
};
