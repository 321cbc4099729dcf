import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import { hasExtraState } from '../../nn/extra-state';
import { type AnyModule, nativeModule, stateOf } from '../../nn/module';
import { Parameter } from '../../nn/parameter';
import { checkState, type State } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';

const tensors = z.record(z.string(), z.instanceof(Tensor, { error: 'a Tensor' }));
const schema = z.object({
  tensors,
  requiresGrad: z.record(z.string(), z.boolean()),
  modes: z.record(z.string(), z.boolean()),
  extra: z.record(z.string(), z.unknown()),
});
type ModelState = z.output<typeof schema>;

/** Parameters and buffers, those that no state dict has among them, train or eval mode, and what else changes as it learns. */
export function modelState(model: AnyModule): State {
  const all = nativeModule(model).state(true);
  const extra = [...model.namedModules()].flatMap(([path, module]): [string, State][] =>
    hasExtraState(module) ? [[path, callUserAtOnce('ERR_CALLBACK', 'getExtraState failed', () => module.getExtraState())]] : [],
  );
  return {
    tensors: Object.fromEntries(all.map(([name, tensor]) => [name, new Tensor(tensor)])),
    requiresGrad: Object.fromEntries(all.flatMap(([name, tensor, isBuffer]) => (isBuffer ? [] : [[name, new Tensor(tensor).requiresGrad]]))),
    modes: nativeModule(model).modes(),
    extra: Object.fromEntries(extra),
  };
}

/** What is different in a model that the state is not of, in words; modules that grow may have other shapes, and more of them. */
export function differencesOfModel(model: AnyModule, state: unknown): string[] {
  const given = checkState('the model', schema, state).tensors;
  const own = new Map(nativeModule(model).state(true).map(([name, tensor]) => [name, new Tensor(tensor)]));
  const mayGrow = growing(model);
  const describe = ({ dtype, shape }: Tensor) => `${dtype} [${shape.join(', ')}]`;
  return [...new Set([...own.keys(), ...Object.keys(given)])].flatMap((name) => {
    const [ours, theirs] = [own.get(name), given[name]];
    if (!ours) return mayGrow(name) ? [] : [`"${name}" is in the checkpoint alone`];
    if (!theirs) return mayGrow(name) ? [] : [`"${name}" is in the model alone`];
    const isSame = ours.dtype === theirs.dtype && (ours.shape.join() === theirs.shape.join() || mayGrow(name));
    return isSame ? [] : [`"${name}" is ${describe(theirs)} in the checkpoint, ${describe(ours)} in the model`];
  });
}

/** Whether the tensor of a name belongs to a module that may change its parts as it learns, or to one inside such. */
function growing(model: AnyModule): (name: string) => boolean {
  const adapts = (module: AnyModule) => typeof (module as { adaptation?: unknown }).adaptation === 'function';
  const dynamic = [...model.namedModules()].filter(([, module]) => adapts(module) || hasExtraState(module));
  return (name) => dynamic.some(([path]) => path === '' || name.startsWith(`${path}.`));
}

/**
 * Gives a model the state that it had, grown heads among it.
 * @param mayHaveMore whether parts that the state does not have may stay as they are: it is of an earlier time
 * @throws ERR_CHECKPOINT_MISMATCH where a module that grows cannot have these parts
 */
export function loadModelState(model: AnyModule, state: unknown, mayHaveMore = false): void {
  const { tensors: given, requiresGrad, modes, extra } = checkState('the model', schema, state);
  grow(model, given, extra);
  const own = nativeModule(model).state(true);
  const unknown = Object.keys(given).filter((name) => !own.some(([ours]) => ours === name));
  const missing = mayHaveMore ? [] : own.map(([name]) => name).filter((name) => !(name in given));
  if (unknown.length + missing.length > 0) {
    const quoted = (names: string[]) => names.map((name) => `"${name}"`).join(', ');
    throw new ContinualTorchError(
      'ERR_CHECKPOINT_MISMATCH',
      `load: the model has grown otherwise than the one in the checkpoint: ${[
        unknown.length > 0 && `it lacks ${quoted(unknown)}`,
        missing.length > 0 && `it has ${quoted(missing)} besides`,
      ]
        .filter(Boolean)
        .join(', and ')}; a module of yours that changes its parts says how by getExtraState and setExtraState`,
    );
  }
  noGrad(() => {
    for (const [name, handle, isBuffer] of own) {
      if (!(name in given)) continue;
      const tensor = new Tensor(handle);
      ops.aten.copy_!(tensor, given[name]);
      if (!isBuffer && name in requiresGrad) tensor.requiresGrad_(requiresGrad[name]);
    }
  });
  nativeModule(model).setModes(modes);
}

/** Makes parts and shapes those of the checkpoint. */
function grow(model: AnyModule, given: ModelState['tensors'], extra: ModelState['extra']): void {
  for (const [path, state] of Object.entries(extra)) {
    const module = model.namedModules().get(path);
    if (module && hasExtraState(module)) {
      callUserAtOnce('ERR_CALLBACK', 'setExtraState failed', () => module.setExtraState(state as State));
    }
  }
  const modules = model.namedModules();
  for (const [name, handle, isBuffer] of nativeModule(model).state(true)) {
    const theirs = given[name];
    const ours = new Tensor(handle);
    if (!theirs || theirs.shape.join() === ours.shape.join()) continue;
    const dot = name.lastIndexOf('.');
    const owner = modules.get(name.slice(0, Math.max(dot, 0)));
    if (!owner) continue;
    const fresh = ops.aten.zeros!(theirs.shape, { dtype: ours.dtype, device: ours.device }) as Tensor;
    const part = name.slice(dot + 1);
    if (isBuffer) owner.registerBuffer(part, fresh, { persistent: stateOf(owner).buffers.get(part) ?? true });
    else owner.registerParameter(part, new Parameter(fresh, { requiresGrad: ours.requiresGrad }));
  }
}
