import { ContinualTorchError } from '../errors';
import { randomPermutation } from '../random';

/** The items in random order, or as they are. */
export function shuffled<T>(items: readonly T[], shuffle: boolean): T[] {
  return shuffle ? randomPermutation(items.length).map((i) => items[i]!) : [...items];
}

/** The places that get one of `count` left over items, of which there are fewer than places: random ones, or the first. */
export function luckyPlaces(places: number, count: number, shuffle: boolean): number[] {
  return count === 0 ? [] : shuffled([...Array(places).keys()], shuffle).slice(0, count);
}

/** @throws ERR_INVALID_ARG_VALUE unless there are samples for all experiences, and `least` of each class for each of them */
export function requireEnough(
  operation: string,
  name: string,
  nExperiences: number,
  least: number,
  classes: readonly (readonly number[])[],
): void {
  const sizes = classes.map((positions) => positions.length);
  const samples = sizes.reduce((a, b) => a + b, 0);
  if (nExperiences > samples) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected ${name} to be at most the number of samples, ${samples}, got ${nExperiences}`,
    );
  }
  const smallest = Math.min(...sizes);
  if (least * nExperiences > smallest) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${operation}: expected every class to have minClassPatternsInExp = ${least} samples for each of ${nExperiences} experiences, got ${smallest} of one`,
    );
  }
}

/** @throws ERR_EMPTY_EXPERIENCE */
export function requireSamples(operation: string, found: readonly number[], experience: number): void {
  if (found.length > 0) return;
  throw new ContinualTorchError(
    'ERR_EMPTY_EXPERIENCE',
    `${operation}: expected samples for every experience, got none for experience ${experience}`,
  );
}
