import path from 'node:path';
import { z } from 'zod';
import { jit, manualSeed, models, nn, parseOptions } from '../index';
import type { Config } from './parity-config';
import { classes, construct, named } from './parity-parts';

const modulesOf = (exported: object) => classes<nn.Module>(exported, (type) => type.prototype instanceof nn.Module);
const layerTypes = modulesOf(nn);

type MakeModel = (sizes: Record<string, unknown>, folder: string) => nn.Module | Promise<nn.Module>;

const size = z.int('a positive integer').positive('a positive integer');
const mlp = z.object({ inputSize: size, hiddenSize: size, numClasses: size });
const incrementalMLP = z.object({ inputSize: size, hiddenSize: size, initialOutFeatures: size });
const layers = z.object({ layers: z.array(z.tuple([z.string()]).rest(z.unknown()), 'an array of [name, ...arguments]') });
const script = z.object({ file: z.string('a file name').default('model.pt') });

const makers = new Map<string, MakeModel>([
  ['TorchScript', (options, folder) => jit.load(path.join(folder, parseOptions('parity: TorchScript', script, options).file))],
  [
    'MLP',
    (options) => {
      const { inputSize, hiddenSize, numClasses } = parseOptions('parity: MLP', mlp, options);
      return new nn.Sequential(new nn.Linear(inputSize, hiddenSize), new nn.ReLU(), new nn.Linear(hiddenSize, numClasses));
    },
  ],
  [
    'Sequential',
    (options) =>
      new nn.Sequential(
        ...parseOptions('parity: Sequential', layers, options).layers.map(([name, ...own]) => construct(named('layer', layerTypes, name), ...own)),
      ),
  ],
  [
    'IncrementalMLP',
    (options) => {
      const { inputSize, hiddenSize, initialOutFeatures } = parseOptions('parity: IncrementalMLP', incrementalMLP, options);
      const layers = [new nn.Flatten(), new nn.Linear(inputSize, hiddenSize), new nn.ReLU()];
      return new nn.Sequential(...layers, new models.IncrementalClassifier(hiddenSize, { initialOutFeatures }));
    },
  ],
  ...[...modulesOf(models)].map(
    ([name, type]): [string, MakeModel] => [name, (options) => construct(type, options)],
  ),
]);

/** The model that a run begins with; where there is a seed, everything random follows from it from here on. */
export async function makeModel({ model: description, seed }: Config, folder: string): Promise<nn.Module> {
  const { type, ...options } = description ?? { type: 'TorchScript' };
  const make = named('model', makers, type);
  if (seed !== undefined) manualSeed(seed);
  return make(options, folder);
}
