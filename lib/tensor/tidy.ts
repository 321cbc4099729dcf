import { AsyncLocalStorage } from 'node:async_hooks';
import { isThenable } from '../user-function';
import { Tensor } from './tensor';

/** The tensors that were made in a call of `tidy`. */
class Scope {
  private readonly made = new Set<Tensor>();

  constructor(private readonly outer: Scope | undefined) {}

  add(tensor: Tensor): void {
    this.made.add(tensor);
  }

  /** From this scope or from one around it, where an inner call keeps what an outer one made. */
  delete(tensor: Tensor): void {
    if (!this.made.delete(tensor)) this.outer?.delete(tensor);
  }

  /** Disposes all but what is reached from the result, which the scope around this one takes over. */
  close(result: unknown): void {
    try {
      for (const tensor of tensorsIn(result)) {
        if (this.made.delete(tensor)) this.outer?.add(tensor);
      }
    } finally {
      for (const tensor of this.made) tensor.dispose();
      this.made.clear();
    }
  }
}

const scopes = new AsyncLocalStorage<Scope>();
/** While it is 0, making a tensor costs nothing more. */
let openScopes = 0;

/** @internal Called for every tensor that is made. */
export function track(tensor: Tensor): void {
  if (openScopes > 0) scopes.getStore()?.add(tensor);
}

/**
 * Calls `fn` and disposes every tensor that was made meanwhile, but for those in what it returns: a tensor, or tensors in
 * arrays, plain objects, Maps and Sets. With an async `fn` the scope reaches to the end of its promise, and another one
 * that runs at the same time has a scope of its own. Where `fn` throws, everything made is disposed. Parameters
 * (`nn.Parameter`) are left alone, and so is what `keep` was called for.
 *
 *     const loss = tidy(() => model.forward(x).sub(y).square().mean());
 */
export function tidy<T>(fn: () => T): T {
  const scope = new Scope(scopes.getStore());
  const finish = (result: unknown) => {
    openScopes--;
    scope.close(result);
  };
  openScopes++;
  let result: T;
  let isPending: boolean;
  try {
    result = scopes.run(scope, fn);
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
  scopes.getStore()?.delete(tensor);
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
