import type { Question } from '../question';

const args = ['SlimResNet18', 32, 320, 0.01];

export const slimResnetMas: Question = {
  name: 'slim-resnet-mas',
  asks: 'SlimResNet18 on random images 32x32x3, mini-batches of 32, MAS, two experiences of 10 mini-batches: training',
  unit: 's',
  ours: { program: { runs: 'node', file: 'random-images', args }, value: 'seconds' },
  peer: { name: 'Avalanche', program: { runs: 'python', file: 'random_images_avalanche', args }, value: 'seconds' },
  ratio: 'peer / ours',
  toReach: { atLeast: 1.2 },
  devices: 'all',
};
