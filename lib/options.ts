import { z } from 'zod';
import { ContinualTorchError, describeValue } from './errors';
import { failure } from './user-function';

/** The building blocks of option schemas. Each carries, as its message, what is expected. */
export const positiveInteger = z.int('a positive integer').positive('a positive integer');
export const nonNegativeInteger = z.int('an integer of at least 0').nonnegative('an integer of at least 0');
export const integer = z.int('an integer');
export const nullableInteger = z.int('an integer or null').nullable();
export const nonNegativeNumber = z.number('a number of at least 0').nonnegative('a number of at least 0');
export const unitInterval = z.number('a number in [0, 1]').min(0, 'a number in [0, 1]').max(1, 'a number in [0, 1]');
export const belowOne = z
  .number('a number in [0, 1)')
  .min(0, 'a number in [0, 1)')
  .lt(1, 'a number in [0, 1)');
export const boolean = z.boolean('true or false');
export const deviceName = z.string('a device name');
export const seed = z
  .int('an integer in [0, 2^32)')
  .min(0, 'an integer in [0, 2^32)')
  .lt(2 ** 32, 'an integer in [0, 2^32)');

const generatorSeedExpected = 'an integer in [-2^63, 2^64)';
/** What PyTorch's generators take. */
export const generatorSeed = z.union(
  [
    z.int(generatorSeedExpected),
    z.bigint(generatorSeedExpected).gte(-(2n ** 63n), generatorSeedExpected).lt(2n ** 64n, generatorSeedExpected),
  ],
  generatorSeedExpected,
);

/** An object of a class. */
export function instanceOf<T>(type: abstract new (...args: never[]) => T, expected: string) {
  return z.custom<T>((value) => value instanceof type, expected);
}

/**
 * Applies defaults, checks types and values, and refuses unknown names.
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, naming operation, option and what came.
 */
export function parseOptions<S extends z.ZodObject>(operation: string, schema: S, options: unknown): z.output<S> {
  const result = parsed(operation, schema.strict(), options ?? {});
  if (result.success) return result.data as z.output<S>;
  const issue = result.error.issues[0]!;
  if (issue.code === 'unrecognized_keys') {
    const unknown = issue.keys.map((key) => `"${[...issue.path, key].map(String).join('.')}"`).join(', ');
    const known = issue.path.length === 0 ? `; expected among ${Object.keys(schema.shape).join(', ')}` : '';
    throw new ContinualTorchError('ERR_UNKNOWN_OPTION', `${operation}: unknown option ${unknown}${known}`);
  }
  throw rejected(operation, issue, options);
}

/** Checks one required argument. */
export function parseArgument<S extends z.ZodType>(operation: string, name: string, schema: S, value: unknown) {
  const result = parsed(operation, z.object({ [name]: schema }), { [name]: value });
  if (result.success) return result.data[name] as z.output<S>;
  throw rejected(operation, result.error.issues[0]!, { [name]: value });
}

/** What zod says; an object may refuse to be looked at. */
function parsed<S extends z.ZodType>(operation: string, schema: S, value: unknown): z.ZodSafeParseResult<z.output<S>> {
  try {
    return schema.safeParse(value);
  } catch (thrown) {
    throw failure('ERR_INVALID_ARG_VALUE', `${operation}: expected options that can be read, got one that fails`, thrown);
  }
}

function rejected(operation: string, issue: z.core.$ZodIssue, options: unknown): ContinualTorchError {
  const value = issue.path.reduce<unknown>(
    (object, key) => (object === null || object === undefined ? undefined : (object as Record<PropertyKey, unknown>)[key]),
    options,
  );
  const wrongType = isTypeIssue(issue, value);
  const name = issue.path.length > 0 ? issue.path.map(String).join('.') : 'options';
  return new ContinualTorchError(
    wrongType && !Number.isNaN(value) ? 'ERR_INVALID_ARG_TYPE' : 'ERR_INVALID_ARG_VALUE',
    `${operation}: expected ${name} to be ${issue.path.length > 0 ? issue.message : 'an object'}, got ${describeValue(value)}`,
  );
}

/** Whether a value is of another type than expected; of several accepted forms, than each of them. */
function isTypeIssue(issue: z.core.$ZodIssue, value: unknown): boolean {
  if (issue.code === 'invalid_union') return issue.errors.every((branch) => isTypeIssue(branch[0]!, value));
  if (issue.code === 'custom') return true; // `instanceOf`
  return issue.code === 'invalid_type' && !(typeof value === 'number' && /^(int|number)$/.test(issue.expected));
}
