/** Output layers with a unit for each class, and which of them have been trained. */
import { ContinualTorchError } from '../errors';
import type { DType } from '../native/types';
import { tensor } from '../tensor/creation';
import { noGrad } from '../tensor/grad-mode';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';

const zeros = (units: number, like: { dtype: DType; device: string }) =>
  ops.aten.zeros!([units], { dtype: like.dtype, device: like.device }) as Tensor;

/** @internal No unit of an output layer with this weight has been trained: int8 [units]. */
export const noUnits = (weight: Tensor): Tensor => zeros(weight.size(0), { dtype: 'int8', device: weight.device });

/** @internal `fresh`, with the rows of `old` first; on its device and in its dtype. */
export function withFirstRows(fresh: Tensor, old: Tensor): Tensor {
  return noGrad(() => {
    const result = fresh.detach().to({ device: old.device, dtype: old.dtype });
    result.narrow(0, 0, old.size(0)).copy_(old);
    return result;
  });
}

/** @internal A buffer of active units with room for `units`; itself where it has that. @throws ERR_MODEL_ADAPTATION */
export function grown(name: string, active: Tensor, units: number): Tensor {
  if (active.shape.length !== 1 || active.size(0) > units) {
    throw new ContinualTorchError(
      'ERR_MODEL_ADAPTATION',
      `adaptation: expected "${name}" of at most ${units} units, as the layer has them, got shape [${active.shape.join(', ')}]`,
    );
  }
  if (active.size(0) === units) return active;
  return withFirstRows(zeros(units, active), active);
}

/** @internal Sets the units of these classes to 1. */
export function activate(active: Tensor, classes: readonly number[]): void {
  noGrad(() => active.indexFill_(0, tensor([...classes], { dtype: 'int64', device: active.device }), 1));
}
