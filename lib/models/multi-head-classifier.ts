import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { ContinualTorchError } from '../errors';
import { createModule, type Module } from '../nn/module';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { classesOf, taskLabelsOf } from './dynamic-module';
import { IncrementalClassifier, maskValue, unitCount } from './incremental-classifier';
import { ScriptedMultiTaskModule } from './multi-task-module';

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
  readonly classifiers: ReadonlyMap<number, IncrementalClassifier>;
  readonly masking: boolean;
  private readonly newHead: () => IncrementalClassifier;

  constructor(inFeatures: number, options?: MultiHeadClassifierOptions) {
    const width = parseArgument('MultiHeadClassifier', 'inFeatures', positiveInteger, inFeatures);
    const o = parseOptions('MultiHeadClassifier', schema, options);
    const newHead = () =>
      new IncrementalClassifier(width, { initialOutFeatures: o.initialOutFeatures, masking: false, autoAdapt: false });
    const first = newHead();
    const fillValue = o.fill === 'zero' ? 0 : o.maskValue;
    super(createModule('MultiHeadClassifier', first.handle, o.masking, o.maskValue, fillValue));
    this.note(o.initialOutFeatures);
    this.classifiers = new Map([[0, first]]);
    this.masking = o.masking;
    this.newHead = newHead;
  }

  override namedChildren(): Map<string, Module> {
    return new Map([...this.classifiers].map(([task, head]) => [`classifiers.${task}`, head]));
  }

  /** The active units of each task in `knownTrainTasksLabels`. */
  get activeUnits(): Map<number, number[]> {
    const buffers = this.namedBuffers();
    const active = (task: number) => buffers.get(`active_units_T${task}`)!.toNumbers();
    return new Map(
      this.knownTrainTasksLabels.map((task) => [task, active(task).flatMap((on, unit) => (on ? [unit] : []))]),
    );
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
    super.adaptation(experience);
    this.handle.setKnown(this.maxClassLabel, this.knownTrainTasksLabels);
    for (const task of tasks) {
      const head = this.classifiers.get(task) ?? this.addHead(task);
      head.adaptation(experience);
      this.handle.activateUnits(task, classes);
    }
  }

  private addHead(task: number): IncrementalClassifier {
    const head = this.newHead().to(this.parameters()[0]!.device);
    this.handle.addHead(task, head.handle);
    (this.classifiers as Map<number, IncrementalClassifier>).set(task, head);
    return head;
  }
}
