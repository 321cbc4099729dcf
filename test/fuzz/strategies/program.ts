import { hookNames, type HookName } from '../../../lib/index';
import { FuzzRandom } from '../random';
import { thrownValues } from './thrown';

/** What a hook does that every program may do, as often as it likes. */
export const actions = [
  'nothing', 'read', 'evaluate', 'evaluate alone', 'save', 'save alone', 'second strategy', 'second strategy alone', 'wait',
  'scale the loss', 'gradients', 'stop', 'plugins', 'set modes',
] as const;
export type Action = (typeof actions)[number];

/** What a hook does once that it should not. */
export const oddities = [
  'experience null', 'experience 5', 'adaptedDataset null', 'adaptedDataset 5', 'dataloader null', 'dataloader empty', 'dataloader odd',
  'dataloader once', 'mbatch 5', 'mbatch short', 'mbX null', 'mbY short', 'loss null', 'loss wide', 'output odd', 'model null',
  'optimizer null', 'plugin null', 'plugin 5', 'plugin unreadable', 'plugin odd hook', 'train', 'other model',
] as const;
export type Oddity = (typeof oddities)[number];

export const overridable = [
  'forward', 'criterion', 'backward', 'optimizerStep', 'trainDatasetAdaptation', 'evalDatasetAdaptation', 'makeTrainDataloader',
  'makeEvalDataloader', 'modelAdaptation', 'makeOptimizer', 'trainingEpoch', 'evalEpoch',
] as const;
export type Overridable = (typeof overridable)[number];

/** How an override calls the method that it overrides. */
export type OverrideStyle = 'returned' | 'async' | 'not awaited';

/** Where a user's function is called. */
export type Place =
  | `hook ${HookName}`
  | `override ${Overridable}`
  | 'criterion'
  | 'forward'
  | 'transform'
  | 'source'
  | 'onProgress'
  | 'logger'
  | 'loggerProgress'
  | 'metric';

/** Something that goes wrong once, in the `at`th call of a place. */
export type Fault = { place: Place; at: number } & (
  | { kind: 'throws' | 'rejects'; thrown: string }
  | { kind: 'odd'; oddity: Oddity }
);

/** A program, made of a seed and a position alone. */
export interface Program {
  seed: number;
  model: 'layers' | 'dropout' | 'batch norm' | 'typescript' | 'growing';
  optimizer: 'SGD' | 'Adam' | 'RMSprop' | 'Adagrad';
  mas: boolean;
  criterion: 'default' | 'function' | 'async function' | 'object';
  data: 'memory' | 'transform' | 'iterable' | 'async iterable';
  evaluator: 'none' | 'metrics' | 'metrics and loggers';
  onProgress: 'none' | 'function' | 'async function';
  evalEvery: number;
  pevalMode: 'epoch' | 'iteration';
  trainEpochs: number;
  trainMbSize: number;
  hooks: { hook: HookName; action: Action; isAsync: boolean }[];
  overrides: { method: Overridable; style: OverrideStyle }[];
  fault: Fault | null;
}

export function makeProgram(seed: number, index: number): Program {
  const random = new FuzzRandom(seed, index);
  const often = <T>(usual: T, others: readonly T[]): T => (random.below(2) === 0 ? usual : random.pick(others));
  const several = <T>(limit: number, make: () => T): T[] => Array.from({ length: random.below(limit) }, make);
  const program: Program = {
    seed: random.below(1000),
    model: often<Program['model']>('layers', ['dropout', 'batch norm', 'typescript', 'growing']),
    optimizer: often<Program['optimizer']>('SGD', ['Adam', 'RMSprop', 'Adagrad']),
    mas: random.below(3) === 0,
    criterion: often<Program['criterion']>('default', ['function', 'async function', 'object']),
    data: often<Program['data']>('memory', ['transform', 'iterable', 'async iterable']),
    evaluator: random.pick<Program['evaluator']>(['none', 'metrics', 'metrics and loggers']),
    onProgress: often<Program['onProgress']>('none', ['function', 'async function']),
    evalEvery: often(-1, [0, 1, 2]),
    pevalMode: random.pick<Program['pevalMode']>(['epoch', 'iteration']),
    trainEpochs: 1 + random.below(2),
    trainMbSize: 1 + random.below(6),
    hooks: several(4, () => ({
      hook: random.pick(hookNames),
      action: random.pick(actions),
      isAsync: random.below(2) === 0,
    })),
    overrides: several(3, () => ({
      method: random.pick(overridable),
      style: random.pick<OverrideStyle>(['returned', 'async', 'not awaited']),
    })),
    fault: null,
  };
  if (program.model === 'batch norm') program.trainMbSize = Math.max(2, program.trainMbSize); // one sample has no variance
  if (random.below(3) > 0) program.fault = makeFault(program, random);
  return program;
}

function makeFault(program: Program, random: FuzzRandom): Fault {
  const at = 1 + random.below(3);
  const hook = (): Place => `hook ${random.pick(hookNames)}`;
  if (random.below(3) === 0) return { kind: 'odd', place: hook(), at, oddity: random.pick(oddities) };
  const places: Place[] = [
    hook(), hook(), hook(), hook(),
    ...(program.criterion === 'default' ? [] : ['criterion' as const]),
    ...(program.model === 'typescript' ? ['forward' as const] : []),
    ...(program.data === 'transform' ? ['transform' as const] : program.data === 'memory' ? [] : ['source' as const]),
    ...(program.onProgress === 'none' ? [] : ['onProgress' as const]),
    ...(program.evaluator === 'metrics and loggers' ? (['logger', 'loggerProgress', 'metric'] as const) : []),
    ...program.overrides.map(({ method }): Place => `override ${method}`),
  ];
  const thrown = random.pick(Object.keys(thrownValues));
  return { kind: random.pick(['throws', 'rejects'] as const), place: random.pick(places), at, thrown };
}
