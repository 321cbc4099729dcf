import type { Question } from '../question';

export const server: Question = {
  name: 'server',
  asks: 'by how much learning delays requests to examples/server.ts at half the rate that it reaches, 99th percentile',
  unit: 'ms',
  ours: { program: { runs: 'node', file: 'server', args: [8] }, value: 'addedMilliseconds' },
  peer: null,
  ratio: null,
  toReach: { atMost: 20 },
};
