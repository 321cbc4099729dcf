import { ContinualTorchError, describeValue } from '../errors';

/**
 * Refuses what is no object with something of the expected kind for each stream.
 * @throws ERR_INVALID_ARG_TYPE; ERR_INVALID_ARG_VALUE for a stream name that is not made of letters, digits and `_`
 */
export function requireStreams(
  operation: string,
  streams: unknown,
  isExpected: (value: unknown) => boolean,
  expected: string,
): void {
  if (typeof streams !== 'object' || streams === null || Array.isArray(streams)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected an object { train, test } with ${expected} for each stream, got ${describeValue(streams)}`,
    );
  }
  for (const [name, value] of Object.entries(streams)) {
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(name)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected stream names of letters, digits and _, beginning with a letter, got "${name}"`,
      );
    }
    if (!isExpected(value)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${operation}: expected stream "${name}" to be ${expected}, got ${describeValue(value)}`,
      );
    }
  }
}
