/** `matrix[i][k]`: accuracy on experience k after training on experience i; square. */
export type AccuracyMatrix = number[][];

/** Mean accuracy over all experiences after the last one has been learned: `1/T sum_k a[T-1][k]`. */
export function averageAccuracy(matrix: AccuracyMatrix): number {
  const last = matrix.at(-1) ?? [];
  return mean(last);
}

/**
 * Mean loss of accuracy since an experience was learned, over all but the last: `1/(T-1) sum_{k<T-1} a[k][k] - a[T-1][k]`
 * (0 for a single experience). Negative values mean that later experiences helped.
 */
export function averageForgetting(matrix: AccuracyMatrix): number {
  const last = matrix.at(-1) ?? [];
  return mean(matrix.slice(0, -1).map((row, k) => row[k]! - last[k]!));
}

function mean(values: number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
