import type { Program, Question } from '../question';
import { calls, sizes } from '../penalty';

const program: Program = { runs: 'node', file: 'penalty', args: [calls, JSON.stringify(sizes), 'proximal'] };

export const penaltyProximal: Question = {
  name: 'penalty-proximal',
  asks: 'the proximal step against value and gradient of the penalty, in the same iterations',
  unit: 'ms',
  ours: { program, value: 'proximalMilliseconds' },
  peer: { name: 'gradient', program, value: 'milliseconds' },
  ratio: 'ours / peer',
  toReach: { atMost: 1.1 },
  devices: 'all',
};
