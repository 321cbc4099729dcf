import { z } from 'zod';
import { TensorDataset } from '../../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import type { AnyExperience } from '../../hooks/train-options';
import { MultiTaskModule } from '../../models/multi-task-module';
import { native } from '../../native/binding';
import type { NativeModule } from '../../native/types';
import { type AnyModule, forwardBatch, nativeModule } from '../../nn/module';
import { nonNegativeInteger, nonNegativeNumber, parseOptions } from '../../options';
import type { Phase } from '../../phase';
import { anyState, arrayOf, byName, checkState, type State } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import type { Tensor } from '../../tensor/tensor';
import { torch } from '../../torch';
import { callUser } from '../../user-function';
import { DistillationPlugin } from './distillation-plugin';
import { listed, requireSameOptions } from './quadratic-penalty';

/** The option schema of `LwFPlugin`, for strategies that add options of their own. */
export const lwfOptions = {
  alpha: z.union([nonNegativeNumber, z.array(nonNegativeNumber).min(1)], 'a number of at least 0, or an array of one or more of them').default(1),
  temperature: z.number('a number').positive('a number above 0').default(2),
};
const schema = z.object(lwfOptions);
const stateSchema = z.object({
  alpha: anyState.optional(),
  temperature: anyState.optional(),
  experiences: nonNegativeInteger,
  classes: byName(arrayOf(nonNegativeInteger)),
  teacher: anyState,
});

/** Options of `LwFPlugin`. */
export interface LwFPluginOptions {
  /** Weight of the distillation, at least 0; an array: of each experience, one for every one of them. Default 1. */
  alpha?: number | readonly number[];
  /** What outputs are divided by before the softmax, above 0. Default 2. */
  temperature?: number;
}

/** What an `LwFPlugin` remembers. */
export type LwFStateDict = {
  /** Option. */
  alpha: number | number[];
  /** Option. */
  temperature: number;
  /** How many experiences it has behind it. */
  experiences: number;
  /** The classes that each task has shown. */
  classes: Record<string, number[]>;
  /** The model behind the latest experience; null before. */
  teacher: State;
};

/**
 * Learning without Forgetting (Li, Hoiem, "Learning without Forgetting", ECCV 2016, arXiv 1606.09282), with the numbers of
 * Avalanche's `LwFPlugin`: on the data that is learned now, the model shall say of the classes seen before what it said behind the
 * latest experience. From the second experience on the loss gets, S being the classes that a task has shown, T the temperature,
 *
 *     alpha * sum_tasks 1/B sum_x KL( softmax(teacher(x)_S / T) || softmax(model(x)_S / T) )
 *
 * without a factor T^2. Of a multi-task model the heads of all tasks are asked, with a forward pass more; other models have task 0
 * alone, whose classes are those of the data with that task label. As with the reference, the teacher is in the mode that the model is in
 * behind its experience, train mode: dropout is active in it, and its BatchNorm's statistics move. It has the memory of the model.
 * A model in TorchScript is asked on the compute thread; one whose forward is TypeScript on the JavaScript thread.
 *
 * @throws ERR_INVALID_ARG_VALUE, also while training where `alpha` is an array without a value for the experience;
 * ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_DISTILLATION where an experience has no class labels, or the model
 * lacks outputs or heads of its teacher
 */
export class LwFPlugin extends DistillationPlugin {
  /** The weight of the distillation. */
  readonly alpha: number | readonly number[];
  /** What outputs are divided by. */
  readonly temperature: number;
  #classes: ReadonlyMap<number, readonly number[]> = new Map();

  constructor(options?: LwFPluginOptions) {
    const { alpha, temperature } = parseOptions('LwFPlugin', schema, options);
    super(alpha, 'LwFPlugin', 'alpha');
    this.alpha = alpha;
    this.temperature = temperature;
  }

  /** The classes that each task has shown, ascending. */
  get classes(): ReadonlyMap<number, readonly number[]> {
    return this.#classes;
  }

