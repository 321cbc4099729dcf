import type { Question } from '../question';
import { calls, elements, penaltyOfOurs } from '../penalty';

export const penaltyBandwidth: Question = {
  name: 'penalty-bandwidth',
  asks: 'the same against a loop that moves the same bytes: reads three arrays, writes one',
  unit: 'ms',
  ours: penaltyOfOurs,
  peer: {
    name: 'memory',
    program: { runs: 'native', file: 'memory_bandwidth', args: [calls, elements] },
    value: 'milliseconds',
  },
  ratio: 'peer / ours',
  toReach: { atLeast: 0.67 },
};
