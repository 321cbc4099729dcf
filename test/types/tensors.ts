// Read by the type checker alone: what elements may be used as.
import { Complex, tensor, type NestedElements, type Tensor, type TensorElement } from '../../lib/index';

const x: Tensor = tensor([[1, 2], [3, 4]]); // prettier-ignore

export const numbers: number[] = [x.sum().item() * 2, Math.max(x.max().item(), 0), ...x.toNumbers()];
export const others: [boolean, bigint, Complex, TensorElement] = [
  x.gt(1).any().item<boolean>(),
  x.long().sum().item<bigint>(),
  tensor([new Complex(1, 2)]).item<Complex>(),
  x.sum().item<TensorElement>(),
];
export const rows: number[][] = x.toArray<number[][]>();
export const nested: NestedElements = x.toArray();

/** Never called. */
export function refused(): void {
  // @ts-expect-error a number, unless another type is named
  const isThere: boolean = x.gt(1).any().item();
  // @ts-expect-error no text comes out of a tensor
  x.sum().item<string>();
  // @ts-expect-error nobody has said how it is nested
  x.toArray()[0]![1]!.toFixed(2);
  // @ts-expect-error nor that it is
  const flat: number[] = x.toArray();
  // @ts-expect-error no texts come out of a tensor
  x.toArray<string[]>();
  // @ts-expect-error there is no such method
  x.sum().items();
  return void [isThere, flat];
}
