import { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError } from '../errors';
import { cpuTensor } from '../tensor/creation';

/** Class labels from here on are refused: a list with a place for each label would be too long. */
const labelLimit = 2 ** 24;

/** A dataset whose samples each belong to a class. */
export class ClassifiedData {
  private constructor(
    readonly data: TensorDataset,
    /** Positions of each class's samples; classes in the order in which they come up. */
    readonly positions: ReadonlyMap<number, readonly number[]>,
    /** From label of the data to class. */
    private readonly classOf: ReadonlyMap<number, number>,
  ) {}

  /** Each label is a class. @throws ERR_INVALID_ARG_VALUE unless every sample has one class label */
  static of(operation: string, name: string, data: TensorDataset): ClassifiedData {
    if (data.y.shape.length !== 1) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected one class label for each sample of ${name}, got targets of shape [${data.y.shape.join(', ')}]`,
      );
    }
    const positions = new Map<number, number[]>();
    data.labels().forEach((label, i) => {
      const list = positions.get(label);
      if (list) list.push(i);
      else positions.set(label, [i]);
    });
    for (const [label, [first]] of positions) {
      if (Number.isInteger(label) && label >= 0 && label < labelLimit) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${operation}: expected the class labels of ${name} to be integers in [0, ${labelLimit}), got ${label} at position ${first}`,
      );
    }
    return new ClassifiedData(data, positions, new Map([...positions.keys()].map((label) => [label, label])));
  }

  /** Classes in the order in which they come up. */
  get classes(): number[] {
    return [...this.positions.keys()];
  }

  /** The same samples, class `c` now called `names.get(c)`. */
  renamed(names: ReadonlyMap<number, number>): ClassifiedData {
    return new ClassifiedData(
      this.data,
      new Map([...this.positions].map(([name, positions]) => [names.get(name)!, positions])),
      new Map([...this.classOf].map(([label, name]) => [label, names.get(name)!])),
    );
  }

  /** The dataset with labels `labels.get(c)` for class `c`; the samples of other classes must not be used any more. */
  labelled(labels: ReadonlyMap<number, number>): TensorDataset {
    const { data } = this;
    const mapping = new Map([...this.classOf].map(([label, name]) => [label, labels.get(name)]));
    if ([...mapping].every(([from, to]) => to === undefined || from === to)) return data;
    const y = data.y.toNumbers().map((label) => mapping.get(label) ?? -1);
    return new TensorDataset(data.inputs, cpuTensor(y, { dtype: 'int64', shape: data.y.shape }), {
      indices: data.indices,
      transform: data.train().transform,
      evalTransform: data.eval().transform,
    });
  }

  /** The class of each sample. */
  labels(): number[] {
    return this.data.labels().map((label) => this.classOf.get(label)!);
  }
}
