// The small problem of test/fixtures/record_optim.py.
import { ops, type optim, type Tensor } from '../../lib/index';

type Recorded = (name: string) => Tensor;
const names = ['weight', 'sparse', 'kernel', 'scalar'];

/** Copies of the initial values, by name, in the recorded order or another. */
export function freshParameters(recorded: Recorded, order = names): Record<string, Tensor> {
  return Object.fromEntries(
    order.map((name) => [name, (ops.aten.clone!(recorded(`initial.${name}`)) as Tensor).requiresGrad_()]),
  );
}

/** Steps `from` to `to` with the recorded gradients, which reach parameters through a backward pass that copies them. */
export function trainOn(
  optimizer: optim.Optimizer,
  parameters: Record<string, Tensor>,
  recorded: Recorded,
  from: number,
  to: number,
): void {
  for (let t = from; t < to; t++) {
    optimizer.zeroGrad();
    for (const [name, parameter] of Object.entries(parameters)) {
      if (name === 'sparse' && t % 3 !== 0) continue;
      const gradient = ops.aten.select!(recorded(`gradients.${name}`), 0, t) as Tensor;
      (ops.aten.sum!(ops.aten.mul!(parameter, gradient)) as Tensor).backward();
    }
    optimizer.step();
  }
}

/** All values in the recorded order. */
export function flat(parameters: Record<string, Tensor>): Tensor {
  return ops.aten.detach!(ops.aten.cat!(names.map((name) => ops.aten.flatten!(parameters[name]) as Tensor))) as Tensor;
}
