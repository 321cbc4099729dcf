import { ContinualTorchError, describeValue } from '../errors';
import { job, native } from '../native/binding';
import { Module } from '../nn/module';
import { requirePath, writeAside } from '../write-aside';

/** A TorchScript model from a file. */
export class ScriptModule extends Module {}

/**
 * Loads a TorchScript file (written by `torch.jit.save` in Python or by `jit.save` here) onto the CPU. The file is read
 * on the compute thread. As in PyTorch, damage inside the weights of a file that is otherwise whole is not noticed.
 * @throws ERR_MODEL_FILE_NOT_FOUND, ERR_MODEL_FILE_READ, ERR_MODEL_FILE_EMPTY, ERR_MODEL_FILE_FORMAT, and
 * ERR_MODEL_FILE_PICKLE for a file of `torch.save`, with how to export TorchScript instead
 */
export async function load(path: string): Promise<ScriptModule> {
  requirePath('jit.load', path);
  return new ScriptModule(await job(native.jitLoad(path)));
}

/**
 * Writes a model as TorchScript: `torch.jit.load` in Python opens it. Written aside and renamed, so that a file which was
 * there is replaced whole or not at all.
 * @throws ERR_MODEL_SAVE
 */
export async function save(model: Module, path: string): Promise<void> {
  requirePath('jit.save', path);
  if (!(model instanceof Module)) {
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `jit.save: expected a Module, got ${describeValue(model)}`);
  }
  await writeAside('jit.save', path, 'ERR_MODEL_SAVE', (aside) => job(model.handle.save(aside)));
}
