import type { Question } from '../question';
import { manySizes, penaltyOfOurs, sameBytes } from '../penalty';

const asked: Pick<Question, 'unit' | 'ratio'> = { unit: 'ms', ratio: 'peer / ours' };

export const penaltyBandwidth: Question = {
  ...asked,
  name: 'penalty-bandwidth',
  asks: 'the same against a loop that moves the same bytes: reads three arrays, writes one',
  ours: penaltyOfOurs(),
  peer: sameBytes(),
  toReach: { atLeast: 0.67 },
  devices: 'all',
};

export const penaltyBandwidth351m: Question = {
  ...asked,
  name: 'penalty-bandwidth-351m',
  asks: 'penalty-bandwidth with 351 million parameters',
  ours: penaltyOfOurs(manySizes),
  peer: sameBytes(manySizes),
  toReach: null,
  devices: 'cuda',
};
