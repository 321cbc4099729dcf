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
  linalg: namespaceOf(torchFunctions, 'linalg'),
  fft: namespaceOf(torchFunctions, 'fft'),
  special: namespaceOf(torchFunctions, 'special'),
  /** Of a tensor: the operator. Of bounds: an index, as Python's `slice`. */
  slice: ((...args: Parameters<typeof slice>) =>
    (args[0] as unknown) instanceof Tensor
      ? (torchFunctions.slice as (...given: unknown[]) => Tensor)(...args)
      : slice(...args)) as typeof slice & TorchFunctions['slice'],
  ops,
  Tensor,
  Complex,
  Generator,
  tensor,
  asTensor,
  manualSeed,
  seed,
  initialSeed,
  getRngState,
  setRngState,
  /**
   * What operators on the CPU draw from that are given no generator: one of this thread of JavaScript, and in what a strategy
   * with a `generator` calls that one.
   */
  get defaultGenerator(): Generator {
    return defaultGenerator();
  },
  autograd,
  amp,
  autocast: amp.autocast,
  isAutocastEnabled: amp.isAutocastEnabled,
  noGrad,
  enableGrad,
  isGradEnabled,
  tidy,
  keep,
  memory,
  load,
  save,
  getDefaultDevice,
  setDefaultDevice,
  getNumThreads,
  setNumThreads,
  getNumInteropThreads,
  setNumInteropThreads,
  /** The version of the libtorch in use, `"2.13.0"` for example. */
  version: native.torchVersion,
};
