import { libraryFault } from './libtorch-folder';
import type { Machine } from './machine';
import { tryInChild } from './trial';

/** What registers CUDA with libtorch, in the order of loading. */
export const cudaLibraryNames = ['c10_cuda', 'torch_cuda'];

/** NVIDIA's driver, as the system finds it. */
export const driverLibrary = ({ platform }: Pick<Machine, 'platform'>): string =>
  platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1';

/** What the opener offers: shared libraries by path, and a look at NVIDIA's driver. */
export interface Opener {
  open(path: string): void;
  cudaDriver(path: string): CudaDriver;
}

/** NVIDIA's driver. */
export interface CudaDriver {
  /** The newest CUDA that it serves: 12040 for 12.4. */
  version: number;
  devices: { name: string; capability: string }[];
  /** Why it has no device, in its own words; null: it has some. */
  problem: string | null;
}

/**
 * Loads what registers CUDA with libtorch. Without a driver none of it is of use, and loading it takes a while.
 * @returns why there is no CUDA, or null
 */
export function openCudaLibraries(
  loaded: Opener,
  { opener, libraries, cudaLibraries }: { opener: string; libraries: string[]; cudaLibraries: string[] },
  machine: Machine,
): string | null {
  if (cudaLibraries.length === 0) return 'this libtorch is a CPU build';
  const driver = driverLibrary(machine);
  try {
    loaded.open(driver);
  } catch (error) {
    return `no NVIDIA driver was found: ${(error as Error).message}`;
  }
  const why =
    cudaLibraries.map((library) => faultOf(library, machine)).find((fault) => fault !== null) ??
    tryInChild({ opener, libraries: [...libraries, driver, ...cudaLibraries], addon: null }, machine);
  if (why !== null) return `libtorch's CUDA libraries cannot be loaded: ${why}`;
  try {
    for (const library of cudaLibraries) loaded.open(library);
    return null;
  } catch (error) {
    return `libtorch's CUDA libraries cannot be loaded: ${(error as Error).message}`;
  }
}

function faultOf(library: string, machine: Machine): string | null {
  const fault = libraryFault(library, machine);
  return fault === null ? null : `${library} ${fault}`;
}
