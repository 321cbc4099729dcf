import type { Tensor } from '../tensor/tensor';

/** A value of a metric at one moment. */
export interface MetricValue {
  /** Unlike any other metric's; see `metricName` for the names of the metrics here. */
  name: string;
  /** A number; for some metrics, such as the confusion matrix, a tensor. */
  value: number | Tensor;
}

/** A value with its place in the metric's curve. */
export interface EmittedMetric extends MetricValue {
  /** Training iterations made by then (`strategy.clock.trainIterations`). */
  x: number;
}

/** Metrics here whose values are numbers. */
type NumberMetric =
  | `Top1_Acc_${'MB' | 'Epoch' | 'Exp' | 'Stream'}`
  | 'Top1_RunningAcc_Epoch'
  | 'Accuracy_On_Trained_Experiences'
  | `${'Loss' | 'Time'}_${'MB' | 'Epoch' | 'Exp' | 'Stream'}`
  | `Running${'Loss' | 'Time'}_Epoch`
  | `${'Experience' | 'Stream'}${'Forgetting' | 'BWT' | 'ForwardTransfer'}`;

/** What there is for each metric by its name: numbers, for `ConfusionMatrix_Stream` tensors, either for another name. */
export interface ByMetricName<OfNumbers extends OfOthers, OfTensors extends OfOthers, OfOthers> {
  [name: `${NumberMetric}/${string}`]: OfNumbers;
  [name: `ConfusionMatrix_Stream/${string}`]: OfTensors;
  [name: string]: OfOthers;
}

/** The latest value of each metric by name. */
export type LastMetrics = ByMetricName<number, Tensor, number | Tensor>;

/** The values of a metric, and the training iterations made by then. */
export type History<Value> = [xs: number[], values: Value[]];

/** Every value of each metric by name, and the training iterations made by then. */
export type AllMetrics = ByMetricName<History<number>, History<Tensor>, History<number | Tensor>>;
