import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { ContinualTorchError } from '../errors';
import { Module, nativeModule, stateOf } from '../nn/module';
import { describeModule } from '../nn/repr';
import { scriptModule } from '../nn/script-module';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { checkState, type State } from '../state';
import { slice } from '../tensor/indexing';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { classesOf, taskLabelsOf } from './dynamic-module';
import { IncrementalClassifier, maskValue, requireUnits, unitCount } from './incremental-classifier';
import { multiHeadMethods, unitsName } from './multi-head-script';
import { extraSchema, noteClasses, ScriptedMultiTaskModule } from './multi-task-module';
import { activate, grown, noUnits } from './units';

/** @internal What models with such a classifier let through to it. */
export const headOptions = {
  masking: boolean.default(true),
  fill: z.enum(['zero', 'maskValue'], '"zero" or "maskValue"').default('zero'),
};

const schema = z.object({
  initialOutFeatures: unitCount.default(2),
  maskValue: maskValue.default(-1000),
  ...headOptions,
});

const headsSchema = extraSchema.extend({ heads: z.array(z.int().min(0)) });

/** Options of `models.MultiHeadClassifier`. */
export interface MultiHeadClassifierOptions {
  /** Units of a new head. Default 2. */
  initialOutFeatures?: number;
  /** Whether the outputs of classes that have not been trained in a task are `maskValue`. Default true. */
  masking?: boolean;
  /** Default -1000. */
  maskValue?: number;
  /**
   * What the columns of a mixed mini-batch's output hold that the head of a sample's task does not have. "zero", the
   * default, is what Avalanche does: such a column takes part in softmax and argmax with 0. "maskValue" keeps it out.
   */
  fill?: 'zero' | 'maskValue';
}

/** The heads of a multi-head classifier by task label (in PyTorch a ModuleDict), in the order in which they came. */
export class TaskHeads extends Module<never> {
  constructor(heads: Iterable<readonly [task: number, head: IncrementalClassifier]> = []) {
    super();
    for (const [task, head] of heads) this.set(task, head);
  }

  /** The number of heads. */
  get size(): number {
    return headsOf(this).size;
  }

  /** Whether a task has a head. */
  has(task: number): boolean {
    return headsOf(this).has(task);
  }

  /** The head of a task. */
  get(task: number): IncrementalClassifier | undefined {
    return headsOf(this).get(task);
  }

  /** Gives a task another head. @throws ERR_INVALID_ARG_TYPE */
  set(task: number, head: IncrementalClassifier): this {
    stateOf(this).give('classifiers', String(task), head);
    return this;
  }

  /** The tasks. */
  keys(): IterableIterator<number> {
    return headsOf(this).keys();
  }

  /** The heads. */
  values(): IterableIterator<IncrementalClassifier> {
    return headsOf(this).values();
  }

  /** Task labels and heads. */
  [Symbol.iterator](): IterableIterator<[task: number, head: IncrementalClassifier]> {
    return headsOf(this)[Symbol.iterator]();
  }

  override toString(): string {
    return describeModule('ModuleDict', '', [...this].map(([task, head]) => [String(task), head.toString()]));
  }
}

/** The heads by task label. */
const headsOf = (heads: TaskHeads): ReadonlyMap<number, IncrementalClassifier> =>
  new Map(stateOf(heads).held().map(([task, head]) => [Number(task), head as IncrementalClassifier]));

const maskedWith = Symbol('maskedWith');
const newHead = Symbol('newHead');

/**
 * An output layer for each task (Avalanche's MultiHeadClassifier): `IncrementalClassifier`s `classifiers.TASK`, without
 * masking of their own, and int8 buffers `active_units_TTASK`. The head of task 0 is there from the start.
 *
 * `adaptation` makes the head of the experience's task where there is none, in eval mode too; gives it a unit for every
 * label up to the experience's largest one; and in train mode activates the units of the experience's classes. With
 * `masking`, outputs of units that are not active are `maskValue`.
 */
export class MultiHeadClassifier extends ScriptedMultiTaskModule {
  /** The heads by task label. */
  declare classifiers: TaskHeads;
  /** Whether classes that a task has not shown yet are masked. */
  readonly masking: boolean;
  private readonly [maskedWith]: number;
  private readonly [newHead]: () => IncrementalClassifier;

  constructor(inFeatures: number, options?: MultiHeadClassifierOptions) {
    const width = parseArgument('MultiHeadClassifier', 'inFeatures', positiveInteger, inFeatures);
    const o = parseOptions('MultiHeadClassifier', schema, options);
    const makeHead = () =>
      new IncrementalClassifier(width, { initialOutFeatures: o.initialOutFeatures, masking: false, autoAdapt: false });
    const first = makeHead();
    const fillValue = o.fill === 'zero' ? 0 : o.maskValue;
    super(
      scriptModule<MultiHeadClassifier>('MultiHeadClassifier', {
        attributes: {
          masking: ['bool', o.masking],
          mask_value: ['float', o.maskValue],
          fill_value: ['float', fillValue],
          max_class_label: ['int', o.initialOutFeatures],
          known_train_tasks_labels: ['int[]', []],
        },
        children: { classifiers: new TaskHeads([[0, first]]) },
        buffers: { [unitsName(0)]: noUnits(requireUnits(first.classifier).weight) },
        source: (children) => multiHeadMethods([...(children.get('classifiers') as TaskHeads).keys()]),
        forward: (self, input: Tensor, taskLabels: Tensor | number | null) => self.forwardHeads(input, taskLabels, fillValue),
      }),
    );
    noteClasses(this, o.initialOutFeatures);
    this.masking = o.masking;
    this[maskedWith] = o.maskValue;
    this[newHead] = makeHead;
  }

