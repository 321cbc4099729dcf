import { native } from '../native/binding';

/** What `memory` counts. */
export interface MemoryCount {
  /** Tensors that JavaScript holds. */
  numTensors: number;
  /** The bytes that they refer to. */
  numBytes: number;
}

/**
 * The tensors that JavaScript holds and has not disposed, and the bytes of memory under them: once for all tensors on the
 * same memory, none for memory that is a SharedArrayBuffer's or a mapped file's.
 */
export function memory(): MemoryCount {
  const { count, bytes } = native.liveTensors();
  return { numTensors: count, numBytes: bytes };
}
