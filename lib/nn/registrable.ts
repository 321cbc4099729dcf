import { ContinualTorchError, describeValue } from '../errors';

/** @internal @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE for a name that is not free, or a value of another kind */
export function requireRegistrable(
  operation: string,
  module: object,
  name: unknown,
  value: unknown,
  type: abstract new (...args: never[]) => unknown,
  expected: string,
  isReplaced = false,
): void {
  const wrong = (code: 'ERR_INVALID_ARG_TYPE' | 'ERR_INVALID_ARG_VALUE', message: string) =>
    new ContinualTorchError(code, `${operation}: expected ${message}`);
  if (typeof name !== 'string') throw wrong('ERR_INVALID_ARG_TYPE', `name to be a string, got ${describeValue(name)}`);
  if (name === '' || name.includes('.')) throw wrong('ERR_INVALID_ARG_VALUE', `a name without a dot, got "${name}"`);
  if (value !== null && !(value instanceof type)) {
    throw wrong('ERR_INVALID_ARG_TYPE', `${expected} or null, got ${describeValue(value)}`);
  }
  if (!isReplaced && name in module && (module as Record<string, unknown>)[name] !== undefined) {
    throw wrong('ERR_INVALID_ARG_VALUE', `a name that is free, got "${name}": attribute '${name}' already exists`);
  }
}
