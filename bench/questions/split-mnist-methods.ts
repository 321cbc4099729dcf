import type { Question } from '../question';
import { avalanche, firstRow, ours, type SplitMNIST } from '../split-mnist';

function question(strategy: SplitMNIST['strategy'], called: string, lambda: number): Question {
  const row = { ...firstRow, strategy, lambda };
  return {
    name: `split-mnist-${strategy}`,
    asks: `split-mnist-mas with ${called}`,
    unit: 's',
    ours: { program: ours(row), value: 'seconds' },
    peer: { name: 'Avalanche', program: avalanche(row), value: 'seconds' },
    ratio: 'peer / ours',
    toReach: { atLeast: 2.5 },
    devices: 'all',
  };
}

export const splitMnistMethods: readonly Question[] = [
  question('ewc', 'EWC, separate, in place of MAS', 0.1),
  question('si', 'Synaptic Intelligence in place of MAS', 1),
  question('lwf', 'Learning without Forgetting in place of MAS', 1),
];
