import { z } from 'zod';
import { pluginName } from '../../hooks/plugin';
import type { KeptStrategy, Plugin } from '../../hooks/strategy';
import { native } from '../../native/binding';
import type { NativeTensor } from '../../native/types';
import { nativeModule } from '../../nn/module';
import { checkState, isStateful, type State } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';
import { generatorState, loadGeneratorState } from './generator-state';
import { differencesOfModel, loadModelState, modelState } from './model-state';

const part = z.object({ name: z.string(), state: z.unknown() });
const schema = z.object({
  model: z.unknown(),
  optimizer: z.object({ name: z.string(), isKnown: z.boolean(), state: z.unknown() }),
  plugins: z.array(part),
  generators: z.unknown(),
});

/** @internal Everything that a strategy has learned and counted, by its parts; the tensors are those that it works with. */
export function strategyState(strategy: KeptStrategy): Record<string, State> {
  const { model, optimizer, plugins, step } = strategy;
  const { state, param_groups } = optimizer.liveStateDict();
  const byName = Object.fromEntries([...state].map(([name, of]) => [String(name), of]));
  return {
    model: modelState(model),
    optimizer: {
      name: optimizer.constructor.name,
      isKnown: step.knowsOptimizer(),
      state: { state: byName, param_groups },
    },
    plugins: plugins.map((plugin) => ({ name: pluginName(plugin), state: stateOfPlugin(plugin) })),
    generators: generatorState(strategy),
  };
}

function stateOfPlugin(plugin: Plugin): State {
  if (!isStateful(plugin)) return null;
  return callUserAtOnce('ERR_CHECKPOINT_STATE', `stateDict of ${pluginName(plugin)} failed`, () => plugin.stateDict());
}

/** Without what a strategy of the user's has added. */
function ownParts(given: unknown): unknown {
  if (typeof given !== 'object' || given === null) return given;
  return Object.fromEntries(Object.entries(given).filter(([name]) => name in schema.shape));
}

/** @internal Why a state is not one of this strategy, in words. @throws ERR_STATE_DICT where it is none at all */
export function differencesOfStrategy(strategy: KeptStrategy, given: unknown): string[] {
  const { model, optimizer, plugins } = checkState('the strategy', schema, ownParts(given));
  const ours = strategy.plugins.map(pluginName).join(', ');
  const theirs = plugins.map(({ name }) => name).join(', ');
  const ourOptimizer = strategy.optimizer.constructor.name;
  return [
    ...differencesOfModel(strategy.model, model),
    ...(optimizer.name === ourOptimizer ? [] : [`the optimizer is ${optimizer.name} in the checkpoint, ${ourOptimizer} in the strategy`]),
    ...(ours === theirs ? [] : [`the plugins are ${theirs} in the checkpoint, ${ours} in the strategy`]),
  ];
}

/** Parameters that modules have not any more, which made their parts anew for the state: the optimizer leaves them, too. */
function leaveGone({ model, optimizer: { handle, paramGroups } }: KeptStrategy, before: ReadonlyMap<string, Tensor>): void {
  const now = model.namedParameters();
  const isSame = (one: NativeTensor) => (other: Tensor) => native.tensorIsSame(one, other.handle);
  const gone = [...before].flatMap(([name, tensor]) => (now.has(name) || [...now.values()].some(isSame(tensor.handle)) ? [] : [tensor]));
  if (gone.length === 0) return;
  for (const i of paramGroups.keys()) handle.setGroupParameters(i, handle.groupParameters(i).filter(([, parameter]) => !gone.some(isSame(parameter))));
}

/** @internal Gives each part its state. @throws ERR_STATE_DICT, ERR_CHECKPOINT_MISMATCH, and what a plugin throws */
export function loadStrategyState(strategy: KeptStrategy, given: unknown): void {
  const { model, optimizer, plugins, generators } = checkState('the strategy', schema, given);
  const { step } = strategy;
  nativeModule(strategy.model);
  // The first time before the model grows, so that the optimizer sees which parameter a grown one replaces.
  if (optimizer.isKnown && !step.knowsOptimizer()) step.updateOptimizer(false, false);
  const before = strategy.model.namedParameters();
  loadModelState(strategy.model, model);
  nativeModule(strategy.model);
  if (optimizer.isKnown) step.updateOptimizer(false, false);
  leaveGone(strategy, before);
  strategy.optimizer.loadStateDict(optimizer.state);
  strategy.optimizer.isResumed = optimizer.isKnown;
  plugins.forEach(({ state }, i) => {
    const plugin = strategy.plugins[i];
    if (state !== null && isStateful(plugin)) {
      callUserAtOnce('ERR_HOOK', `loadStateDict of ${pluginName(plugin)} failed`, () => plugin.loadStateDict(state as State));
    }
  });
  loadGeneratorState(strategy, generators); // last: parts that have grown anew have drawn
}
