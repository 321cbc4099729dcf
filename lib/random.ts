import { native } from './native/binding';
import { parseArgument, seed as seedSchema } from './options';

/**
 * Seeds libtorch's default generators (CPU and CUDA), as `torch.manual_seed` does: initial weights, shuffles and dropout
 * are then the ones that PyTorch draws from the same seed.
 * @param seed an integer in [0, 2^32)
 */
export function manualSeed(seed: number): void {
  native.manualSeed(parseArgument('manualSeed', 'seed', seedSchema, seed));
}
