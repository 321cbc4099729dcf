import { native } from './native/binding';
import { generatorSeed, parseArgument } from './options';
import { ops } from './tensor/operators';
import type { Tensor } from './tensor/tensor';

/**
 * Seeds libtorch's default generators (CPU and CUDA), as `torch.manual_seed` does: initial weights, shuffles and dropout
 * are then the ones that PyTorch draws from the same seed.
 * @param seed an integer in [-2^63, 2^64)
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function manualSeed(seed: number | bigint): void {
  const value = BigInt(parseArgument('manualSeed', 'seed', generatorSeed, seed));
  native.manualSeed(BigInt.asUintN(64, value));
}

/** The integers 0 to n - 1 in an order from libtorch's default generator, as `torch.randperm` draws it. */
export function randomPermutation(n: number): number[] {
  return (ops.aten.randperm!(n, { dtype: 'int64', device: 'cpu' }) as Tensor).toNumbers();
}
