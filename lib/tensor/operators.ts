import { camelCase } from './camel-case';
import './methods';
import { method, type Operator, operator } from './operator-call';
import { functionNames, methodNames, type TorchFunctions } from './operators.generated';
import { Tensor } from './tensor';

/**
 * Any ATen operator of the loaded libtorch, called through its dispatcher on the calling thread; autograd records it.
 * `ops.aten.NAME` calls the first overload that takes the arguments, `ops.aten['NAME.OVERLOAD']` that one; a plain object
 * in last place holds keyword arguments.
 *
 * ```ts
 * ops.aten.mean(output, [-1]);
 * ops.aten.sum(x, [1], true, { dtype: 'float64' });
 * ```
 * @throws ERR_UNKNOWN_OPERATOR; ERR_NO_OVERLOAD with the schemas that there are; ERR_TORCH.
 */
export const ops = {
  /** Operators by ATen's names, with or without the name of an overload. */
  aten: new Proxy({} as Record<string, Operator>, {
    get: (known, name) => (typeof name === 'string' ? (known[name] ??= operator(name)) : undefined),
  }),
};

/** @internal Every operator as a function, under its name in camelCase. */
export const torchFunctions = Object.fromEntries(
  functionNames.map((name) => [camelCase(name), operator(name)]),
) as unknown as TorchFunctions;

for (const name of methodNames) {
  Object.defineProperty(Tensor.prototype, camelCase(name), { value: method(name), writable: true, configurable: true });
}
