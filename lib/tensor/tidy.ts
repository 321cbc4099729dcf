import { isThenable } from '../user-function';
import { currentScope, inScope, Scope, scopeCloses } from './scopes';
import { Tensor } from './tensor';

/**
 * Calls `fn` and disposes every tensor that was made meanwhile, but for those in what it returns: a tensor, or tensors in
 * arrays, plain objects, Maps and Sets. With an async `fn` the scope reaches to the end of its promise, and another one
 * that runs at the same time has a scope of its own. Where `fn` throws, everything made is disposed. Parameters
 * (`nn.Parameter`) are left alone, and so is what `keep` was called for.
 *
 *     const loss = tidy(() => model.forward(x).sub(y).square().mean());
 */
export function tidy<T>(fn: () => T): T {
  const scope = new Scope(currentScope());
  const finish = (result: unknown) => {
    scopeCloses();
    scope.close(() => tensorsIn(result));
  };
  let result: T;
  let isPending: boolean;
  try {
    result = inScope(scope, fn);
    isPending = isThenable(result);
  } catch (error) {
    finish(undefined);
    throw error;
  }
  if (!isPending) {
    finish(result);
    return result;
  }
  return (result as PromiseLike<unknown>).then(
    (value) => {
      finish(value);
      return value;
    },
    (error: unknown) => {
      finish(undefined);
      throw error;
    },
  ) as T;
}

/** Takes a tensor out of all calls of `tidy` that are under way: it lives until it is collected or disposed. */
export function keep<T extends Tensor>(tensor: T): T {
  currentScope()?.delete(tensor);
  return tensor;
}

/** The tensors that a value holds, each once. */
function tensorsIn(value: unknown): Set<Tensor> {
  const found = new Set<Tensor>();
  const seen = new Set<object>();
  const visit = (item: unknown) => {
    if (typeof item !== 'object' || item === null || seen.has(item)) return;
    seen.add(item);
    if (item instanceof Tensor) found.add(item);
    else if (Array.isArray(item) || item instanceof Set) item.forEach(visit);
    else if (item instanceof Map) item.forEach(visit);
    else if (Object.getPrototypeOf(item) === Object.prototype || Object.getPrototypeOf(item) === null) Object.values(item).forEach(visit);
  };
  visit(value);
  return found;
}
