import { inspect } from 'node:util';
import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { counted, summary } from '../inspect';
import { native } from '../native/binding';
import type { NativeMiniBatches, NativeTensor } from '../native/types';
import { boolean, instanceOf, parseArgument, parseOptions, positiveInteger } from '../options';
import type { State } from '../state';
import { cpuGenerator, type Generator } from '../tensor/generator';
import { ops } from '../tensor/operators';
import { cpuTensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';
import type { Dataset, MiniBatch } from './dataset';
import { IterableDataset } from './iterable-dataset';
import { TensorDataset } from './tensor-dataset';
import { fromNativeInputs, type Inputs } from './inputs';
import { PassInJavaScript } from './pass-position';
import { applyFunction } from './transform';

const shape = {
  batchSize: positiveInteger.default(1),
  shuffle: boolean.default(false),
  dropLast: boolean.default(false),
  generator: cpuGenerator,
};
const schema = z.object(shape);
const balancedSchema = z.object({ ...shape, oversampleSmallGroups: boolean.default(false) });
const anyDataset = z.union(
  [instanceOf(TensorDataset, ''), instanceOf(IterableDataset, '')],
  'a TensorDataset or an IterableDataset',
);

/** Options of `DataLoader`. */
export interface DataLoaderOptions {
  /** Samples in a mini-batch. Default 1. */
  batchSize?: number;
  /** Draws the samples in random order, anew for each pass. Default false. */
  shuffle?: boolean;
  /** Leaves out a last mini-batch that is not full. Default false. */
  dropLast?: boolean;
  /** On the CPU: draws the order in place of the default generator, as PyTorch's `DataLoader` does. Default null. */
  generator?: Generator | null;
}

/**
 * Mini-batches of a dataset. Each `for await` is a pass of its own. Random numbers are drawn from the default
 * generator, or the one given, as PyTorch's `DataLoader` draws them without workers, so that one seed gives the same order.
 * @typeParam X what the inputs are, one tensor unless you say other
 */
export class DataLoader<Data extends Dataset = Dataset, X extends Inputs = Tensor> implements AsyncIterable<MiniBatch<X>> {
  /** Where the samples come from. */
  readonly dataset: Data;
  /** Samples in a mini-batch. */
  readonly batchSize: number;
  /** Whether each pass draws an order of its own. */
  readonly shuffle: boolean;
  /** Whether a last mini-batch that is not full is left out. */
  readonly dropLast: boolean;
  /** What shuffles draw from; null: the default generator. */
  readonly generator: Generator | null;

  /** @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE (shuffle of an `IterableDataset` too), ERR_UNKNOWN_OPTION */
  constructor(dataset: Data, options?: DataLoaderOptions) {
    const { batchSize, shuffle, dropLast, generator } = parseOptions(new.target.name, schema, options);
    this.dataset = parseArgument(new.target.name, 'dataset', anyDataset, dataset) as Dataset as Data;
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.generator = generator;
    if (shuffle && dataset instanceof IterableDataset) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${new.target.name}: expected shuffle to be false for an IterableDataset, whose samples come in its own order, got true`,
      );
    }
  }

  /** Number of mini-batches of a pass; undefined where the dataset does not know its length. */
  get length(): Data['length'] {
    const samples = this.dataset.length;
    if (samples === undefined) return samples;
    return this.dropLast ? Math.floor(samples / this.batchSize) : Math.ceil(samples / this.batchSize);
  }

  /** One pass: `[x, y, taskId]` of each mini-batch. */
  [Symbol.asyncIterator](): AsyncGenerator<MiniBatch<X>> {
    return this.batches(new PassInJavaScript());
  }

  /** @internal The same, of a pass that says where it stands, and may begin there; null where the class has an iterator of its own. */
  openAt(begin: State | null): { iterator: AsyncGenerator<MiniBatch<X>>; position: () => State | null } | null {
    if (this.isOverridden) return null;
    const pass = new PassInJavaScript(begin);
    const { dataset } = this as { dataset: Dataset };
    // Opening draws random numbers: a pass that goes on does so here, and not with its first mini-batch.
    if (begin !== null && dataset instanceof TensorDataset) pass.gathers(this.open(dataset));
    if (begin !== null && dataset instanceof IterableDataset) dataset.open(pass);
    return { iterator: this.batches(pass), position: () => pass.position() };
  }

  private async *batches(underWay: PassInJavaScript): AsyncGenerator<MiniBatch<X>> {
    const { dataset } = this;
    if (dataset instanceof IterableDataset) {
      // As PyTorch when it opens a loader.
      if (underWay.begin === null) ops.aten.random_!(cpuTensor(0, { dtype: 'int64' }), { generator: this.generator });
      yield* dataset.miniBatches(this.batchSize, this.dropLast, underWay) as AsyncGenerator<MiniBatch<X>>;
      return;
    }
    const inMemory = dataset as Dataset as TensorDataset;
    const pass = underWay.gathered ?? underWay.gathers(this.open(inMemory));
    const { transform } = inMemory;
    for (let batch = pass.next(); batch; batch = pass.next()) {
      const x = fromNativeInputs(batch[0]);
      const transformed = typeof transform === 'function' ? await applyFunction(transform, x) : x;
      yield [transformed as X, new Tensor(batch[1]), new Tensor(batch[2])];
    }
  }

  /** @internal A pass whose mini-batches are gathered on the compute thread; null where JavaScript has a part in them. */
  openNative(): NativeMiniBatches | null {
    const { dataset } = this;
    if (!(dataset instanceof TensorDataset) || typeof dataset.transform === 'function') return null;
    return this.isOverridden ? null : this.open(dataset);
  }

  private get isOverridden(): boolean {
    return this[Symbol.asyncIterator] !== DataLoader.prototype[Symbol.asyncIterator];
  }

  /** @internal Positions of the samples of each group that has a share in every mini-batch; none: all are one group. */
  protected groups(): NativeTensor[] {
    return [];
  }

  /** @internal Whether a group that is through begins again while the longest one is not. */
  protected get oversample(): boolean {
    return false;
  }

  [inspect.custom](): string {
    const { length, batchSize, shuffle, dropLast } = this;
    const options = [`batchSize ${batchSize}`, shuffle ? 'shuffle' : null, dropLast ? 'dropLast' : null];
    return summary(this.constructor.name, counted(length, 'mini-batch', 'mini-batches'), ...options);
  }

  private open(dataset: TensorDataset): NativeMiniBatches {
    const { batchSize, shuffle, dropLast, oversample } = this;
    const groups = this.groups();
    const generator = this.generator && this.generator.handle;
    return native.createMiniBatches(dataset.toNative(), { batchSize, shuffle, dropLast, groups, oversample, generator });
  }
}

/**
 * Mini-batches that hold the same number of samples of each task (the first tasks one more where they do not divide
 * evenly). A pass is as long as the longest task; smaller ones begin again where `oversampleSmallGroups` says so, in a
 * fresh order, else they are missing from the last mini-batches.
 */
export class TaskBalancedDataLoader<X extends Inputs = Tensor> extends DataLoader<TensorDataset, X> {
  private readonly positions: Tensor[];
  private readonly oversampleSmallGroups: boolean;

  /** @throws as `DataLoader`; ERR_INVALID_ARG_VALUE where a mini-batch has fewer samples than there are tasks */
  constructor(dataset: TensorDataset, options?: DataLoaderOptions & { oversampleSmallGroups?: boolean }) {
    const { oversampleSmallGroups, ...rest } = parseOptions('TaskBalancedDataLoader', balancedSchema, options);
    super(parseArgument('TaskBalancedDataLoader', 'dataset', instanceOf(TensorDataset, 'a TensorDataset'), dataset), rest);
    this.oversampleSmallGroups = oversampleSmallGroups;
    const tasks = dataset.taskLabels;
    if (tasks.length > this.batchSize) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `TaskBalancedDataLoader: expected a batchSize of at least the number of tasks, ${tasks.length}, got ${this.batchSize}`,
      );
    }
    this.positions = tasks.length > 1 ? positionsByTask(dataset) : [];
  }

  override get length(): number {
    const count = this.positions.length;
    if (count === 0) return super.length;
    const round = this.dropLast ? Math.floor : Math.ceil;
    const sizeOf = (i: number) => Math.floor(this.batchSize / count) + (i < this.batchSize % count ? 1 : 0);
    return Math.max(...this.positions.map((group, i) => round(group.shape[0]! / sizeOf(i))));
  }

  /** @internal */
  protected override groups(): NativeTensor[] {
    return this.positions.map((group) => group.handle);
  }

  /** @internal */
  protected override get oversample(): boolean {
    return this.oversampleSmallGroups;
  }
}

function positionsByTask(dataset: TensorDataset): Tensor[] {
  const positions = new Map<number, number[]>(dataset.taskLabels.map((label) => [label, []]));
  dataset.taskLabelOfEachSample().forEach((label, i) => positions.get(label)!.push(i));
  return [...positions.values()].map((group) => cpuTensor(group, { dtype: 'int64' }));
}
