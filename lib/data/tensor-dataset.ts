import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativeDataset } from '../native/types';
import { boolean, instanceOf, parseOptions } from '../options';
import { Tensor, tensor } from '../tensor/tensor';

/** What happens to the inputs of a mini-batch when it is gathered, in this order. */
export interface Transform {
  /** int64 [features]: the flattened sample's features are reordered to x[permutation]. */
  permutation?: Tensor;
  /** Integers in [0, 255] become float32 in [0, 1]. */
  toFloat?: boolean;
  /** (x - mean) / std */
  normalize?: { mean: number; std: number };
}

const finite = z.number('a number');
const schema = z.object({
  indices: instanceOf(Tensor, 'an int64 Tensor').nullable().default(null),
  transform: z
    .strictObject(
      {
        permutation: instanceOf(Tensor, 'an int64 Tensor').optional(),
        toFloat: boolean.optional(),
        normalize: z
          .object({ mean: finite, std: finite.positive('a positive number') }, 'an object { mean, std }')
          .optional(),
      },
      'an object { permutation, toFloat, normalize }',
    )
    .default({}),
});

/**
 * Samples in memory: inputs `x[i]` with targets `y[i]`. The data is never copied when samples are picked, shuffled or
 * transformed: that happens to each mini-batch.
 */
export class TensorDataset {
  readonly x: Tensor;
  readonly y: Tensor;
  /** int64 [length]: which samples, in this order; null for all. */
  readonly indices: Tensor | null;
  readonly transform: Transform;
  private readonly natives = new Map<number, NativeDataset>();

  /**
   * @param x `[N, ...]`
   * @param y `[N]` int64 class labels, or `[N, ...]`
   * @throws ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; ERR_LENGTH_MISMATCH where x and y differ in length
   */
  constructor(x: Tensor, y: Tensor, options?: { indices?: Tensor | null; transform?: Transform }) {
    const { indices, transform } = parseOptions('TensorDataset', schema, options);
    for (const [name, value] of Object.entries({ x, y })) {
      if (!(value instanceof Tensor)) {
        throw new ContinualTorchError(
          'ERR_INVALID_ARG_TYPE',
          `TensorDataset: expected ${name} to be a Tensor, got ${describeValue(value)}`,
        );
      }
    }
    if (x.shape.length === 0 || x.shape[0] !== y.shape[0]) {
      throw new ContinualTorchError(
        'ERR_LENGTH_MISMATCH',
        `TensorDataset: expected as many targets as inputs, got x of shape [${x.shape.join(', ')}] and y of shape [${y.shape.join(', ')}]`,
      );
    }
    const features = x.shape.slice(1).reduce((product, size) => product * size, 1);
    requireIndexTensor('indices', indices, null);
    requireIndexTensor('transform.permutation', transform.permutation ?? null, features);
    if (transform.normalize && !transform.toFloat && !x.dtype.includes('float')) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `TensorDataset: expected x of floats, or toFloat, where transform.normalize is given, got ${x.dtype}`,
      );
    }
    this.x = x;
    this.y = y;
    this.indices = indices;
    this.transform = transform;
  }

  /** Number of samples. */
  get length(): number {
    return (this.indices ?? this.x).shape[0]!;
  }

  /** Shape of one sample. */
  get sampleShape(): number[] {
    return this.x.shape.slice(1);
  }

  /** The class label of every sample, in order. */
  labels(): number[] {
    const all = this.y.toNumbers();
    return this.indices ? this.indices.toNumbers().map((i) => all[i]!) : all;
  }

  /** The samples at these positions of this dataset, in this order. @throws ERR_INDEX_RANGE */
  subset(positions: number[]): TensorDataset {
    if (!Array.isArray(positions)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `TensorDataset.subset: expected an array of positions, got ${describeValue(positions)}`,
      );
    }
    const { length } = this;
    const wrong = positions.find((position) => !(Number.isInteger(position) && position >= 0 && position < length));
    if (wrong !== undefined) {
      throw new ContinualTorchError(
        'ERR_INDEX_RANGE',
        `TensorDataset.subset: expected positions in [0, ${length}), got ${wrong}`,
      );
    }
    const own = this.indices?.toNumbers();
    const chosen = own ? positions.map((i) => own[i]!) : positions;
    return new TensorDataset(this.x, this.y, {
      indices: tensor(chosen, { dtype: 'int64', shape: [chosen.length] }),
      transform: this.transform,
    });
  }

  /** @internal The native dataset, with one task label for all samples; checked and made once. */
  toNative(taskLabel: number): NativeDataset {
    const made = this.natives.get(taskLabel) ?? this.makeNative(taskLabel);
    this.natives.set(taskLabel, made);
    return made;
  }

  private makeNative(taskLabel: number): NativeDataset {
    const { permutation, toFloat, normalize } = this.transform;
    return native.createDataset({
      inputs: this.x.handle,
      targets: this.y.handle,
      indices: this.indices?.handle ?? null,
      taskLabel,
      permutation: permutation?.handle ?? null,
      toFloat: toFloat ?? false,
      mean: normalize?.mean ?? null,
      std: normalize?.std ?? null,
    });
  }
}

function requireIndexTensor(name: string, indices: Tensor | null, length: number | null): void {
  if (indices === null) return;
  const { shape, dtype } = indices;
  if (dtype === 'int64' && shape.length === 1 && (length === null || shape[0] === length)) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `TensorDataset: expected ${name} to be int64 [${length ?? 'N'}], got ${dtype} [${shape.join(', ')}]`,
  );
}
