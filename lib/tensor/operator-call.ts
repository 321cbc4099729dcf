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

/** What an operator returns; several results as an array. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- the schema, not TypeScript, knows what comes back
export type OperatorResult = any;

export type Operator = (...args: (OperatorArgument | OperatorKeywords)[]) => OperatorResult;

/** @internal The operator `aten::NAME` (or `NAME.OVERLOAD`) as a function; it is looked up when it is first called. */
export function operator(name: string): Operator {
  const invoke = invocation(name);
  return (...args): OperatorResult => invoke(args);
}

/** @internal The operator as a method of its first argument. */
export function method(name: string) {
  const invoke = invocation(name);
  return function (this: unknown, ...args: unknown[]): OperatorResult {
    args.unshift(this);
    return invoke(args);
  };
}

const known = new Map<string, Operator>();

/** @internal Calls an operator by its name. */
export function call(name: string, ...args: (OperatorArgument | OperatorKeywords)[]): OperatorResult {
  let found = known.get(name);
  if (!found) known.set(name, (found = operator(name)));
  return found(...args);
}

function invocation(name: string): (args: unknown[]) => OperatorResult {
  let nativeCall: ((...args: NativeValue[]) => NativeValue) | null = null;
  return (args) => {
    nativeCall ??= native.operatorFunction(`aten::${name}`);
    const self = args[0];
    for (let i = 0; i < args.length; i++) {
      const value = args[i];
      if (typeof value === 'object' && value !== null) args[i] = unwrap(value);
    }
    const result = nativeCall(...(args as NativeValue[]));
    if (typeof result !== 'object' || result === null) return result;
    // What changed its first argument gives it back.
    return result === args[0] ? self : wrap(result);
  };
}

function unwrap(value: object): NativeValue {
  if (value instanceof Tensor || value instanceof Generator) return value.handle;
  if (Array.isArray(value)) return value.map(unwrapItem);
  if (value instanceof Complex) return Float64Array.of(value.re, value.im);
  if (Object.getPrototypeOf(value) !== Object.prototype) return value as NativeValue; // refused by its kind
  const keywords: Record<string, NativeValue> = {};
  for (const [key, item] of Object.entries(value)) keywords[key] = unwrapItem(item);
  return keywords as never;
}

const unwrapItem = (value: unknown): NativeValue =>
  typeof value === 'object' && value !== null ? unwrap(value) : (value as NativeValue);

function wrap(value: NativeValue): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(wrap);
  return value instanceof Float64Array ? new Complex(value[0]!, value[1]!) : new Tensor(value as Tensor['handle']);
}
