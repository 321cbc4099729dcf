import { inspect } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { counted, listed, summary } from '../inspect';
import { integer, nonNegativeInteger, parseArgument, parseOptions } from '../options';
import { ops } from '../tensor/operators';
import { cpuTensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';
import { failure } from '../user-function';
import type { Dataset, MiniBatch } from './dataset';
import { type Inputs, kindOfInputs, mapInputs } from './inputs';
import { PassInJavaScript } from './pass-position';
import { applyFunction, type TransformFunction } from './transform';
import { areSeveral, type InputValues, inputValues, requireSameKind, targetValues, type Values } from './values';

/** Input (or several, as in a mini-batch), target and, where each sample says, its task label. */
export type Sample = readonly [x: InputValues, y: Values, taskLabel?: number];

/** Opens the source anew, for one pass over all samples. */
export type SampleSource = () => AsyncIterable<Sample> | Iterable<Sample>;

const transformFunction = z.custom<TransformFunction<never>>((value) => typeof value === 'function', 'a function');
const schema = z.object({
  length: nonNegativeInteger.optional(),
  classes: z.array(integer, 'an array of class labels').default([]),
  taskLabel: integer.nullable().default(null),
  transform: transformFunction.nullable().default(null),
  evalTransform: transformFunction.nullable().optional(),
});

/** Options of `IterableDataset`. `X`: what the inputs of its mini-batches are, one tensor unless you say other. */
export interface IterableDatasetOptions<X extends Inputs = Tensor> {
  /** Number of samples of a pass, where it is known: for progress, and so that an empty source is refused early. */
  length?: number;
  /** Class labels that come up: growing heads need them. Default: none. */
  classes?: readonly number[];
  /** Of all samples that do not say theirs. Default null: the data carries none. */
  taskLabel?: number | null;
  /** Of a mini-batch's inputs when they are trained on. Default: none. */
  transform?: TransformFunction<X> | null;
  /** Of a mini-batch's inputs when they are evaluated. Default: the same. */
  evalTransform?: TransformFunction<X> | null;
}

/**
 * Samples that come one after the other from a source, for data that does not fit in memory. Every pass (an epoch, an
 * evaluation, MAS's importance pass) opens the source anew and reads it to its end, in its order: it cannot be shuffled.
 *
 * ```ts
 * new IterableDataset(async function* () {
 *   for await (const line of readline.createInterface({ input: createReadStream('samples.jsonl') })) {
 *     const { pixels, label } = JSON.parse(line);
 *     yield [new Float32Array(pixels), label];
 *   }
 * });
 * ```
 */
export class IterableDataset implements Dataset {
  /** Number of samples, where the option says so. */
  readonly length: number | undefined;
  /** The distinct labels, as the option says. */
  readonly classes: readonly number[];
  private readonly source: SampleSource;
  private readonly taskLabel: number | null;
  private readonly transforms: { train: TransformFunction<never> | null; eval: TransformFunction<never> | null };
  private readonly group: 'train' | 'eval' = 'train';

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION */
  constructor(source: SampleSource, options?: IterableDatasetOptions);
  constructor(source: SampleSource, options: IterableDatasetOptions<readonly Tensor[]>);
  constructor(source: SampleSource, options: IterableDatasetOptions<{ readonly [name: string]: Tensor }>);
  constructor(source: SampleSource, options?: unknown) {
    const given = z.custom<SampleSource>((value) => typeof value === 'function', 'a function that opens the source');
    this.source = parseArgument('IterableDataset', 'source', given, source);
    const { length, classes, taskLabel, transform, evalTransform } = parseOptions('IterableDataset', schema, options);
    this.length = length;
    this.classes = [...new Set(classes)].sort((a, b) => a - b);
    this.taskLabel = taskLabel;
    this.transforms = { train: transform, eval: evalTransform === undefined ? transform : evalTransform };
  }

  /** `[taskLabel]`, or none where the data carries none. */
  get taskLabels(): readonly number[] {
    return this.taskLabel === null ? [] : [this.taskLabel];
  }

  /** The same source with the training transform. */
  train(): IterableDataset {
    return this.derive({ group: 'train' });
  }

  /** The same source with the evaluation transform. */
  eval(): IterableDataset {
    return this.derive({ group: 'eval' });
  }

  /** @internal The first samples of the source. */
  take(count: number): IterableDataset {
    const { source, length } = this;
    return this.derive({ source: () => firstOf(count, source()), length: length === undefined ? undefined : Math.min(count, length) });
  }

  /** @throws ERR_INVALID_ARG_TYPE unless there is one label for all samples */
  withTaskLabels(taskLabels: number | readonly number[]): IterableDataset {
    return this.derive({ taskLabel: parseArgument('IterableDataset.withTaskLabels', 'taskLabels', integer, taskLabels) });
  }

  /**
   * One pass over the source, `batchSize` samples at a time.
   * @throws ERR_DATA_SOURCE where the source fails (its error is the cause), gives nothing, or gives samples of other inputs
   * than the first; ERR_SHAPE for samples of different shapes
   */
  miniBatches(batchSize: number, dropLast: boolean): AsyncGenerator<MiniBatch<Inputs>>;
  /** @internal */
  miniBatches(batchSize: number, dropLast: boolean, pass: PassInJavaScript): AsyncGenerator<MiniBatch<Inputs>>;
  /** Both. */
  async *miniBatches(batchSize: number, dropLast: boolean, pass = new PassInJavaScript()): AsyncGenerator<MiniBatch<Inputs>> {
    let samples: Sample[] = [];
    let count = 0;
    for await (const sample of this.samples(pass)) {
      samples.push(sample);
      count++;
      if (samples.length < batchSize) continue;
      yield await this.collate(samples);
      samples = [];
    }
    if (count === 0 && pass.begin === null) {
      throw new ContinualTorchError('ERR_DATA_SOURCE', 'IterableDataset: expected samples from the source, got none');
    }
    if (samples.length > 0 && !dropLast) yield await this.collate(samples);
  }

  /** @internal Opens the source for a pass, where it stands if it goes on. @throws what the source throws */
  open(pass: PassInJavaScript): AsyncIterable<Sample> | Iterable<Sample> {
    return pass.opens(this.source());
  }

  [inspect.custom](): string {
    return summary('IterableDataset', counted(this.length, 'sample'), listed('task labels', this.taskLabels));
  }

  private async *samples(pass: PassInJavaScript): AsyncGenerator<Sample> {
    let count = 0;
    let kind: string | null = null;
    try {
      for await (const sample of pass.opened ?? this.open(pass)) {
        requireSample(sample, count);
        kind ??= kindOf(sample);
        if (kindOf(sample) !== kind) throw otherInputs(kind, kindOf(sample), count);
        count++;
        yield sample;
      }
    } catch (thrown) {
      throw failure('ERR_DATA_SOURCE', `IterableDataset: the source failed after ${count} samples`, thrown);
    }
  }

  private async collate(samples: Sample[]): Promise<MiniBatch<Inputs>> {
    const [[first]] = samples as [Sample];
    const x = areSeveral(first)
      ? mapInputs(first as { readonly [name: string]: Values }, (_, name) =>
          stack(`x.${name}`, samples.map(([values]) => (values as { readonly [name: string]: Values })[name]!)), // prettier-ignore
        )
      : stack('x', samples.map(([values]) => values as Values));
    const y = stack('y', samples.map(([, value]) => value));
    const taskId = cpuTensor(samples.map(([, , label]) => label ?? this.taskLabel ?? 0), { dtype: 'int64' });
    const transform = this.transforms[this.group];
    return [transform ? await applyFunction(transform, x) : x, y, taskId];
  }

  private derive(changes: object): IterableDataset {
    return Object.assign(Object.create(IterableDataset.prototype) as IterableDataset, this, changes);
  }
}

function requireSample(sample: unknown, index: number): void {
  if (Array.isArray(sample) && (sample.length === 2 || sample.length === 3)) return;
  throw new ContinualTorchError(
    'ERR_DATA_SOURCE',
    `IterableDataset: expected samples [x, y] or [x, y, taskLabel], got ${describeValue(sample)} at index ${index}`,
  );
}

const kindOf = ([x]: Sample) => (areSeveral(x) ? kindOfInputs(x) : 'one tensor');

function otherInputs(kind: string, other: string, index: number): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_DATA_SOURCE',
    `IterableDataset: expected samples whose x is ${kind}, as in the first, got ${other} at index ${index}`,
  );
}

/** Samples' values along a new first dimension; integers given as plain numbers are class labels, int64. */
function stack(name: string, values: Values[]): Tensor {
  if (name === 'y' && values.every((value) => !(value instanceof Tensor || ArrayBuffer.isView(value) || Array.isArray(value)))) {
    return targetValues('IterableDataset', values);
  }
  const tensors = values.map((value) => (typeof value === 'number' ? cpuTensor(value) : inputValues('IterableDataset', value, undefined, name)));
  requireSameKind('IterableDataset', name, tensors);
  return ops.aten.stack!(tensors) as Tensor;
}

async function* firstOf<T>(count: number, source: AsyncIterable<T> | Iterable<T>): AsyncGenerator<T> {
  let left = count;
  for await (const each of source) {
    yield each;
    if (--left === 0) return;
  }
}
