import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { isScripted, runScript, runsTorchScript, stateOf } from '../nn/module';
import { checkState, type State } from '../state';
import { requireTensor, Tensor } from '../tensor/tensor';
import { classesOf, DynamicModule, maxClasses, taskLabelsOf } from './dynamic-module';

/** @internal */
export const extraSchema = z.object({
  maxClassLabel: z.int().min(0).max(maxClasses),
  knownTrainTasksLabels: z.array(z.int().min(0)),
});

// Symbols, and no private fields: a copy of a module has what its constructor would have given it.
const classes = Symbol('classes');
const trainTasks = Symbol('trainTasks');

/** @internal There are at least this many classes. */
export let noteClasses: (module: MultiTaskModule<unknown>, classes: number) => void;

/**
 * A module whose output depends on the task that a sample belongs to (Avalanche's MultiTaskModule). Strategies pass it the
 * mini-batch's task labels.
 */
export abstract class MultiTaskModule<Output = Tensor> extends DynamicModule<Output> {
  private [classes] = 0;
  private readonly [trainTasks] = new Set<number>();

  static {
    noteClasses = (module, count) => {
      module[classes] = Math.max(module[classes], count);
    };
  }

  /** Largest class label of all experiences that this was adapted to, in train or eval mode, plus 1. */
  get maxClassLabel(): number {
    return this[classes];
  }

  /** Tasks of the experiences that this was adapted to in train mode, ascending. */
  get knownTrainTasksLabels(): number[] {
    return [...this[trainTasks]].sort((a, b) => a - b);
  }

  /** Whether `forward` takes the task label of each sample; one in TypeScript does with a second parameter. */
  override get takesTaskLabels(): boolean {
    return isScripted(this) ? super.takesTaskLabels : this.forward.length >= 2;
  }

  /**
   * Notes the classes and, in train mode, the tasks of an experience.
   * @throws ERR_NO_TASK_LABELS, ERR_MODEL_ADAPTATION where its classes or task labels are none
   */
  adaptation(experience: Experience<Dataset>): void {
    const operation = `${this.constructor.name}.adaptation`;
    const tasks = taskLabelsOf(operation, experience);
    noteClasses(this, Math.max(...classesOf(operation, experience)) + 1);
    if (this.training) for (const task of tasks) this[trainTasks].add(task);
  }

  /** Classes and tasks, for a checkpoint; see `nn.HasExtraState`. */
  getExtraState(): State {
    return { maxClassLabel: this[classes], knownTrainTasksLabels: this.knownTrainTasksLabels };
  }

  /** Takes what `getExtraState` gave. @throws ERR_STATE_DICT */
  setExtraState(state: State): void {
    const { maxClassLabel, knownTrainTasksLabels } = checkState(this.constructor.name, extraSchema, state);
    this[classes] = maxClassLabel;
    this[trainTasks].clear();
    for (const task of knownTrainTasksLabels) this[trainTasks].add(task);
  }

  /**
   * A subclass says what it takes: an input and the task label of each sample (int64 `[B]`), where it declares two parameters.
   */
  override forward(input: Tensor, ...taskLabels: unknown[]): Output {
    return runScript(this, input, ...(taskLabels as Tensor[])) as Output;
  }
}
runsTorchScript(MultiTaskModule.prototype.forward);

/** A multi-task model whose forward is TorchScript. */
export abstract class ScriptedMultiTaskModule extends MultiTaskModule {
  /**
   * @param input `[B, ...]`
   * @param taskLabels int64 `[B]`: each sample goes to the head of its task, the result is `[B, maxClassLabel]`. A number:
   * all samples go to that task's head, whose output comes as it is. null: the outputs of all tasks in
   * `knownTrainTasksLabels`, by task.
   * @throws ERR_BUSY; ERR_NO_TASK_LABELS without task labels; ERR_TORCH, for a task without a head for example
   */
  override forward(input: Tensor, taskLabels?: Tensor | number): Tensor;
  override forward(input: Tensor, taskLabels: null): Map<number, Tensor>;
  override forward(input: Tensor, taskLabels?: Tensor | number | null): Tensor | Map<number, Tensor> {
    const { handle } = requireTensor('forward', input);
    if (taskLabels instanceof Tensor) return runScript(this, input, taskLabels) as Tensor;
    if (taskLabels === null || Number.isInteger(taskLabels)) {
      const native = stateOf(this).runnable();
      if (!native) return runScript(this, input, taskLabels) as Tensor;
      if (taskLabels !== null) return new Tensor(native.forwardSingleTask(handle, taskLabels as number));
      return new Map(native.forwardAllTasks(handle).map(([task, output]) => [task, new Tensor(output)]));
    }
    throw new ContinualTorchError(
      taskLabels === undefined ? 'ERR_NO_TASK_LABELS' : 'ERR_INVALID_ARG_TYPE',
      'forward: expected task labels as a Tensor, one task as an integer, or null for all tasks, ' +
        `got ${describeValue(taskLabels)}`,
    );
  }
}

runsTorchScript(ScriptedMultiTaskModule.prototype.forward);

/**
 * @internal The TorchScript methods of a model whose features go to the multi-head classifier `head`.
 * @param features body of a method from `input` to its features, indented
 */
export function multiTaskMethods(head: string, features: string): string {
  return `
def get_features(self, input: Tensor) -> Tensor:
${features}

def forward(self, input: Tensor, task_labels: Tensor) -> Tensor:
  return self.${head}.forward(self.get_features(input), task_labels)

def forward_single_task(self, input: Tensor, task_label: int) -> Tensor:
  return self.${head}.forward_single_task(self.get_features(input), task_label)

def forward_all_tasks(self, input: Tensor) -> Dict[int, Tensor]:
  return self.${head}.forward_all_tasks(self.get_features(input))
`;
}
