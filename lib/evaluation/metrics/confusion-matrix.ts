import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import { boolean, parseOptions, positiveInteger } from '../../options';
import { ops } from '../../tensor/operators';
import { cpuTensor } from '../../tensor/creation';
import { type Tensor } from '../../tensor/tensor';
import { emit, type PluginMetric } from '../metric';
import { ofStream } from './mean-metric';

/** The matrix is laid out in full at the end: this bounds it, whatever labels come, to 2 GiB. */
const maxClasses = 2 ** 14;

const schema = z.object({
  numClasses: positiveInteger.max(maxClasses, `an integer in [1, ${maxClasses}]`).nullable().default(null),
  normalize: z.enum(['true', 'pred', 'all'], '"true", "pred", "all" or null').nullable().default(null),
  stream: boolean.default(false),
});

/** Options of `confusionMatrixMetrics`. */
export interface ConfusionMatrixOptions {
  /** Size of the matrix; outputs and 2-D targets beyond it are left out. Default null: grows with outputs and labels. */
  numClasses?: number | null;
  /** Divides by the sum of the row ("true"), of the column ("pred") or of all; 0 / 0 is 0. Default null: counts. */
  normalize?: 'true' | 'pred' | 'all' | null;
  /** Each evaluated stream. Default false. */
  stream?: boolean;
}

/**
 * `ConfusionMatrix_Stream`: how many samples of class i (row) were predicted as class j (column) in an evaluation; a Tensor
 * [C, C], int64, normalized float64. Predictions and targets are labels [B], or [B, C] of which the argmax counts. It looks
 * at every mini-batch of an evaluation.
 * @throws ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; while evaluating ERR_SHAPE for outputs or targets
 * of more dimensions, of different length, or of more than 16384 classes where numClasses is null; ERR_LABEL_RANGE for labels
 * outside [0, numClasses), or [0, 16384) where it is null; ERR_ACCURACY_TARGET for targets of a regression, floating-point
 * [B] or [B, 1]
 */
export function confusionMatrixMetrics(options?: ConfusionMatrixOptions): PluginMetric[] {
  const { numClasses, normalize, stream } = parseOptions('confusionMatrixMetrics', schema, options);
  if (!stream) return [];
  let counts = new ConfusionCounts(numClasses);
  return [
    {
      beforeEval: () => {
        counts = new ConfusionCounts(numClasses);
      },
      afterEvalIteration: ({ mbY, mbOutput }) => counts.add(mbY!, mbOutput!),
      afterEval: (strategy) => emit('ConfusionMatrix_Stream', strategy, ofStream, counts.toTensor(normalize)),
    },
  ];
}

class ConfusionCounts {
  private readonly counts = new Map<number, number>();
  private size: number;

  constructor(private readonly numClasses: number | null) {
    this.size = numClasses ?? 0;
  }

  add(targets: Tensor, outputs: Tensor): void {
    requireLabels(targets);
    const trueLabels = this.labels('targets', targets);
    const predicted = this.labels('outputs', outputs);
    if (trueLabels.length !== predicted.length) {
      throw new ContinualTorchError(
        'ERR_SHAPE',
        `confusionMatrixMetrics: expected as many outputs as targets, got ${predicted.length} and ${trueLabels.length}`,
      );
    }
    trueLabels.forEach((label, i) => {
      const cell = label * maxClasses + predicted[i]!;
      this.counts.set(cell, (this.counts.get(cell) ?? 0) + 1);
    });
  }

  toTensor(normalize: 'true' | 'pred' | 'all' | null): Tensor {
    const { size } = this;
    const cells = [...this.counts].map(([cell, count]) => {
      return { i: Math.floor(cell / maxClasses), j: cell % maxClasses, count };
    });
    const group = ({ i, j }: { i: number; j: number }) => (normalize === 'true' ? i : normalize === 'pred' ? j : 0);
    const sums = new Map<number, number>();
    for (const cell of cells) sums.set(group(cell), (sums.get(group(cell)) ?? 0) + cell.count);
    const matrix = new Float64Array(size * size);
    for (const cell of cells) {
      matrix[cell.i * size + cell.j] = normalize === null ? cell.count : cell.count / sums.get(group(cell))!;
    }
    return cpuTensor(matrix, { shape: [size, size], dtype: normalize === null ? 'int64' : 'float64' });
  }

  /** The labels of a mini-batch; the matrix has room for them afterwards. */
  private labels(what: string, values: Tensor): number[] {
    const { shape } = values;
    if (shape.length < 1 || shape.length > 2) {
      throw new ContinualTorchError(
        'ERR_SHAPE',
        `confusionMatrixMetrics: expected ${what} of shape [B] or [B, C], got [${shape.join(', ')}]`,
      );
    }
    const limit = this.numClasses ?? maxClasses;
    if (shape.length === 2) {
      if (this.numClasses === null && shape[1]! > maxClasses) {
        throw new ContinualTorchError(
          'ERR_SHAPE',
          `confusionMatrixMetrics: expected ${what} of at most ${maxClasses} classes, got [${shape.join(', ')}]; ` +
            'numClasses says of how many to take notice',
        );
      }
      const width = Math.min(shape[1]!, limit);
      this.size = Math.max(this.size, width);
      using kept = ops.aten.narrow!(values, 1, 0, width) as Tensor;
      using labels = ops.aten.argmax!(kept, 1) as Tensor;
      return labels.toNumbers();
    }
    const labels = values.toNumbers();
    for (const label of labels) {
      if (!Number.isInteger(label) || label < 0 || label >= limit) {
        throw new ContinualTorchError(
          'ERR_LABEL_RANGE',
          `confusionMatrixMetrics: expected ${what} to be labels of at least 0 and less than ${limit}, got ${label}`,
        );
      }
      this.size = Math.max(this.size, label + 1);
    }
    return labels;
  }
}

/** One real number for each sample is no label, though it may be whole, and of one column argmax is always 0. */
function requireLabels(targets: Tensor): void {
  const { shape, dtype } = targets;
  const isOneEach = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
  if (!isOneEach || !targets.isFloatingPoint()) return;
  throw new ContinualTorchError(
    'ERR_ACCURACY_TARGET',
    `confusionMatrixMetrics: expected targets to be labels [B], or a number for each class [B, C], got ${dtype} [${shape.join(', ')}]: ` +
      'a regression is measured by lossMetrics',
  );
}
