import type { Question } from '../question';

const mlp = { runs: 'node', file: 'sample-importance', args: ['SimpleMLP', 128, 6400, 5] } as const;
const cnn = { runs: 'node', file: 'sample-importance', args: ['SimpleCNN', 64, 320, 3] } as const;
const value = 'sampleSeconds';

export const sampleImportanceQuestions: readonly Question[] = [
  {
    name: 'sample-importance',
    asks: 'importances of single samples, MLP 784-512-10, mini-batches of 128, against those of mini-batches',
    unit: 's',
    ours: { program: mlp, value },
    peer: { name: 'mini-batches', program: mlp, value: 'miniBatchSeconds' },
    ratio: 'ours / peer',
    toReach: { atMost: 1 },
    devices: 'all',
  },
  {
    name: 'sample-importance-loop',
    asks: 'the same importances against one sample at a time',
    unit: 's',
    ours: { program: mlp, value },
    peer: { name: 'one by one', program: mlp, value: 'oneByOneSeconds' },
    ratio: 'peer / ours',
    toReach: { atLeast: 20 },
    devices: 'all',
  },
  {
    name: 'sample-importance-cnn',
    asks: 'importances of single samples, SimpleCNN, mini-batches of 64, against those of mini-batches',
    unit: 's',
    ours: { program: cnn, value },
    peer: { name: 'mini-batches', program: cnn, value: 'miniBatchSeconds' },
    ratio: 'ours / peer',
    toReach: { atMost: 6 },
    devices: 'all',
  },
];
