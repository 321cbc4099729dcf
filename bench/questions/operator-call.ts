import type { Question } from '../question';

const args = [200_000];

export const operatorCall: Question = {
  name: 'operator-call',
  asks: 'add of two 4-element tensors from JavaScript; against a boxed call of it in C++',
  unit: 'ns',
  ours: { program: { runs: 'node', file: 'operator-call', args }, value: 'nanoseconds' },
  peer: { name: 'C++', program: { runs: 'native', file: 'boxed_call', args }, value: 'nanoseconds' },
  ratio: 'ours / peer',
  toReach: { atMost: 3 },
};
