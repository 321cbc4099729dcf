import type { Question } from '../question';

export const template: Question = {
  name: 'template',
  asks: 'MLP 784-512-10, mini-batches of 128, a strategy without listeners; against its native phases as one job',
  unit: 'iterations/s',
  ours: { program: { runs: 'node', file: 'template', args: ['strategy'] }, value: 'iterationsPerSecond' },
  peer: {
    name: 'no template',
    program: { runs: 'node', file: 'template', args: ['bare'] },
    value: 'iterationsPerSecond',
  },
  ratio: 'ours / peer',
  toReach: { atLeast: 0.97 },
};
