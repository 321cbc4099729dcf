import { AsyncLocalStorage } from 'node:async_hooks';

interface Disposable {
  dispose(): void;
}

/** The tensors that were made in a call of `tidy`. */
export class Scope {
  private readonly made = new Set<Disposable>();

  constructor(private readonly outer: Scope | undefined) {}

  /** A tensor was made. */
  add(tensor: Disposable): void {
    this.made.add(tensor);
  }

  /** From this scope or from one around it, where an inner call keeps what an outer one made. */
  delete(tensor: Disposable): void {
    if (!this.made.delete(tensor)) this.outer?.delete(tensor);
  }

  /** Disposes all but those in the result, which the scope around this one takes over. */
  close(tensorsInResult: () => Iterable<Disposable>): void {
    try {
      for (const tensor of tensorsInResult()) {
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
export function track(tensor: Disposable): void {
  if (openScopes > 0) scopes.getStore()?.add(tensor);
}

/** @internal The scope of the innermost call of `tidy` under way. */
export function currentScope(): Scope | undefined {
  return scopes.getStore();
}

/** @internal Calls `fn`, everything that it awaits included, in a scope that counts as open until `scopeCloses`. */
export function inScope<T>(scope: Scope, fn: () => T): T {
  openScopes++;
  return scopes.run(scope, fn);
}

/** @internal A scope of `inScope` is about to close. */
export function scopeCloses(): void {
  openScopes--;
}
