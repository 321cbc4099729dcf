import { mean } from './mean';

/** `matrix[i][k]`: accuracy on experience k after training on experience i; null where it was not evaluated. */
export type AccuracyMatrix = (number | null)[][];

/** Mean accuracy after the last experience has been learned, over all that were evaluated: `1/T sum_k a[T-1][k]`. */
export function averageAccuracy(matrix: AccuracyMatrix): number {
  return mean((matrix.at(-1) ?? []).filter((accuracy) => accuracy !== null));
}

/**
 * Mean loss of accuracy since an experience was learned, over all but the last: `1/(T-1) sum_{k<T-1} a[k][k] - a[T-1][k]`
 * (0 for a single experience). Experiences that were not evaluated both times are left out. Negative values mean that later
 * experiences helped.
 */
export function averageForgetting(matrix: AccuracyMatrix): number {
  const last = matrix.at(-1) ?? [];
  const differences = matrix.slice(0, -1).map((row, k) => {
    const [before, now] = [row[k] ?? null, last[k] ?? null];
    return before === null || now === null ? null : before - now;
  });
  return mean(differences.filter((difference) => difference !== null));
}
