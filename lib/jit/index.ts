import { z } from 'zod';
import { atDoor, type Door } from '../data/file-kind';
import { ContinualTorchError, describeValue } from '../errors';
import { job, native } from '../native/binding';
import { type AnyModule, isScripted, Module, nativeModule, stateOf } from '../nn/module';
import type { NativeModule } from '../native/types';
import { deviceName, parseOptions } from '../options';
import { requirePath, writeAside } from '../write-aside';
import { getDefaultDevice } from '../tensor/default-device';
import type { Tensor } from '../tensor/tensor';
import { warnOfEvalMode } from './frozen-modes';
import { ScriptModule } from './script-module';
import { warnOfUntrainable } from './untrainable';

export type { FrozenMode } from './frozen-modes';
export { ScriptModule } from './script-module';
export type { UntrainablePart } from './untrainable';

/** Options of `jit.load`. */
export interface LoadOptions {
  /** Where parameters and buffers go: `"cpu"`, `"cuda"`, `"cuda:N"`; default: the default device. */
  device?: string;
}

const door: Door = {
  operation: 'jit.load',
  expected: 'a TorchScript file',
  opens: ['torchScript', 'lite', 'empty'],
  besideWeights: '; a model with its code is saved in Python with torch.jit.script(model).save("model.pt")',
  codes: ['ERR_MODEL_FILE_FORMAT', 'ERR_MODEL_FILE_PICKLE'],
};

const loadSchema = z.object({ device: deviceName.default(getDefaultDevice) });

/**
 * Loads TorchScript (`torch.jit.load`): what `torch.jit.save` wrote in Python, or `jit.save` here. It is read on the compute
 * thread. The archive is checked before libtorch reads it, checksums included, so that a damaged file is refused; but a
 * TorchScript file is code, which no check makes harmless: load only what comes from people you trust.
 * @param source a file name, or the bytes of a file
 * @throws ERR_MODEL_FILE_NOT_FOUND, ERR_MODEL_FILE_READ, ERR_MODEL_FILE_EMPTY, ERR_MODEL_FILE_FORMAT, and
 * ERR_MODEL_FILE_PICKLE for a file of `torch.save`; of another kind of file the message says what opens it; ERR_DEVICE; ERR_INVALID_ARG_TYPE,
 * ERR_UNKNOWN_OPTION
 */
export async function load<Output = Tensor>(
  source: string | Uint8Array | ArrayBuffer,
  options?: LoadOptions,
): Promise<ScriptModule<Output>> {
  const { device } = parseOptions('jit.load', loadSchema, options);
  const bytes = source instanceof ArrayBuffer ? new Uint8Array(source) : source;
  if (!(bytes instanceof Uint8Array)) requirePath('jit.load', bytes, ' or the bytes of a file');
  const loading = job(native.jitLoad(bytes, device)).catch(async (error: unknown) => {
    throw await atDoor(door, error, bytes);
  });
  const model = new ScriptModule<Output>(await loading);
  warnOfEvalMode('jit.load', model);
  warnOfUntrainable('jit.load', model);
  return model;
}

export { trace, type TraceInput } from './trace';

/**
 * Writes a model as TorchScript: `torch.jit.load` in Python opens it. Written aside and renamed, so that a file which was
 * there is replaced whole or not at all.
 * @throws ERR_MODEL_SAVE, ERR_BUSY, ERR_INVALID_ARG_TYPE
 */
export async function save(model: AnyModule, path: string): Promise<void> {
  requirePath('jit.save', path);
  const native = requireScripted('jit.save', model);
  await writeAside('jit.save', path, 'ERR_MODEL_SAVE', (aside) => job(native.save(aside)));
}

/** What `jit.save` would write, as bytes. @throws ERR_MODEL_SAVE, ERR_BUSY, ERR_INVALID_ARG_TYPE */
export async function saveToBuffer(model: AnyModule): Promise<Buffer> {
  return job(requireScripted('jit.saveToBuffer', model).saved());
}

function requireScripted(operation: string, model: unknown): NativeModule {
  if (!(model instanceof Module)) {
    const advice = model instanceof Map ? ': torch.save and saveSafetensors write tensors by name' : '';
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `${operation}: expected a Module, got ${describeValue(model)}${advice}`);
  }
  const circle = stateOf(model).circle();
  if (circle !== null) {
    throw new ContinualTorchError(
      'ERR_MODEL_SAVE',
      `${operation}: expected modules in a tree, which TorchScript is, got ${circle}, which is inside itself: hand over its state dict`,
    );
  }
  if (isScripted(model)) return nativeModule(model);
  throw new ContinualTorchError(
    'ERR_MODEL_SAVE',
    `${operation}: expected a model whose forward is TorchScript, got ${model.constructor.name || 'a Module'}, whose forward, or that of a module in it, is JavaScript: ` +
      'save `jit.trace(model, exampleInput)`, or hand over its state dict',
  );
}