  /** The active units of each task in `knownTrainTasksLabels`. */
  get activeUnits(): Map<number, number[]> {
    return new Map(
      this.knownTrainTasksLabels.map((task) => [
        task,
        this.activeOf(task).toNumbers().flatMap((on, unit) => (on ? [unit] : [])), // prettier-ignore
      ]),
    );
  }

  private activeOf(task: number): Tensor {
    return stateOf(this).get('buffer', unitsName(task)) as Tensor;
  }

  /**
   * @throws ERR_NO_TASK_LABELS; ERR_MODEL_ADAPTATION for an experience without classes, with labels that are none, or, with
   * masking, of several tasks; ERR_BUSY
   */
  override adaptation(experience: Experience<Dataset>): void {
    const classes = classesOf('MultiHeadClassifier.adaptation', experience);
    const tasks = taskLabelsOf('MultiHeadClassifier.adaptation', experience);
    if (this.masking && tasks.length > 1) {
      throw new ContinualTorchError(
        'ERR_MODEL_ADAPTATION',
        `MultiHeadClassifier.adaptation: expected one task label for each experience, got [${tasks.join(', ')}]; ` +
          '{ masking: false } takes several',
      );
    }
    const native = nativeModule(this);
    native.checkIdle('adaptation');
    super.adaptation(experience);
    this.noteInScript();
    for (const task of tasks) {
      const head = this.classifiers.get(task) ?? this.addHead(task);
      head.adaptation(experience);
      if (this.masking) this.activate(task, requireUnits(head.classifier).weight.size(0), classes);
    }
  }

  /** What the methods in TorchScript read. */
  private noteInScript(): void {
    const native = nativeModule(this);
    native.setAttribute('max_class_label', this.maxClassLabel);
    native.setAttribute('known_train_tasks_labels', this.knownTrainTasksLabels);
  }

  /** Classes, tasks, and which of them have a head. */
  override getExtraState(): State {
    return { ...(super.getExtraState() as object), heads: [...this.classifiers.keys()] };
  }

  /** Makes the heads that there were. @throws ERR_STATE_DICT, ERR_BUSY */
  override setExtraState(state: State): void {
    const { heads, ...rest } = checkState('MultiHeadClassifier', headsSchema, state);
    super.setExtraState(rest);
    for (const task of heads) if (!this.classifiers.has(task)) this.addHead(task);
    this.noteInScript();
  }

  private activate(task: number, units: number, classes: number[]): void {
    const active = grown(unitsName(task), this.activeOf(task), Math.max(units, Math.max(...classes) + 1));
    if (this.training) activate(active, classes);
    stateOf(this).set('buffer', unitsName(task), active);
  }

  private addHead(task: number): IncrementalClassifier {
    const { device, dtype } = this.parameters()[0]!;
    const head = this[newHead]().to({ device, dtype });
    this.classifiers.set(task, head);
    stateOf(this).addBuffer(unitsName(task), noUnits(requireUnits(head.classifier).weight));
    return head;
  }

  /** What `multiHeadMethods` do, with heads that are written in TypeScript. */
  private forwardHeads(input: Tensor, taskLabels: Tensor | number | null, fillValue: number): Tensor | Map<number, Tensor> {
    if (taskLabels === null) return new Map(this.knownTrainTasksLabels.map((task) => [task, this.headOutput(input, task)]));
    if (typeof taskLabels === 'number') return this.headOutput(input, taskLabels);
    const { dtype, device } = input;
    const output = ops.aten.full!([input.size(0), this.maxClassLabel], fillValue, { dtype, device }) as Tensor;
    for (const task of new Set(taskLabels.toNumbers())) {
      const chosen = taskLabels.eq(task);
      const part = this.headOutput(input.index([chosen]), task);
      output.indexPut_([chosen, slice(0, part.size(1))], part);
    }
    return output;
  }

  private headOutput(input: Tensor, task: number): Tensor {
    const head = this.classifiers.get(task);
    if (!head) {
      throw new ContinualTorchError('ERR_FORWARD', `MultiHeadClassifier: expected a task that has a head, got ${task}`);
    }
    const output = head.forward(input);
    if (!this.masking) return output;
    const active = this.activeOf(task);
    const lacking = output.size(-1) - active.size(0);
    const units = lacking > 0 ? (ops.aten.constant_pad_nd!(active, [0, lacking]) as Tensor) : active;
    return output.maskedFill(units.logicalNot(), this[maskedWith]);
  }
}
