import type { Tensor } from '../tensor/tensor';
/** @internal */
export { returns, scriptModule } from './script';

import { Module, runLayer } from './module';
import { runsTorchScript } from './scripted-forwards';

/** A module in TorchScript that makes one tensor from one. */
export abstract class Layer extends Module {
  /** The output for an input, computed on the calling thread and recorded for backward. @throws ERR_BUSY, ERR_TORCH */
  override forward(input: Tensor): Tensor {
    return runLayer(this, input);
  }
}
runsTorchScript(Layer.prototype.forward);
