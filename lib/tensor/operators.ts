import { native } from '../native/binding';
import type { NativeValue } from '../native/types';
import { Tensor } from './tensor';

/** What an operator takes: tensors, numbers, dtype and device names, lists of these. */
export type OperatorArgument =
  Tensor | number | bigint | boolean | string | null | undefined | readonly OperatorArgument[];

/** Keyword arguments, under the names of the operator's schema. */
export type OperatorKeywords = Record<string, OperatorArgument>;

/** What an operator returns; several results as an array. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the schema, not TypeScript, knows what comes back
export type OperatorResult = any;

export type Operator = (...args: (OperatorArgument | OperatorKeywords)[]) => OperatorResult;

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
  aten: new Proxy({} as Record<string, Operator>, {
    get: (known, name) => (typeof name === 'string' ? (known[name] ??= operator(`aten::${name}`)) : undefined),
  }),
};

/** An operator as a function; it is looked up when it is first called. */
function operator(name: string): Operator {
  let call: ((...args: NativeValue[]) => NativeValue) | null = null;
  return (...args) => {
    call ??= native.operatorFunction(name);
    for (let i = 0; i < args.length; i++) args[i] = unwrap(args[i]) as never;
    return wrap(call(...(args as NativeValue[])));
  };
}

function unwrap(value: OperatorArgument | OperatorKeywords): NativeValue {
  if (value instanceof Tensor) return value.handle;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(unwrap);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unwrap(item)])) as never;
}

function wrap(value: NativeValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  return Array.isArray(value) ? value.map(wrap) : new Tensor(value);
}
