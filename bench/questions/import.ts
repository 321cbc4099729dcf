import type { Question } from '../question';

export const importQuestion: Question = {
  name: 'import',
  asks: 'from the start of a process to its first tensor',
  unit: 's',
  ours: { program: { runs: 'node', file: 'first-tensor' }, value: 'secondsToResult' },
  peer: { name: 'Avalanche', program: { runs: 'python', file: 'import_avalanche' }, value: 'secondsToResult' },
  ratio: 'peer / ours',
  toReach: { atLeast: 15 },
};
