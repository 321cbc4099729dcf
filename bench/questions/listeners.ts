import type { Question } from '../question';

export const listeners: Question = {
  name: 'listeners',
  asks: 'the same with an empty function on every hook; against no listener',
  unit: 'iterations/s',
  ours: { program: { runs: 'node', file: 'template', args: ['listeners'] }, value: 'iterationsPerSecond' },
  peer: {
    name: 'no listener',
    program: { runs: 'node', file: 'template', args: ['strategy'] },
    value: 'iterationsPerSecond',
  },
  ratio: 'ours / peer',
  toReach: { atLeast: 0.87 },
};
