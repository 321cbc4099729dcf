import { native } from './native/binding';
import { generatorSeed, instanceOf, parseArgument } from './options';
import { defaultGenerator } from './tensor/generator';
import { ops } from './tensor/operators';
import { Tensor } from './tensor/tensor';

/**
 * Seeds the default generators (CPU and CUDA) of this thread of JavaScript, as `torch.manual_seed` does: initial weights,
 * shuffles and dropout are then the ones that PyTorch draws from the same seed. While a strategy with a `generator` of its own
 * calls, it seeds that one.
 * @param seed an integer in [-2^63, 2^64)
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE
 */
export function manualSeed(seed: number | bigint): void {
  const value = BigInt(parseArgument('manualSeed', 'seed', generatorSeed, seed));
  native.manualSeed(BigInt.asUintN(64, value));
}

/** Seeds as `manualSeed` does, with a number that nobody can foresee, and returns it (`torch.seed`). */
export function seed(): bigint {
  const value = defaultGenerator().seed();
  manualSeed(value);
  return value;
}

/** The seed that the default generator of the CPU got last (`torch.initial_seed`); at first one that nobody can foresee. */
export function initialSeed(): bigint {
  return defaultGenerator().initialSeed();
}

/**
 * A copy of the state of the CPU's default generator, uint8 `[5056]` (`torch.get_rng_state`). PyTorch draws on from it, and
 * this package from one of PyTorch's.
 */
export function getRngState(): Tensor {
  return defaultGenerator().getState();
}

/**
 * Has the CPU's default generator draw on from a state of `getRngState` (`torch.set_rng_state`).
 * @throws ERR_INVALID_ARG_TYPE; ERR_TORCH for a tensor that is no state
 */
export function setRngState(state: Tensor): void {
  defaultGenerator().setState(parseArgument('setRngState', 'state', instanceOf(Tensor, 'a Tensor'), state));
}

/** The integers 0 to n - 1 in an order from the default generator, as `torch.randperm` draws it. */
export function randomPermutation(n: number): number[] {
  return (ops.aten.randperm!(n, { dtype: 'int64', device: 'cpu' }) as Tensor).toNumbers();
}
