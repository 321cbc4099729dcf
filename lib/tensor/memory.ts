import { native } from '../native/binding';

/**
 * The tensors that JavaScript holds and has not disposed, and the bytes of memory under them: once for all tensors on the
 * same memory, none for memory that is a SharedArrayBuffer's or a mapped file's.
 */
export function memory(): { numTensors: number; numBytes: number } {
  const { count, bytes } = native.liveTensors();
  return { numTensors: count, numBytes: bytes };
}
