import * as amp from './amp/index';
import { native } from './native/binding';
import { getRngState, initialSeed, manualSeed, seed, setRngState } from './random';
import * as autograd from './tensor/autograd';
import { Complex } from './tensor/complex';
import { asTensor, tensor } from './tensor/creation';
import { getDefaultDevice, setDefaultDevice } from './tensor/default-device';
import { defaultGenerator, Generator } from './tensor/generator';
import { enableGrad, isGradEnabled, noGrad } from './tensor/grad-mode';
import { slice } from './tensor/indexing';
import { memory } from './tensor/memory';
import { namespaceOf } from './tensor/namespaces';
import { ops, torchFunctions } from './tensor/operators';
import type { TorchFunctions } from './tensor/operators.generated';
import { Tensor } from './tensor/tensor';
import { keep, tidy } from './tensor/tidy';
import { getNumInteropThreads, getNumThreads, setNumInteropThreads, setNumThreads } from './threads';
import { load, save } from './weights/torch-file';

/**
 * PyTorch's module of functions: every ATen operator under its name in camelCase (`torch.addmm`, `torch.maskedFill`; see
 * `TorchFunctions`), `torch.linalg`, `torch.fft` and `torch.special`, and what makes and handles tensors.
 *
 *     torch.randn([2, 3]).matmul(torch.ones([3, 4])).sum([1], { keepdim: true })
 */
export const torch = {
  ...torchFunctions,
  /** Linear algebra: `torch.linalg.norm` is `torch.linalgNorm`. */
  linalg: namespaceOf(torchFunctions, 'linalg'),
  /** Fourier transforms. */
  fft: namespaceOf(torchFunctions, 'fft'),
  /** Special functions. */
  special: namespaceOf(torchFunctions, 'special'),
  /** Of a tensor: the operator. Of bounds: an index, as Python's `slice`. */
  slice: ((...args: Parameters<typeof slice>) =>
    (args[0] as unknown) instanceof Tensor
      ? (torchFunctions.slice as (...given: unknown[]) => Tensor)(...args)
      : slice(...args)) as typeof slice & TorchFunctions['slice'],
  /** Operators by ATen's names: {@link ops}. */
  ops,
  /** {@link Tensor}. */
  Tensor,
  /** {@link Complex}. */
  Complex,
  /** {@link Generator}. */
  Generator,
  /** {@link tensor}: of numbers. */
  tensor,
  /** {@link asTensor}: of numbers, without a copy where that can be. */
  asTensor,
  /** {@link manualSeed}: seeds the default generator. */
  manualSeed,
  /** Seeds the default generator from the system, and returns the seed. */
  seed,
  /** The seed of the default generator. */
  initialSeed,
  /** The state of the default generator. */
  getRngState,
  /** Puts the default generator in a state of `getRngState`. */
  setRngState,
  /**
   * What operators on the CPU draw from that are given no generator: one of this thread of JavaScript, and in what a strategy
   * with a `generator` calls that one.
   */
  get defaultGenerator(): Generator {
    return defaultGenerator();
  },
  /** {@link autograd}. */
  autograd,
  /** {@link amp}. */
  amp,
  /** {@link autocast}. */
  autocast: amp.autocast,
  /** {@link isAutocastEnabled}. */
  isAutocastEnabled: amp.isAutocastEnabled,
  /** {@link noGrad}. */
  noGrad,
  /** {@link enableGrad}. */
  enableGrad,
  /** {@link isGradEnabled}. */
  isGradEnabled,
  /** {@link tidy}. */
  tidy,
  /** {@link keep}. */
  keep,
  /** {@link memory}. */
  memory,
  /** Reads a file of `torch.save`. */
  load,
  /** Writes a file that `torch.load` reads, here and in Python. */
  save,
  /** {@link getDefaultDevice}. */
  getDefaultDevice,
  /** {@link setDefaultDevice}. */
  setDefaultDevice,
  /** {@link getNumThreads}. */
  getNumThreads,
  /** {@link setNumThreads}. */
  setNumThreads,
  /** {@link getNumInteropThreads}. */
  getNumInteropThreads,
  /** {@link setNumInteropThreads}. */
  setNumInteropThreads,
  /** The version of the libtorch in use, `"2.13.0"` for example. */
  version: native.torchVersion,
};
