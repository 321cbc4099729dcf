import type { Question } from '../question';

const args = ['SimpleCNN', 64, 640, 0.01];

export const simpleCnnMas: Question = {
  name: 'simple-cnn-mas',
  asks: 'SimpleCNN on random images 32x32x3, mini-batches of 64, MAS, two experiences of 10 mini-batches: training',
  unit: 's',
  ours: { program: { runs: 'node', file: 'random-images', args }, value: 'seconds' },
  peer: { name: 'Avalanche', program: { runs: 'python', file: 'random_images_avalanche', args }, value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 1.3 },
  devices: 'all',
};
