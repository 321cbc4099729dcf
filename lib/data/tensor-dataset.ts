import { inspect } from 'node:util';
import { z } from 'zod';
import type { TypedArray } from '../element-types';
import { ContinualTorchError, describeValue } from '../errors';
import { counted, listed, summary } from '../inspect';
import { native } from '../native/binding';
import type { NativeDataset } from '../native/types';
import { instanceOf, integer, nonNegativeInteger, parseArgument, parseOptions } from '../options';
import { cpuTensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';
import { callUserAtOnce } from '../user-function';
import type { Dataset } from './dataset';
import { describeInputs, haveLength, type Inputs, kindOfInputs, mapInputs, requireOneInput, toNativeInputs } from './inputs';
import { setOrder } from './python-set';
import { type AnyTransform, checkTransform, requireIndices, toNativeTransform, type Transform, transformSchema } from './transform';
import { areSeveral, type InputValues, inputValues, targetValues, type Values } from './values';

const taskLabelsSchema = z.union([integer, z.array(integer)], 'an integer or an array of integers');
const schema = z.object({
  indices: instanceOf(Tensor, 'an int64 Tensor').nullable().default(null),
  taskLabels: taskLabelsSchema.nullable().default(null),
  transform: transformSchema.default({}),
  evalTransform: transformSchema.optional(),
  sampleShape: z.array(nonNegativeInteger, 'an array of sizes').optional(),
});

/** Options of `TensorDataset`. `X`: what its inputs are. */
export interface TensorDatasetOptions<X extends Inputs = Tensor> {
  /** int64 [length]: which samples, in this order. Default null: all. */
  indices?: Tensor | null;
  /** One for all samples, or one for each. Default null: the data carries none. */
  taskLabels?: number | readonly number[] | null;
  /** Of the inputs when they are trained on. Default: none. */
  transform?: Transform<X>;
  /** Of the inputs when they are evaluated. Default: the same. */
  evalTransform?: Transform<X>;
  /** Shape of one sample where `x` is one typed array. Default: one dimension. */
  sampleShape?: readonly number[];
}

/**
 * Samples in memory: inputs `x[i]` with targets `y[i]`. The data is never copied when samples are picked, shuffled or
 * transformed: that happens to each mini-batch.
 *
 * ```ts
 * new TensorDataset(x, y);                                             // tensors [N, ...] and [N]
 * new TensorDataset(new Float32Array(600 * 784), labels, { sampleShape: [1, 28, 28] });
 * new TensorDataset([ids, mask], y);                                   // several inputs, in the order of forward's
 * new TensorDataset({ input_ids: ids, attention_mask: mask }, y);      // or by their names
 * ```
 */
export class TensorDataset implements Dataset {
  /** Inputs as they are stored, [N, ...] each: before any transform. */
  readonly inputs: Inputs;
  /** Targets, [N, ...]. */
  readonly y: Tensor;
  /** int64 [length]: which samples, in this order; null for all. */
  readonly indices: Tensor | null;
  /** @internal One for all samples, or one for each; null where the data carries none. */
  readonly ownTaskLabels: number | readonly number[] | null;
  /** @internal */
  readonly transforms: { readonly train: AnyTransform; readonly eval: AnyTransform };
  /** @internal Which of its transforms it has now. */
  readonly group: 'train' | 'eval' = 'train';
  /** Shared by the views of one selection of samples. */
  private readonly natives = new Map<AnyTransform, NativeDataset>();

  /**
   * @param x `[N, ...]`: a tensor, a typed array (see `sampleShape`), nested numbers, or rows that are typed arrays. Bytes stay
   * uint8: images need `transform: { toFloat: true }`. An array of tensors, or a plain object: several inputs, each `[N, ...]`
   * @param y `[N]` class labels, or `[N, ...]`: a tensor; an array of integers of any type, or plain integers: int64; floats
   * stay floats, plain ones become float32
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_LENGTH_MISMATCH where inputs, targets and
   * task labels differ in number
   */
  constructor(x: readonly Tensor[], y: Values, options?: TensorDatasetOptions<readonly Tensor[]>);
  constructor(x: Values, y: Values, options?: TensorDatasetOptions);
  constructor(
    x: { readonly [name: string]: Values },
    y: Values,
    options?: TensorDatasetOptions<{ readonly [name: string]: Tensor }>,
  );
  constructor(x: InputValues, y: Values, options?: TensorDatasetOptions<never>);
  constructor(x: InputValues, y: Values, options?: unknown) {
    const { indices, transform, evalTransform, taskLabels, sampleShape } = parseOptions('TensorDataset', schema, options);
    this.y = targetValues('TensorDataset', y);
    this.inputs = callUserAtOnce('ERR_INVALID_ARG_VALUE', 'TensorDataset: x cannot be read', () =>
      inputs(x, this.y.shape[0], sampleShape),
    );
    if (!(this.inputs instanceof Tensor)) Object.freeze(this.inputs);
    if (!haveLength(this.inputs, this.y.shape[0])) throw lengthMismatch(this.inputs, this.y);
    requireIndices('TensorDataset', 'indices', indices, null);
    this.indices = indices;
    this.ownTaskLabels = taskLabels;
    this.checkTaskLabels(taskLabels);
    this.transforms = { train: transform, eval: evalTransform ?? transform };
    for (const each of Object.values(this.transforms)) checkTransform('TensorDataset', each, this.inputs);
  }

  /** Number of samples. */
  get length(): number {
    return (this.indices ?? this.y).shape[0]!;
  }

  /** The input as it is stored, [N, ...]: before any transform. @throws ERR_INPUTS where there are several */
  get x(): Tensor {
    return requireOneInput('TensorDataset.x', this.inputs, '`inputs` of the dataset has all of them');
  }

  /** Shape of one sample. @throws ERR_INPUTS where there are several inputs */
  get sampleShape(): number[] {
    return requireOneInput('TensorDataset.sampleShape', this.inputs, '`inputs` of the dataset has all of them').shape.slice(1);
  }

  /** The transform of the current group. */
  get transform(): Transform {
    return this.transforms[this.group];
  }

  /** The class label of every sample, in order. */
  labels(): number[] {
    const all = this.y.toNumbers();
    return this.indices ? this.indices.toNumbers().map((i) => all[i]!) : all;
  }

  /** The task label of every sample, in order: 0 where the data carries none. */
  taskLabelOfEachSample(): number[] {
    const labels = this.ownTaskLabels ?? 0;
    return typeof labels === 'number' ? new Array<number>(this.length).fill(labels) : [...labels];
  }

  /** Distinct task labels, in the order of a Python set; none where the data carries none. */
  get taskLabels(): readonly number[] {
    const labels = this.ownTaskLabels;
    return labels === null ? [] : typeof labels === 'number' ? [labels] : distinctLabels(labels);
  }

  /** Distinct class labels, ascending; none where targets are not one label a sample. */
  get classes(): readonly number[] {
    if (this.y.shape.length !== 1) return [];
    return [...new Set(this.labels())].sort((a, b) => a - b);
  }

  /** The same samples with the training transform. */
  train(): TensorDataset {
    return this.group === 'train' ? this : this.derive({ group: 'train' });
  }

  /** The same samples with the evaluation transform. */
  eval(): TensorDataset {
    return this.group === 'eval' ? this : this.derive({ group: 'eval' });
  }

  /** @throws ERR_LENGTH_MISMATCH unless there is one label, or one for each sample of this dataset */
  withTaskLabels(taskLabels: number | readonly number[]): TensorDataset {
    const given = parseArgument('TensorDataset.withTaskLabels', 'taskLabels', taskLabelsSchema, taskLabels);
    this.checkTaskLabels(given);
    return this.derive({ ownTaskLabels: given, natives: new Map() });
  }

  /** The same samples with other transforms; evaluation uses the same unless it is given its own. */
  withTransform<X extends Inputs = Tensor>(transform: Transform<X>, evalTransform: Transform<X> = transform): TensorDataset {
    const name = 'TensorDataset.withTransform';
    const transforms = {
      train: parseArgument(name, 'transform', transformSchema, transform),
      eval: parseArgument(name, 'evalTransform', transformSchema, evalTransform),
    };
    for (const each of Object.values(transforms)) checkTransform(name, each, this.inputs);
    return this.derive({ transforms, natives: new Map() });
  }

  /** The samples at these positions of this dataset, in this order. @throws ERR_INDEX_RANGE */
  subset(positions: readonly number[]): TensorDataset {
    const given: unknown = positions;
    if (!Array.isArray(given)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `TensorDataset.subset: expected an array of positions, got ${describeValue(given)}`,
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
    const chosen = own ? positions.map((i) => own[i]!) : [...positions];
    const labels = this.ownTaskLabels;
    return this.derive({
      indices: cpuTensor(chosen, { dtype: 'int64', shape: [chosen.length] }),
      ownTaskLabels: typeof labels === 'object' && labels ? positions.map((i) => labels[i]!) : labels,
      natives: new Map(),
    });
  }

  /** @internal The native dataset of the current transform group; checked and made once. */
  toNative(): NativeDataset {
    const made = this.natives.get(this.transform) ?? this.makeNative();
    this.natives.set(this.transform, made);
    return made;
  }

  [inspect.custom](): string {
    const { inputs, y, taskLabels } = this;
    const x = `x ${describeInputs(inputs, sampleKind)}`;
    return summary('TensorDataset', counted(this.length, 'sample'), x, `y ${sampleKind(y)}`, listed('task labels', taskLabels));
  }

  private makeNative(): NativeDataset {
    return native.createDataset({
      inputs: toNativeInputs(this.inputs),
      targets: this.y.handle,
      indices: this.indices?.handle ?? null,
      taskLabels: cpuTensor(this.ownTaskLabels ?? 0, { dtype: 'int64' }).handle,
      transform: toNativeTransform(typeof this.transform === 'function' ? {} : this.transform),
    });
  }

  private checkTaskLabels(labels: number | readonly number[] | null): void {
    if (!Array.isArray(labels) || labels.length === this.length) return;
    throw new ContinualTorchError(
      'ERR_LENGTH_MISMATCH',
      `TensorDataset: expected one task label, or ${this.length}, got ${labels.length}`,
    );
  }

  private derive(changes: object): TensorDataset {
    return Object.assign(Object.create(TensorDataset.prototype) as TensorDataset, this, changes);
  }
}

const distinct = new WeakMap<readonly number[], readonly number[]>();

/** Looked through once: every metric's name asks for them. */
function distinctLabels(labels: readonly number[]): readonly number[] {
  const known = distinct.get(labels) ?? setOrder(labels);
  distinct.set(labels, known);
  return known;
}

const sampleKind = ({ dtype, shape }: Tensor) => `${dtype} [${shape.slice(1).join(', ')}]`;

/** @internal For messages: dtype and shape of a sample's inputs. */
export const sampleKindOf = ({ inputs }: TensorDataset): string => describeInputs(inputs, sampleKind);

function lengthMismatch(x: Inputs, y: Tensor): ContinualTorchError {
  const shape = (tensor: Tensor) => `[${tensor.shape.join(', ')}]`;
  const got = x instanceof Tensor ? `x of shape ${shape(x)}` : `x of shapes ${describeInputs(x, shape)}`;
  const wayOut = Array.isArray(x) ? '; tensors in an array are inputs of their own, rows become one by torch.stack(rows)' : '';
  return new ContinualTorchError(
    'ERR_LENGTH_MISMATCH',
    `TensorDataset: expected as many targets as inputs, got ${got} and y of shape ${shape(y)}${wayOut}`,
  );
}

function inputs(x: InputValues, count: number | undefined, sampleShape: readonly number[] | undefined): Inputs {
  if (!areSeveral(x)) return input(x, count, sampleShape);
  if (sampleShape === undefined) return mapInputs(x, (values, name) => input(values, count, undefined, `x.${name}`));
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `TensorDataset: expected sampleShape with one typed array alone, got it with ${kindOfInputs(x)}: give tensors of the shapes`,
  );
}

/** A typed array takes `sampleShape`, or fills rows of equal length, one for each target. */
function input(x: unknown, count: number | undefined, sampleShape?: readonly number[], name = 'x'): Tensor {
  if (!ArrayBuffer.isView(x)) return inputValues('TensorDataset', x, undefined, name);
  const { length } = x as TypedArray;
  const shape = sampleShape ?? (count && length % count === 0 && length > 0 ? [length / count] : []);
  return inputValues('TensorDataset', x, [count ?? length, ...shape], name);
}
