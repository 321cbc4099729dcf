import type { Question } from '../question';
import { calls, penaltyOfOurs, sizes } from '../penalty';

export const penalty: Question = {
  name: 'penalty',
  asks: 'value and gradient of the penalty, 11.7 million parameters in 62 tensors (ResNet-18)',
  unit: 'ms',
  ours: penaltyOfOurs(),
  peer: {
    name: 'Avalanche',
    program: { runs: 'python', file: 'penalty_avalanche', args: [calls, JSON.stringify(sizes)] },
    value: 'milliseconds',
  },
  ratio: 'peer / ours',
  toReach: { atLeast: 10 },
  devices: 'all',
};
