import { rename, rm } from 'node:fs/promises';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { job, native } from '../native/binding';
import { Module } from '../nn/module';
import { fromNative, type ScriptValue, toNative } from '../nn/script-value';
import { parseArgument } from '../options';

/** A TorchScript model from a file. */
export class ScriptModule extends Module {
  /** The methods of the outermost module. */
  get methodNames(): string[] {
    return this.handle.methodNames();
  }

  /**
   * Calls any method as `forward` is called; inputs and result are of the same kinds.
   * @throws ERR_INVALID_ARG_VALUE for an unknown method; ERR_INVALID_ARG_TYPE with the method's signature where the inputs
   * do not fit; ERR_BUSY, ERR_TORCH
   */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the model, not TypeScript, knows what comes back
  call(method: string, ...inputs: ScriptValue[]): any {
    return fromNative(this.handle.call(parseArgument('call', 'method', z.string('a name'), method), inputs.map(toNative)));
  }
}

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

/** Two saves at a time must not write to one file. */
let saves = 0;

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
  const aside = `${path}.partial-${process.pid}-${++saves}`;
  if (!model.isScripted) {
    throw new ContinualTorchError(
      'ERR_MODEL_SAVE',
      `jit.save: expected a model whose forward is TorchScript, got ${model.constructor.name || 'a Module'}, whose forward, or that of a module in it, is JavaScript: ` +
        'save `await jit.trace(model, exampleInput)`, or hand over its state dict',
    );
  }
  try {
    await job(model.handle.save(aside));
    await rename(aside, path);
  } catch (error) {
    await rm(aside, { force: true }).catch(() => undefined); // What failed first is what counts.
    if (error instanceof ContinualTorchError) throw error;
    const reason = (error as Error).message;
    throw new ContinualTorchError('ERR_MODEL_SAVE', `jit.save: cannot write "${path}": ${reason}`, { cause: error });
  }
}

function requirePath(operation: string, path: unknown): void {
  if (typeof path === 'string' && path !== '' && !path.includes('\0')) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected path to be a file name, got ${describeValue(path)}`,
  );
}
