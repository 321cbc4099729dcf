import { distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { failure } from '../user-function';
import { type HookName, hookNames } from './hook-names';
import type { KeptStrategy, Plugin, Strategy } from './strategy';
import type { TrainOptions } from './train-options';

/**
 * @internal A plugin with this property needs nothing but its state to go on: where a run is resumed, the hooks that prepare an
 * experience are not called again.
 */
export const isWhollyKept = Symbol('isWhollyKept');

/** @internal What a plugin may have that takes checkpoints. */
export interface TakesCheckpoints {
  /** How many iterations may go by until one is due. */
  untilDue(strategy: KeptStrategy): number;
  /** Called between two iterations of training; a promise is awaited. */
  betweenIterations(strategy: KeptStrategy): void | Promise<void>;
}

/** @internal Whether a plugin takes checkpoints. */
export function takesCheckpoints(plugin: object): plugin is TakesCheckpoints {
  return isWhollyKept in plugin && 'betweenIterations' in plugin;
}

/**
 * A plugin with all 26 hooks, each doing nothing: extend it and override what you need. A hook that is not overridden
 * costs nothing.
 */
export class SupervisedPlugin {
  /** Whether the plugin is made for distributed training. */
  readonly supportsDistributed: boolean = false;

  /** `train()` begins: model in train mode and on its device, no experience yet. */
  beforeTraining(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.experience` is set; the dataset is not yet chosen. */
  beforeTrainDatasetAdaptation(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.adaptedDataset` is set, the loader not yet made: the place to replace the dataset. */
  afterTrainDatasetAdaptation(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** Model adapted, optimizer told of new parameters. */
  beforeTrainingExp(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** Counters of the experience are reset. */
  beforeTrainingEpoch(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.mbX`, `mbY` are the new mini-batch; output, loss and gradients are the previous one's. */
  beforeTrainingIteration(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** Gradients are cleared, the loss is 0. */
  beforeForward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.mbOutput` is new. */
  afterForward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.loss` is the criterion's value: the place to add to it. */
  beforeBackward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** Gradients are there. */
  afterBackward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The optimizer is about to step. */
  beforeUpdate(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The optimizer has stepped. */
  afterUpdate(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The iteration is over; counters are not yet incremented. */
  afterTrainingIteration(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The epoch is over, also where it was cut short. */
  afterTrainingEpoch(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The experience has been learned: the place to consolidate. */
  afterTrainingExp(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `train()` is about to return. */
  afterTraining(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `eval()` begins: eval mode, nothing is recorded for backward. */
  beforeEval(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.experience` is the evaluated one. */
  beforeEvalDatasetAdaptation(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.adaptedDataset` is set. */
  afterEvalDatasetAdaptation(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The loader is ready. */
  beforeEvalExp(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.mbX`, `mbY` are the new mini-batch. */
  beforeEvalIteration(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The model is about to run. */
  beforeEvalForward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.mbOutput` is new. */
  afterEvalForward(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `strategy.loss` is new, without penalties. */
  afterEvalIteration(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** The experience has been evaluated. */
  afterEvalExp(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
  /** `eval()` is about to return; `strategy.experience` is the last evaluated one. */
  afterEval(_strategy: Strategy, _options: TrainOptions): void | Promise<void> {}
}

/** A hook as a template calls it, with itself: which strategy a hook is written for is its plugin's affair. */
type Listener = (this: Plugin, strategy: object, options: TrainOptions) => void | Promise<void>;

/**
 * The plugin's function for a hook; nothing where it only inherited the empty one.
 * @param index the place in `strategy.plugins`
 * @throws ERR_INVALID_ARG_TYPE where it is no plugin, or something else has the hook's name; ERR_HOOK where it cannot be read
 */
export function listener(plugin: Plugin, name: HookName, index: number): Listener | undefined {
  if (!isPlugin(plugin)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `plugins: expected ${expectedPlugin} at index ${index}, got ${describeValue(plugin)}`,
    );
  }
  const hook: unknown = readHook(plugin, name);
  if (hook === undefined || hook === null) return undefined;
  if (typeof hook === 'function') return hook === SupervisedPlugin.prototype[name] ? undefined : (hook as Listener);
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `plugins: expected ${name} of ${pluginName(plugin)} to be a function, got ${describeValue(hook)}`,
  );
}

function readHook(plugin: Plugin, name: HookName): unknown {
  try {
    return plugin[name];
  } catch (thrown) {
    throw failure('ERR_HOOK', `${name} of ${pluginName(plugin)} cannot be read`, thrown);
  }
}

const expectedPlugin = 'an object with hooks (an instance, not a class)';

function isPlugin(value: unknown): value is Plugin {
  try {
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false; // a revoked Proxy
  }
}

export const pluginSchema = z.custom<Plugin>(isPlugin, expectedPlugin);

/** Name of a plugin's class, for messages. */
export function pluginName(plugin: object): string {
  try {
    // An object without a prototype has no constructor.
    const name: unknown = (plugin.constructor as { name?: unknown } | undefined)?.name;
    return typeof name !== 'string' || name === 'Object' || name === '' ? 'a plugin' : name;
  } catch {
    return 'a plugin';
  }
}

/** Warns of members that look like hooks and are none, with the hook that was probably meant. */
export function warnOfSurplusCallbacks(plugins: readonly Plugin[], template: string): void {
  for (const plugin of plugins) {
    const surplus = surplusCallbacks(plugin).map((name) => `${name} (did you mean ${closestHook(name)}?)`);
    if (surplus.length === 0) continue;
    process.emitWarning(
      `${pluginName(plugin)} has callbacks that ${template} never calls: ${surplus.join(', ')}`,
      'ContinualTorchWarning',
    );
  }
}

/** Fewest changes; among equals the one that ends alike, as `beforeTrainExp` is `beforeTrainingExp`, not `beforeTraining`. */
function closestHook(name: string): HookName {
  const plain = (text: string) => text.replaceAll('_', '').toLowerCase();
  const commonEnd = (hook: string) => [...hook].findLastIndex((letter, i) => letter !== name.at(i - hook.length));
  const cost = (hook: string) => distance(plain(name), plain(hook)) + (commonEnd(hook) + 1) / (hook.length + 1);
  return hookNames.reduce((best, hook) => (cost(hook) < cost(best) ? hook : best));
}

/** How many letters a hook may be misspelt by where it does not begin with `before` or `after`. */
const typo = 2;

function surplusCallbacks(plugin: object): string[] {
  const names = new Set<string>();
  try {
    for (let object = plugin; object && object !== Object.prototype; object = Object.getPrototypeOf(object) as object) {
      for (const name of Object.getOwnPropertyNames(object)) names.add(name);
    }
  } catch {
    return []; // a Proxy that does not want to be asked
  }
  const known: readonly string[] = hookNames;
  const isCallback = (name: string) =>
    /^(before|after)[A-Z_]/.test(name) || known.some((hook) => distance(name.toLowerCase(), hook.toLowerCase()) <= typo);
  return [...names].filter((name) => !known.includes(name) && isCallback(name));
}
