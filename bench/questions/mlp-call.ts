import type { Question } from '../question';

function mlpCall(batch: number, calls: number): Question {
  const args = [calls, batch];
  return {
    name: `mlp-call-${batch}`,
    asks: `a call of a 3-layer MLP with a TypeScript forward, mini-batch ${batch}; against the same in Python`,
    unit: 'us',
    ours: { program: { runs: 'node', file: 'mlp-call', args }, value: 'microseconds' },
    peer: { name: 'PyTorch', program: { runs: 'python', file: 'mlp_call', args }, value: 'microseconds' },
    ratio: 'ours / peer',
    toReach: { atMost: 1.3 },
  };
}

export const mlpCalls = [mlpCall(1, 20_000), mlpCall(32, 5_000)];
