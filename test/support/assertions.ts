import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { ContinualTorchError, type ErrorCode, type Tensor } from '../../lib/index';

/** How far a value may be from the expected one: `absolute + relative * |expected|`. */
export interface Tolerance {
  relative: number;
  absolute: number;
}

/** float32 arithmetic in another order than the reference's: a few units in the last place, more where sums cancel. */
export const float32Tolerance: Tolerance = { relative: 1e-6, absolute: 1e-7 };

/** The same bits are expected: values that are only stored, moved or picked. */
export const exact: Tolerance = { relative: 0, absolute: 0 };

/** Compares shape, then dtype, then values; names the first index that differs. NaN equals NaN. */
export function assertTensorClose(
  actual: Tensor,
  expected: Tensor,
  tolerance: Tolerance = float32Tolerance,
  name = 'tensor',
): void {
  assert.deepEqual(actual.shape, expected.shape, `${name}: shape`);
  assert.equal(actual.dtype, expected.dtype, `${name}: dtype`);
  const actualValues = actual.toNumbers();
  const expectedValues = expected.toNumbers();
  const isClose = (a: number, e: number) =>
    Object.is(a, e) || a === e || Math.abs(a - e) <= tolerance.absolute + tolerance.relative * Math.abs(e);
  const wrong = expectedValues.findIndex((value, i) => !isClose(actualValues[i]!, value));
  if (wrong < 0) return;
  const index = indexOf(wrong, expected.shape).join(', ');
  const count = expectedValues.filter((value, i) => !isClose(actualValues[i]!, value)).length;
  assert.fail(
    `${name}: expected ${expectedValues[wrong]} at [${index}], got ${actualValues[wrong]} ` +
      `(${count} of ${expectedValues.length} values differ; tolerance ${JSON.stringify(tolerance)})`,
  );
}

/** The same bits, shape and dtype. */
export function assertTensorEqual(actual: Tensor, expected: Tensor, name = 'tensor'): void {
  assertTensorClose(actual, expected, exact, name);
}

/** norm(actual - expected) / norm(expected), or norm(actual) where the expected norm is 0; NaN for another length. */
export function relativeNorm(actual: readonly number[], expected: readonly number[]): number {
  const difference = Math.hypot(...expected.map((value, i) => (actual[i] ?? NaN) - value));
  if (actual.length !== expected.length) return NaN;
  return difference / (Math.hypot(...expected) || 1);
}

/** The promise rejects with a `ContinualTorchError` of this code and a message that matches. Returns the error. */
export async function rejectsWithCode(
  promise: Promise<unknown>,
  code: ErrorCode,
  message: RegExp,
): Promise<ContinualTorchError> {
  let error: unknown;
  try {
    await promise;
  } catch (thrown) {
    error = thrown;
  }
  return assertError(error, code, message);
}

/** The function throws a `ContinualTorchError` of this code and a message that matches. Returns the error. */
export function throwsWithCode(run: () => unknown, code: ErrorCode, message: RegExp): ContinualTorchError {
  let error: unknown;
  try {
    run();
  } catch (thrown) {
    error = thrown;
  }
  return assertError(error, code, message);
}

function assertError(error: unknown, code: ErrorCode, message: RegExp): ContinualTorchError {
  if (error === undefined) assert.fail(`expected ${code}, got no error`);
  if (!(error instanceof ContinualTorchError)) {
    assert.fail(
      `expected a ContinualTorchError with ${code}, got ${error instanceof Error ? error.stack : inspect(error)}`,
    );
  }
  assert.equal(error.code, code, `code of: ${error.message}`);
  assert.match(error.message, message);
  return error;
}

/** Row-major position to index. */
function indexOf(position: number, shape: number[]): number[] {
  const index: number[] = [];
  for (const size of [...shape].reverse()) {
    index.unshift(position % size);
    position = Math.floor(position / size);
  }
  return index;
}
