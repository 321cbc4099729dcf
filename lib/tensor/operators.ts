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
    get: (_target, name) => (typeof name === 'string' ? operator(`aten::${name}`) : undefined),
  }),
};

function operator(name: string): Operator {
  return (...args) => {
    const keywords = isKeywords(args.at(-1)) ? (args.pop() as OperatorKeywords) : null;
    return wrap(
      native.callOperator(
        name,
        args.map((value) => unwrap(value as OperatorArgument)),
        keywords && Object.fromEntries(Object.entries(keywords).map(([key, value]) => [key, unwrap(value)])),
      ),
    );
  };
}

function isKeywords(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function unwrap(value: OperatorArgument): NativeValue {
  if (value instanceof Tensor) return value.handle;
  if (Array.isArray(value)) return value.map(unwrap);
  return value as NativeValue;
}

function wrap(value: NativeValue): unknown {
  if (Array.isArray(value)) return value.map(wrap);
  if (typeof value === 'object' && value !== null) return new Tensor(value);
  return value;
}
