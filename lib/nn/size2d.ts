import { z } from 'zod';

/** One number for height and width, or both. */
export type Size2d = number | readonly [height: number, width: number];

/** @internal A size in two dimensions, each at least `minimum`. */
export function size2d(minimum: number) {
  const expected = `an integer of at least ${minimum}, or two for height and width`;
  const one = z.int(expected).min(minimum, expected);
  return z
    .union([one, z.tuple([one, one])], expected)
    .transform((size): [number, number] => (typeof size === 'number' ? [size, size] : size));
}
