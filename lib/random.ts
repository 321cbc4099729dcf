import { native } from './native/binding';
import { parseArgument, seed as seedSchema } from './options';
import { ops } from './tensor/operators';
import type { Tensor } from './tensor/tensor';

/**
 * Seeds libtorch's default generators (CPU and CUDA), as `torch.manual_seed` does: initial weights, shuffles and dropout
 * are then the ones that PyTorch draws from the same seed.
 * @param seed an integer in [0, 2^32)
 */
export function manualSeed(seed: number): void {
  native.manualSeed(parseArgument('manualSeed', 'seed', seedSchema, seed));
}

/** The integers 0 to n - 1 in an order from libtorch's default generator, as `torch.randperm` draws it. */
export function randomPermutation(n: number): number[] {
  return (ops.aten.randperm!(n, { dtype: 'int64', device: 'cpu' }) as Tensor).toNumbers();
}
