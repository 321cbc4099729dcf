import { tensor, TensorDataset } from '../../lib/index';

/** Samples of one feature, their number from `first` on. */
export function numbered(labels: number[], first = 0): TensorDataset {
  return new TensorDataset(
    tensor(
      Float32Array.from(labels, (_, i) => first + i),
      { shape: [labels.length, 1] },
    ),
    tensor(labels, { dtype: 'int64', shape: [labels.length] }),
  );
}
