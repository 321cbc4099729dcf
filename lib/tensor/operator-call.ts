import { native } from '../native/binding';
import type { NativeValue } from '../native/types';
import { Complex } from './complex';
import { Generator } from './generator';
import { Tensor } from './tensor';

/** What an operator takes: tensors, numbers, dtype and device names, generators, lists of these. */
export type OperatorArgument =
  Tensor | Generator | Complex | number | bigint | boolean | string | null | undefined | readonly OperatorArgument[];

/** Keyword arguments, under the names of the operator's schema or these in camelCase. */
export type OperatorKeywords = Record<string, OperatorArgument>;

/** What an operator returns: a tensor, a number, a boolean; several results as an array. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the schema, not TypeScript, knows what comes back
export type OperatorResult = any;

/** An operator of ATen: its arguments in their order, those behind the `*` of its schema in one object at the end. */
export type Operator = (...args: (OperatorArgument | OperatorKeywords)[]) => OperatorResult;

/** @internal The operator `aten::NAME` (or `NAME.OVERLOAD`) as a function; it is looked up when it is first called. */
export function operator(name: string): Operator {
  const invoke = invocation(name);
  // Up to three arguments go without an array of them: garbage is most of what a small operator costs in JavaScript.
  return function (a?: unknown, b?: unknown, c?: unknown): OperatorResult {
    // eslint-disable-next-line prefer-rest-params
    return arguments.length > 3 ? invoke.all([...arguments]) : invoke.few(arguments.length, a, b, c);
  };
}

/** @internal The operator as a method of its first argument. */
export function method(name: string) {
  const invoke = invocation(name);
  return function (this: unknown, a?: unknown, b?: unknown): OperatorResult {
    // eslint-disable-next-line prefer-rest-params
    return arguments.length > 2 ? invoke.all([this, ...arguments]) : invoke.few(arguments.length + 1, this, a, b);
  };
}

const known = new Map<string, Operator>();

/** @internal Calls an operator by its name. */
export function call(name: string, ...args: (OperatorArgument | OperatorKeywords)[]): OperatorResult {
  let found = known.get(name);
  if (!found) known.set(name, (found = operator(name)));
  return found(...args);
}

function invocation(name: string) {
  let nativeCall: ((...args: NativeValue[]) => NativeValue) | null = null;
  return {
    few(count: number, a: unknown, b: unknown, c: unknown): OperatorResult {
      nativeCall ??= native.operatorFunction(`aten::${name}`);
      if (count === 0) return wrap(nativeCall());
      const self = unwrapItem(a);
      const result =
        count === 1
          ? nativeCall(self)
          : count === 2
            ? nativeCall(self, unwrapItem(b))
            : nativeCall(self, unwrapItem(b), unwrapItem(c));
      return result === self ? a : wrap(result);
    },
    all(args: unknown[]): OperatorResult {
      nativeCall ??= native.operatorFunction(`aten::${name}`);
      const values = args.map((item) => unwrapItem(item));
      const result = nativeCall(...values);
      return result === values[0] ? args[0] : wrap(result);
    },
  };
}

/** Deeper than any schema: an array that holds itself ends here, and fits none. */
const deepest = 4;

function unwrap(value: object, depth: number): NativeValue {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  if (depth === deepest) return value as NativeValue;
  if (Array.isArray(value)) return value.map((item) => unwrapItem(item, depth + 1));
  if (value instanceof Complex) return Float64Array.of(value.re, value.im);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value as NativeValue; // refused by its kind
  const keywords: Record<string, NativeValue> = {};
  for (const [key, item] of Object.entries(value)) keywords[key] = unwrapItem(item, depth + 1);
  return keywords as never;
}

const unwrapItem = (value: unknown, depth = 0): NativeValue =>
  typeof value === 'object' && value !== null ? unwrap(value, depth) : (value as NativeValue);

function wrap(value: NativeValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wrap);
  return value instanceof Float64Array ? new Complex(value[0]!, value[1]!) : new Tensor(value as Tensor['handle']);
}
