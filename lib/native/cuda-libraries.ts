import type { Machine } from './machine';

/** NVIDIA's driver, as the system finds it. */
export const driverLibrary = ({ platform }: Pick<Machine, 'platform'>): string =>
  platform === 'win32' ? 'nvcuda.dll' : 'libcuda.so.1';

/** What the opener offers: shared libraries by path, and a look at NVIDIA's driver. */
export interface Opener {
  open(path: string): void;
  cudaDriver(path: string): { version: number; devices: { name: string; capability: string }[] };
}

/**
 * Loads what registers CUDA with libtorch. Without a driver none of it is of use, and loading it takes seconds.
 * @returns why there is no CUDA, or null
 */
export function openCudaLibraries(opener: Opener, libraries: string[], machine: Machine): string | null {
  if (libraries.length === 0) return 'this libtorch is a CPU build';
  try {
    opener.open(driverLibrary(machine));
  } catch (error) {
    return `no NVIDIA driver was found: ${(error as Error).message}`;
  }
  try {
    for (const library of libraries) opener.open(library);
    return null;
  } catch (error) {
    return `libtorch's CUDA libraries cannot be loaded: ${(error as Error).message}`;
  }
}
