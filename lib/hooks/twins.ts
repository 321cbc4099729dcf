import { ContinualTorchError, describeValue } from '../errors';
import type { Phase } from '../phase';
import type { Strategy } from './strategy';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- methods of all classes and signatures
type Method = (...args: any[]) => unknown;

type Twin<Owner> = { twin(owner: Owner, strategy: Strategy): Phase | null | undefined }['twin'];

const twins = new WeakMap<Method, Twin<never>>();
const deferred = new WeakSet<Method>();

/**
 * Gives a method of a plugin (or of a strategy, criterion or optimizer) its native twin: a phase that C++ runs on the compute
 * thread with the same effect. Where nobody overrides the method, the twin runs in its place, joined with the phases around it:
 * a hook with a twin costs training nothing. An override, being another function, has none and is called.
 *
 *     hasNativeTwin<MyPlugin>(MyPlugin.prototype.beforeBackward, (plugin, strategy) => plugin.penalty.phase);
 *
 * @param method the function that the prototype has
 * @param twin is asked at the beginning of a job, and may be written for a strategy of your own, as a hook: the phase; null where a hook has nothing to do at present; undefined where the
 * method itself must be called
 * @throws ERR_INVALID_ARG_TYPE
 */
export function hasNativeTwin<Owner>(
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- methods of all classes and signatures
  method: (...args: any[]) => unknown,
  twin: { twin(owner: Owner, strategy: Strategy): Phase | null | undefined }['twin'],
): void {
  for (const [name, value] of Object.entries({ method, twin })) {
    if (typeof value === 'function') continue;
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `hasNativeTwin: expected ${name} to be a function, got ${describeValue(value)}`);
  }
  twins.set(method, twin);
}

/** The phase that may run in place of `method`. */
export function nativeTwin(method: Method, owner: object, strategy: Strategy): Phase | null | undefined {
  return twins.get(method)?.(owner as never, strategy);
}

/** Marks a hook that nobody else can tell from having run later: it may be called n times behind n joined iterations. */
export function mayRunLater(method: Method): void {
  deferred.add(method);
}

/** Whether `mayRunLater` was said of `method`. */
export function isDeferred(method: Method): boolean {
  return deferred.has(method);
}
