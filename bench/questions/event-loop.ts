import type { Question } from '../question';

export const eventLoop: Question = {
  name: 'event-loop',
  asks: 'delay of a 10 ms timer while a strategy with MAS trains, 99th percentile',
  unit: 'ms',
  ours: { program: { runs: 'node', file: 'event-loop' }, value: 'p99Ms' },
  peer: null,
  ratio: null,
  toReach: { atMost: 12 },
};
