import { native } from '../native/binding';

/** The tensors that JavaScript holds and has not disposed, and the bytes they refer to (shared memory counts for each). */
export function memory(): { numTensors: number; numBytes: number } {
  const { count, bytes } = native.liveTensors();
  return { numTensors: count, numBytes: bytes };
}