  /** The teacher, the memory itself, and what it has seen. */
  stateDict(): LwFStateDict {
    const classes = Object.fromEntries([...this.#classes].map(([task, of]) => [String(task), [...of]]));
    const alpha = typeof this.alpha === 'number' ? this.alpha : [...this.alpha];
    return { alpha, temperature: this.temperature, experiences: this.experiences, classes, teacher: this.teacher.stateDict() };
  }

  /** Goes on from a state. @throws ERR_STATE_DICT, also where an option is another */
  loadStateDict(state: unknown): void {
    const { alpha, temperature, experiences, classes, teacher } = checkState('LwFPlugin', stateSchema, state);
    requireSameOptions('LwFPlugin', { alpha: listed(this.alpha)!, temperature: this.temperature }, { alpha: listed(alpha), temperature });
    this.#classes = new Map(Object.entries(classes).map(([task, of]) => [Number(task), [...of].sort((a, b) => a - b)]));
    this.load(experiences, teacher);
  }

  /** @internal */
  protected override check({ experience }: Strategy): void {
    classesOfTasks(experience!);
  }

  /** @internal */
  protected override startOver(): void {
    super.startOver();
    this.#classes = new Map();
  }

  /** @internal */
  protected override learned({ experience }: Strategy): () => void {
    const before = this.#classes;
    const classes = new Map(before);
    for (const [task, seen] of classesOfTasks(experience!)) {
      classes.set(task, [...new Set([...(classes.get(task) ?? []), ...seen])].sort((a, b) => a - b));
    }
    this.#classes = classes;
    return () => void (this.#classes = before);
  }

  /** @internal */
  protected override makePhase(student: NativeModule, teacher: NativeModule, alpha: number, model: AnyModule): Phase {
    const { temperature } = this;
    return native.createOutputDistillation(student, teacher, {
      ...{ plugin: 'LwFPlugin', alpha, temperature, isMultiTask: isMultiTask(model), classes: [...this.#classes] },
    });
  }

  /** @internal */
  protected override async addToLoss(strategy: Strategy, teacher: AnyModule, alpha: number): Promise<void> {
    const { model, mbOutput } = strategy;
    const isOfHeads = isMultiTask(model);
    const said = await noGrad(() => outputsOf(teacher, strategy, isOfHeads));
    const says = isOfHeads ? await outputsOf(model, strategy, true) : new Map([[0, mbOutput!]]);
    for (const [task, of] of said) {
      const seen = this.#classes.get(task);
      if (!seen || seen.length === 0) continue;
      const ours = says.get(task);
      requireOutputs(task, seen.at(-1)!, ours, of);
      const chosen = torch.tensor([...seen], { dtype: 'int64', device: of.device });
      const [student, known] = [ours!, of].map((output) => output.indexSelect(1, chosen).div(this.temperature)) as [Tensor, Tensor];
      const divergence = torch.klDiv(torch.logSoftmax(student, 1), torch.softmax(known, 1), 2).div(student.size(0));
      strategy.loss.add_(divergence.mul(alpha));
    }
  }
}

/** Whether it has a head for each task, which answer without task labels. */
const isMultiTask = (model: AnyModule) => model instanceof MultiTaskModule || nativeModule(model).methodNames().includes('forward_all_tasks');

async function outputsOf(model: AnyModule, { mbInputs, mbTaskId }: Strategy, isOfHeads: boolean): Promise<Map<number, Tensor>> {
  const failed = 'LwFPlugin: forward of the model failed';
  if (!isOfHeads) return new Map([[0, (await callUser('ERR_FORWARD', failed, () => forwardBatch(model, mbInputs!, mbTaskId!))) as Tensor]]);
  const outputs = await callUser('ERR_FORWARD', failed, () => model.forward(mbInputs, null));
  if (outputs instanceof Map) return outputs as Map<number, Tensor>;
  throw new ContinualTorchError('ERR_DISTILLATION', `LwFPlugin: expected a multi-task model to give a Map of outputs by task for the task labels null, got ${describeValue(outputs)}`);
}

function requireOutputs(task: number, largest: number, ours: Tensor | undefined, teachers: Tensor): void {
  const hasClasses = (output: Tensor | undefined) => output !== undefined && output.shape.length >= 2 && output.size(1) > largest;
  if (hasClasses(ours) && hasClasses(teachers)) return;
  const shape = (output: Tensor) => `[${output.shape.join(', ')}]`;
  throw new ContinualTorchError(
    'ERR_DISTILLATION',
    `LwFPlugin.beforeBackward: expected model and teacher to have outputs [B, C] of the classes up to ${largest} that task ${task} has shown, ` +
      `got ${ours ? shape(ours) : 'no head of that task'} of the model and ${shape(teachers)} of the teacher`,
  );
}

/** The classes that the data of an experience has of each task. */
function classesOfTasks({ dataset, currentExperience }: AnyExperience): Map<number, Set<number>> {
  const found = new Map<number, Set<number>>();
  const add = (task: number, label: number) => found.set(task, (found.get(task) ?? new Set()).add(label));
  if (dataset instanceof TensorDataset) {
    const tasks = dataset.taskLabelOfEachSample();
    if (dataset.y.shape.length === 1) dataset.labels().forEach((label, i) => add(tasks[i]!, label));
  } else {
    for (const label of dataset.classes) add(dataset.taskLabels[0] ?? 0, label);
  }
  const labels = [...found.values()].flatMap((of) => [...of]);
  if (labels.length > 0 && labels.every((label) => Number.isInteger(label) && label >= 0)) return found;
  const got = labels.find((label) => !(Number.isInteger(label) && label >= 0));
  throw new ContinualTorchError(
    'ERR_DISTILLATION',
    `LwFPlugin: expected the data of experience ${currentExperience} to have class labels, integers of at least 0, got ${got ?? 'none'}`,
  );
}
