import type { NativeOptimizer } from '../native/types';
import { Tensor } from '../tensor/tensor';
import { keep } from '../tensor/tidy';
import { namedParameters, toArray } from './given-parameters';

const changing: ReadonlySet<PropertyKey> = new Set([
  ...['push', 'pop', 'shift', 'unshift', 'splice'],
  ...['reverse', 'sort', 'fill', 'copyWithin'],
]);

/**
 * The parameters of one group as an array that JavaScript may change as any other: every change is made on a copy, handed
 * to the optimizer, and seen in the array only where that has taken it.
 */
export class ParameterList {
  private readonly shown: Tensor[] = [];
  private readonly array = new Proxy(this.shown, {
    get: (shown, key, receiver): unknown =>
      changing.has(key)
        ? (...args: unknown[]) => this.change((copy): unknown => Reflect.apply(copy[key as 'push'], copy, args))
        : Reflect.get(shown, key, receiver),
    set: (_, key, value) => this.change((copy) => Reflect.set(copy, key, value)),
    deleteProperty: (_, key) => this.change((copy) => Reflect.deleteProperty(copy, key)),
  });

  constructor(
    private readonly operation: string,
    private readonly handle: NativeOptimizer,
    private readonly group: number,
  ) {}

  /** The array, with the parameters that the optimizer has now. @throws ERR_BUSY */
  read(): Tensor[] {
    const now = this.handle.groupParameters(this.group).map(([, parameter]) => keep(new Tensor(parameter)));
    this.shown.splice(0, Infinity, ...now);
    return this.array;
  }

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY */
  assign(given: unknown): void {
    const parameters = namedParameters(this.operation, 'params', toArray(this.operation, 'params', given));
    this.handle.setGroupParameters(
      this.group,
      parameters.map(([name, { handle }]) => [name, handle]),
    );
    this.read();
  }

  private change<T>(make: (copy: Tensor[]) => T): T {
    this.read();
    const copy = [...this.shown];
    const result = make(copy);
    this.assign(copy);
    // `reverse` and others return the array that they have changed.
    return (result === copy ? this.array : result) as T;
  }
}
