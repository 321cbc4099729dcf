import type { Question } from '../question';

const program = { runs: 'node', file: 'many-experiences' } as const;

export const manyExperiences: Question = {
  name: 'many-experiences',
  asks: 'an iteration with MAS at experience 50; against experience 2 in the same process (MLP 784-512-10)',
  unit: 'us',
  ours: { program, value: 'atExperience50' },
  peer: { name: 'experience 2', program, value: 'atExperience2' },
  ratio: 'peer / ours',
  toReach: { atLeast: 0.98 },
};
