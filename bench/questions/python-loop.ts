import type { Question } from '../question';
import { firstRow, ours, pythonLoop } from '../split-mnist';

export const pythonLoopQuestion: Question = {
  name: 'python-loop',
  asks: 'split-mnist-mas against a PyTorch loop in Python, written by hand, mini-batches by indexing',
  unit: 's',
  ours: { program: ours(firstRow), value: 'seconds' },
  peer: { name: 'PyTorch loop', program: pythonLoop(firstRow), value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 1.4 },
};
