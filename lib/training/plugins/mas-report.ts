import { inspect } from 'node:util';
import { TensorboardLogger } from '../../logging/tensorboard-logger';
import type { Module } from '../../nn/module';
import { instanceOf, nonNegativeInteger, parseArgument } from '../../options';
import { noGrad } from '../../tensor/grad-mode';
import type { Tensor } from '../../tensor/tensor';
import { tidy } from '../../tensor/tidy';
import { requireFit } from './fit-of-memory';
import type { MeasuredImportance } from './importance-history';
import { entryOf, layerOf, type MASReportEntry, type MASReportJSON, type MASReportParameter, sumIn, type Sums, sumsOf, together, wide } from './mas-report-entries';
import type { QuadraticPenalty } from './quadratic-penalty';
import { reportTable } from './report-table';

/**
 * What MAS remembers of a model, and what holding it costs at present: numbers that later training leaves as they are.
 * `console.log` shows them as a table, `JSON.stringify` takes them.
 */
export class MASReport {
  /** What multiplies `sum Omega (theta - theta*)^2`: `penaltyScale * lambdaReg`. */
  readonly lambda: number;
  /** Each parameter that is remembered, in the model's order. Where it has grown, new elements do not count. */
  readonly parameters: readonly MASReportParameter[];
  /** The parameters of each layer together. */
  readonly layers: readonly MASReportEntry[];
  /** All together; what is no longer in the model has neither moved nor a penalty. */
  readonly total: MASReportEntry;
  readonly #penalty: QuadraticPenalty;
  readonly #model: Module;

  /** @internal */
  constructor(penalty: QuadraticPenalty, model: Module, history: readonly MeasuredImportance[] | null) {
    this.lambda = penalty.lambda;
    this.#penalty = penalty;
    this.#model = model;
    const sums: Sums[] = [];
    compare(penalty, model, (name, ...tensors) => sums.push({ name, ...sumsOf(...tensors), measured: (history ?? []).map((each) => sumIn(each, name)) }));
    const total = together('total', sums);
    const entry = (of: Sums) => entryOf(of, total, penalty.lambda, history);
    const layers = new Map<string, Sums[]>();
    for (const of of sums) layers.set(layerOf(of.name), [...(layers.get(layerOf(of.name)) ?? []), of]);
    this.total = entry(total);
    this.parameters = sums.map((of) => ({ layer: layerOf(of.name), ...entry(of) }));
    this.layers = [...layers].map(([layer, parts]) => entry(together(layer, parts)));
  }

  /** Plain numbers, arrays and objects. */
  toJSON(): MASReportJSON {
    const { lambda, parameters, layers, total } = this;
    return { lambda, parameters, layers, total };
  }

  /** A table that fits into 80 columns: each layer, its parameters, and all together. */
  toString(): string {
    return reportTable(this);
  }

  /** What `console.log` shows: as `toString`. */
  [inspect.custom](): string {
    return this.toString();
  }

  /**
   * Writes histograms for TensorBoard, of the elements of Omega as `Omega/<name>` and of theta - theta* as `Moved/<name>` (of complex
   * numbers the magnitude). The report keeps no tensors: they are those of the plugin and the model when this is called.
   * `logger.flush()` says when they are on disk.
   * @param step their place on TensorBoard's axis. Default 0.
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_LOG_WRITE; ERR_BUSY while a job uses the memory or the model
   */
  addTo(logger: TensorboardLogger, step = 0): void {
    parseArgument('MASReport.addTo', 'logger', instanceOf(TensorboardLogger, 'a TensorboardLogger'), logger);
    parseArgument('MASReport.addTo', 'step', nonNegativeInteger, step);
    const log = (name: string, value: Tensor) => logger.logMetrics([{ name, value, x: step }]);
    compare(this.#penalty, this.#model, (name, omega, _anchor, moved) => {
      log(`Omega/${name}`, omega);
      if (moved) log(`Moved/${name}`, moved.isComplex() ? moved.abs() : moved);
    });
  }
}

/** Goes through what is remembered, one name at a time, in float64; `moved` is theta - theta*, null where theta is not in the model. */
function compare(
  penalty: QuadraticPenalty,
  model: Module,
  look: (name: string, omega: Tensor, anchor: Tensor, moved: Tensor | null) => void,
): void {
  const { importance, anchor: anchors } = penalty;
  if (!importance || !anchors) return;
  requireFit(penalty, model);
  const parameters = new Map(model.namedParameters());
  const order = [...parameters.keys(), ...importance.keys()].filter((name) => importance.has(name));
  for (const name of new Set(order)) {
    const lookAtOne = () => {
      const anchor = wide(anchors.get(name)!);
      const theta = parameters.get(name);
      const low = theta && anchor.shape.reduce((all, size, dim) => all.narrow(dim, 0, size), theta.detach());
      look(name, wide(importance.get(name)!), anchor, low ? wide(low).to(anchor.device).sub(anchor) : null);
    };
    noGrad(() => tidy(lookAtOne));
  }
}
