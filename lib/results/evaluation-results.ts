import { inspect, type InspectOptions } from 'node:util';
import { counted } from '../inspect';
import { Tensor } from '../tensor/tensor';
import { type AccuracyMatrix, averageAccuracy, averageForgetting } from './accuracy-matrix';

/** Every value that a metric has had. */
export interface Curve {
  /** Training iterations made by the time of each value. */
  x: number[];
  /** The values. */
  y: (number | Tensor)[];
}

/** Numbers of a tensor, nested like it. */
export type NestedArray = number | NestedArray[];

/** `EvaluationResults` as plain JSON. */
export type EvaluationResultsJSON = Pick<
  EvaluationResults,
  'accuracyMatrix' | 'initialAccuracy' | 'averageAccuracy' | 'averageForgetting'
> & {
  /** Every value of every metric, by name. */
  curves: Record<string, CurveJSON>;
  /** Only where there have been several. */
  benchmarks?: EvaluationResultsJSON[];
};

/** A `Curve` as plain JSON. */
export interface CurveJSON {
  /** Training iterations made by the time of each value. */
  x: number[];
  /** The values; a tensor's elements nested like it. */
  y: NestedArray[];
}

/**
 * What an evaluator has measured so far: a copy that later training leaves as it is. `JSON.stringify` takes it.
 *
 * An accuracy is that of the latest evaluation made while an experience was the last one whose training had begun; what is
 * evaluated while another benchmark is learned stands in the curves alone. Streams go by name: of several benchmarks with
 * streams of one name the matrices are those evaluated last, and the curves have the values of all; `benchmarks` has each by
 * itself.
 */
export class EvaluationResults {
  /** Average accuracy of each stream, see `averageAccuracy`. */
  readonly averageAccuracy: Record<string, number>;
  /** Average forgetting of each stream, see `averageForgetting`. */
  readonly averageForgetting: Record<string, number>;
  /** The results of each benchmark by itself, in the order in which they first came up. */
  readonly benchmarks: readonly EvaluationResults[];

  /** @internal */
  constructor(
    /** By metric name; empty where `collectAll` is off. */
    readonly curves: Record<string, Curve>,
    /** Of each stream: row i after training on experience i, column k the accuracy on experience k, or null. */
    readonly accuracyMatrix: Record<string, AccuracyMatrix>,
    /** Of each stream: the accuracies before any training, where there was an evaluation then. */
    readonly initialAccuracy: Record<string, (number | null)[]>,
    benchmarks: readonly EvaluationResults[] = [],
  ) {
    this.benchmarks = benchmarks.length > 1 ? benchmarks : [this];
    this.averageAccuracy = mapValues(accuracyMatrix, averageAccuracy);
    this.averageForgetting = mapValues(accuracyMatrix, averageForgetting);
  }

  /** Plain numbers, arrays and objects; tensors as nested arrays. */
  toJSON(): EvaluationResultsJSON {
    const { accuracyMatrix, initialAccuracy } = this;
    return {
      accuracyMatrix,
      initialAccuracy,
      averageAccuracy: this.averageAccuracy,
      averageForgetting: this.averageForgetting,
      curves: mapValues(this.curves, ({ x, y }) => ({
        x,
        y: y.map((value) => (value instanceof Tensor ? nestedArray(value) : value)),
      })),
      ...(this.benchmarks.length > 1 && { benchmarks: this.benchmarks.map((each) => each.toJSON()) }),
    };
  }

  /** Everything but the values of the curves, which are counted. */
  [inspect.custom](_depth: number, options: InspectOptions): string {
    const { accuracyMatrix, initialAccuracy, averageAccuracy, averageForgetting } = this;
    const lengths = mapValues(this.curves, ({ x }) => new Shown(counted(x.length, 'value')));
    const shown = { accuracyMatrix, initialAccuracy, averageAccuracy, averageForgetting, curves: lengths };
    const benchmarks = this.benchmarks.length > 1 ? { benchmarks: new Shown(counted(this.benchmarks.length, 'benchmark')) } : {};
    return `EvaluationResults ${inspect({ ...shown, ...benchmarks }, { ...options, depth: 4 })}`;
  }
}

/** A text without quotes in what is printed. */
class Shown {
  constructor(private readonly text: string) {}

  [inspect.custom](): string {
    return this.text;
  }
}

function mapValues<T, U>(record: Record<string, T>, map: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** The elements of a tensor, nested like it; a number for a scalar. */
export function nestedArray(tensor: Tensor): NestedArray {
  const numbers = tensor.toNumbers();
  const nest = ([size, ...inner]: number[], begin: number): NestedArray => {
    if (size === undefined) return numbers[begin]!;
    const stride = inner.reduce((product, length) => product * length, 1);
    return Array.from({ length: size }, (_, i) => nest(inner, begin + i * stride));
  };
  return nest(tensor.shape, 0);
}
