import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { setOrder } from '../data/python-set';
import { ContinualTorchError, describeValue } from '../errors';
import { Module } from '../nn/module';
import { integer } from '../options';
import type { Tensor } from '../tensor/tensor';

/** A module that changes with the experiences: an output layer that grows, for example. */
export abstract class DynamicModule<Output = Tensor> extends Module<Output> {
  /**
   * @internal
   * @param autoAdapt whether `avalancheModelAdaptation` reaches this module inside another one. False: the module
   * around it adapts it.
   */
  constructor(
    script?: unknown,
    readonly autoAdapt: boolean = true,
  ) {
    super(script);
  }

  /**
   * Changes this module alone (not its children) for an experience: in train mode before it is learned, in eval mode
   * before it is evaluated.
   */
  abstract adaptation(experience: Experience<Dataset>): void;
}

/** Labels from here on are refused: an output layer has a unit for every label up to the largest one. */
export const maxClasses = 2 ** 20;
const classLabels = z.array(integer.min(0).lt(maxClasses)).min(1);
const taskLabels = z.array(integer.min(0)).min(1);

/** @internal The classes of an experience. @throws ERR_MODEL_ADAPTATION */
export function classesOf(operation: string, experience: Experience<Dataset>): number[] {
  const classes: unknown = experience?.classesInThisExperience;
  const parsed = classLabels.safeParse(classes);
  if (parsed.success) return parsed.data;
  throw new ContinualTorchError(
    'ERR_MODEL_ADAPTATION',
    `${operation}: expected experience.classesInThisExperience to be one or more integers in [0, ${maxClasses}), ` +
      `got ${describeList(classes)}`,
  );
}

/**
 * @internal The distinct task labels of an experience, in the order in which the reference walks the set of them: new heads
 * are drawn in this order.
 * @throws ERR_NO_TASK_LABELS
 */
export function taskLabelsOf(operation: string, experience: Experience<Dataset>): number[] {
  const tasks: unknown = experience?.taskLabels;
  const parsed = taskLabels.safeParse(tasks);
  if (parsed.success) return setOrder(parsed.data);
  throw new ContinualTorchError(
    'ERR_NO_TASK_LABELS',
    `${operation}: expected experience.taskLabels to be one or more integers of at least 0 for a multi-task model, ` +
      `got ${describeList(tasks)}`,
  );
}

function describeList(value: unknown): string {
  if (!Array.isArray(value)) return describeValue(value);
  return value.length > 10 ? describeValue(value) : `[${value.map(describeValue).join(', ')}]`;
}
