import { ContinualTorchError } from '../errors';
import { type AnyModule, nativeModule } from '../nn/module';

/** A part of a TorchScript model whose weights no training changes, and why. */
export interface UntrainablePart {
  /** Path of the module; "" is the outermost. */
  module: string;
  /** `frozen`: its weights are constants of the graph; `quantized`: it computes with integers, through which no gradient passes. */
  reason: 'frozen' | 'quantized';
}

/** @internal */
export function untrainableParts(model: AnyModule): UntrainablePart[] {
  const parts = nativeModule(model).untrainable();
  const isWithin = (part: UntrainablePart, other: UntrainablePart) =>
    other.reason === part.reason && other.module !== '' && part.module.startsWith(`${other.module}.`);
  return parts.filter((part) => !parts.some((other) => isWithin(part, other)));
}

const reasons = {
  frozen:
    'was frozen in Python (torch.jit.freeze, optimize_for_inference), its weights are constants of its graph: it predicts, but ' +
    'cannot be trained. For that save what it was made of, torch.jit.script(model).save("model.pt")',
  quantized:
    'was quantized in Python, no gradient passes through its integers: it predicts, but cannot be trained. For that save the ' +
    'model with its floats, torch.jit.script(model).save("model.pt"), and quantize what comes back',
} as const;

const shown = 5;

/** What is to be said of a model; null where it can be trained. */
function complaint(model: AnyModule): string | null {
  const parts = untrainableParts(model);
  const reason = parts[0]?.reason;
  if (reason === undefined) return null;
  const names = parts.filter((part) => part.reason === reason).map(({ module }) => `"${module}"`);
  const rest = model.parameters().length > 0 ? ' (the parameters that it has left are trained)' : '';
  const list = `${names.slice(0, shown).join(', ')}${names.length > shown ? ', ...' : ''}`;
  return `${names.includes('""') ? 'the model' : `the model (${list})`} ${reasons[reason]}${rest}`;
}

/** @internal Says, where a model comes in, that it is for predictions. */
export function warnOfUntrainable(operation: string, model: AnyModule): void {
  const text = complaint(model);
  if (text === null) return;
  process.emitWarning(`${operation}: ${text}.`, { type: 'ContinualTorchWarning', code: 'WARN_UNTRAINABLE' });
}

/** @internal @throws ERR_NO_PARAMETERS where nothing of a model can be trained */
export function refuseUntrainable(operation: string, model: AnyModule): void {
  const text = model.parameters().length === 0 ? complaint(model) : null;
  if (text === null) return;
  throw new ContinualTorchError('ERR_NO_PARAMETERS', `${operation}: expected a model with parameters, ${text}`);
}
