import { z } from 'zod';
import { native } from './native/binding';
import { parseArgument } from './options';

const expected = 'an integer from 1 to 1024';
const threadCount = z.int(expected).min(1, expected).max(1024, expected);

/**
 * Sets how many threads an operator may run on (`torch.set_num_threads`). May be called at any time: operators called from
 * now on run on so many, and so does what this thread of JavaScript has its compute thread do from the next job on; a
 * training under way is some 20 ms from its next job. Workers that load the package later begin with this number, those that
 * have loaded it keep theirs. Results may differ in their last digits between one number and another.
 * @param threads an integer from 1 to 1024
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE, also where the system does not let this process start so many
 */
export function setNumThreads(threads: number): void {
  native.setNumThreads(parseArgument('setNumThreads', 'threads', threadCount, threads));
}

/**
 * How many threads an operator may run on (`torch.get_num_threads`): what `setNumThreads` set, else libtorch's default, one
 * for each physical core that the process may use, or `MKL_NUM_THREADS` or `OMP_NUM_THREADS` if that is less.
 */
export function getNumThreads(): number {
  return native.getNumThreads();
}

/**
 * Sets how many threads run what TorchScript's `torch.jit.fork` starts (`torch.set_num_interop_threads`): once in a process,
 * before the first such call.
 * @param threads an integer from 1 to 1024
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE, also where the system does not let this process start so many;
 *   ERR_CALL_ORDER the second time, and after the first fork
 */
export function setNumInteropThreads(threads: number): void {
  native.setNumInteropThreads(parseArgument('setNumInteropThreads', 'threads', threadCount, threads));
}

/** How many threads run what TorchScript forks (`torch.get_num_interop_threads`). Default: one for each physical core. */
export function getNumInteropThreads(): number {
  return native.getNumInteropThreads();
}
