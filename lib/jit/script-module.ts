import { z } from 'zod';
import type { NativeModule } from '../native/types';
import { Module, nativeModule } from '../nn/module';
import { loadedModule } from '../nn/script';
import { fromNative, type ScriptValue, toNative } from '../nn/script-value';
import { parseArgument } from '../options';
import type { Tensor } from '../tensor/tensor';
import { type FrozenMode, frozenModes } from './frozen-modes';
import { type UntrainablePart, untrainableParts } from './untrainable';

/**
 * A TorchScript model: of `jit.load` or `jit.trace`. `Output` is what its forward returns, one tensor unless you say other.
 * Its parameters can be replaced, its modules cannot: the TorchScript is compiled for them.
 */
export class ScriptModule<Output = Tensor> extends Module<Output> {
  /** @internal */
  constructor(module: NativeModule) {
    super(loadedModule(module));
  }

  /** The methods of the outermost module. */
  get methodNames(): string[] {
    return nativeModule(this).methodNames();
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

  /**
   * Modules whose weights no training changes: those of a model that was frozen or quantized in Python. `jit.load` warns of
   * them (code WARN_UNTRAINABLE).
   */
  get untrainableParts(): UntrainablePart[] {
    return untrainableParts(this);
  }

  /** `forward` as the source that it would be written with. */
  get code(): string {
    return nativeModule(this).code();
  }

  /** The graph of `forward`, in TorchScript's notation. */
  get graph(): string {
    return nativeModule(this).graph();
  }

  /**
   * Calls any method as `forward` is called; inputs and result are of the same kinds. `Result` is what it returns, one tensor
   * unless you say other.
   * @throws ERR_INVALID_ARG_VALUE for an unknown method; ERR_INVALID_ARG_TYPE with the method's signature where the inputs
   * do not fit; ERR_BUSY, ERR_TORCH
   */
  call<Result = Tensor>(method: string, ...inputs: ScriptValue[]): Result {
    const name = parseArgument('call', 'method', z.string('a name'), method);
    return fromNative(nativeModule(this).call(name, inputs.map(toNative))) as Result;
  }
}
