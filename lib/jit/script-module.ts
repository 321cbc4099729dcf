import { z } from 'zod';
import { Module } from '../nn/module';
import { fromNative, type ScriptValue, toNative } from '../nn/script-value';
import { parseArgument } from '../options';
import { type FrozenMode, frozenModes } from './frozen-modes';

/** A TorchScript model: of `jit.load` or `jit.trace`. */
export class ScriptModule extends Module {
  /** The methods of the outermost module. */
  get methodNames(): string[] {
    return this.handle.methodNames();
  }

  /**
   * Operators that `train()` and `eval()` do not reach: `torch.jit.trace` writes the mode in which it is called into the
   * graph, as a constant. `jit.load` warns of those that stay in eval mode (code WARN_TRACED_IN_EVAL_MODE) if there is a
   * parameter to train. Attention that was traced in eval mode does not stand here: its graph is that of attention without
   * dropout.
   */
  get frozenModes(): FrozenMode[] {
    return frozenModes(this);
  }

  /** `forward` as the source that it would be written with. */
  get code(): string {
    return this.handle.code();
  }

  /** The graph of `forward`, in TorchScript's notation. */
  get graph(): string {
    return this.handle.graph();
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
