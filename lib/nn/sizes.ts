import { z } from 'zod';

/** A length. */
export type Size1d = number | readonly [length: number];
/** One number for height and width, or both. */
export type Size2d = number | readonly [height: number, width: number];
/** One number for depth, height and width, or all three. */
export type Size3d = number | readonly [depth: number, height: number, width: number];

/** How many dimensions a size has. */
export type Dimensions = 1 | 2 | 3;

/** A size in so many dimensions. */
export type SizeOf<D extends Dimensions> = { 1: Size1d; 2: Size2d; 3: Size3d }[D];

const severally = { 1: '', 2: ', or two for height and width', 3: ', or three for depth, height and width' };

const expects = (dimensions: Dimensions, minimum: number) =>
  `an integer of at least ${minimum}${severally[dimensions]}`;

/** @internal A size in some dimensions, each at least `minimum`; one number stands for all. */
export function size(dimensions: Dimensions, minimum: number) {
  const expected = expects(dimensions, minimum);
  const one = z.int(expected).min(minimum, expected);
  return z
    .union([one, z.array(one).length(dimensions, expected)], expected)
    .transform((value): number[] => (typeof value === 'number' ? Array<number>(dimensions).fill(value) : value));
}

/** @internal A size of at least 0 in some dimensions, or one of these words. */
export function sizeOrWord<const W extends readonly string[]>(dimensions: Dimensions, words: W) {
  const named = words.map((word) => `"${word}"`).join(' or ');
  return z.union([z.enum(words), size(dimensions, 0)], `${expects(dimensions, 0)}, or ${named}`);
}
