import type { NativePhase } from '../native/types';
import type { Strategy } from './strategy';

/**
 * A method may have a native twin: a phase that C++ runs on the compute thread with the same effect. Where nobody
 * overrides the method, the iteration plan runs the twin; an override, being another function, has none and is called.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- methods of all classes and signatures
type Method = (...args: any[]) => unknown;

/** The phase; null where there is nothing to do at present; undefined where the method itself must be called. */
type TwinPhase = NativePhase | null | undefined;
type Twin<Owner> = (owner: Owner, strategy: Strategy) => TwinPhase;

const twins = new WeakMap<Method, Twin<never>>();
const deferred = new WeakSet<Method>();

/** Says which phase has the same effect as `method`. */
export function hasNativeTwin<Owner>(method: Method, twin: Twin<Owner>): void {
  twins.set(method, twin);
}

/** The phase that may run in place of `method`. */
export function nativeTwin(method: Method, owner: object, strategy: Strategy): TwinPhase {
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
