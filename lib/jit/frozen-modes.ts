import { type AnyModule, nativeModule } from '../nn/module';

/** An operator that stays in one mode, whatever `train()` and `eval()` say, because the graph holds the mode as a constant. */
export interface FrozenMode {
  /** Path of the module that calls it; "" is the outermost. */
  module: string;
  /** `dropout`, `batch_norm`, ... */
  operator: string;
  /** The mode that it stays in. */
  mode: 'train' | 'eval';
}

/** @internal */
export function frozenModes(model: AnyModule): FrozenMode[] {
  return nativeModule(model).frozenModes();
}

const checked = new WeakSet<AnyModule>();

/** @internal `warnOfEvalMode` where a model is trained for the first time. */
export function warnOfEvalModeOnce(operation: string, model: AnyModule): void {
  if (checked.has(model)) return;
  checked.add(model);
  warnOfEvalMode(operation, model);
}

const shown = 5;

/** @internal Warns where operators of a model that is to be trained stay in eval mode. */
export function warnOfEvalMode(operation: string, model: AnyModule): void {
  const frozen = frozenModes(model).filter(({ mode }) => mode === 'eval');
  if (frozen.length === 0 || !model.parameters().some((parameter) => parameter.requiresGrad)) return;
  const names = frozen.slice(0, shown).map(({ module, operator }) => (module === '' ? operator : `${operator} in "${module}"`));
  if (frozen.length > shown) names.push(`${frozen.length - shown} more`);
  process.emitWarning(
    `${operation}: the model was traced in eval mode: ${names.join(', ')} will not change to train mode. To train it as in ` +
      'Python export it with torch.jit.script(model), or with torch.jit.trace in train mode. (Code that asks for eval mode, ' +
      'as F.dropout(x, training=False) does, looks the same.)',
    { type: 'ContinualTorchWarning', code: 'WARN_TRACED_IN_EVAL_MODE' },
  );
}
