/** The part of the addon's typed mirror that is of methods that hold weights in place. */

import type { ErrorCode } from '../errors';
import type { PluginPhase } from '../phase';
import type { NativeTensor } from './values';

/** What a method is called, in messages, and the codes of its errors. */
export interface MethodNames {
  method: string;
  plugin: string;
  weight: string;
  noImportanceCode: ErrorCode;
  shapeCode: ErrorCode;
}

export interface NativeQuadraticPenalty {
  /** Adds the penalty to the loss. */
  phase(): PluginPhase;
  /** Moves what the optimizer has updated towards its anchors. */
  proximal(): PluginPhase;
  /** Computes the penalty for metrics, apart from the loss. */
  value(): PluginPhase;
  /** Looks at how stable the optimizer's steps on the penalty's gradient are. */
  stabilityCheck(): PluginPhase;
  /** What the latest check has found of the group that runs away first; null: no group can. */
  stability(): { lr: number; largestImportance: number; bound: number; largestLambda: number } | null;
  isEmpty(): boolean;
  /** `offset`: what the parameter adds to the penalty wherever it is, over lambda. */
  memory(): [name: string, importance: NativeTensor, anchor: NativeTensor, offset: number][];
  /** Copies of these. */
  setMemory(memory: [name: string, importance: NativeTensor, anchor: NativeTensor, offset: number][]): void;
  setLambda(lambda: number): void;
  /** Gives every parameter the importance 1, and holds it where it is; in a hook of this name. */
  uniform(hook: string): PluginPhase;
  /** Whether what is measured from now on can be taken back; what has been measured no longer can. */
  keepPrevious(keep: boolean): void;
  /** Remembers what it did before that was measured. */
  takeBack(): void;
}

/** The stages of a pass that measures importances; it ends by one of the last two. */
export interface NativeImportancePass {
  begin: PluginPhase;
  accumulate: PluginPhase;
  replace: PluginPhase;
  merge: PluginPhase;
  /** Whether the rule is of single samples, not of mini-batches. */
  readonly isOfSamples: boolean;
  /** Whether `accumulate` failed because it could not be proven that samples are apart: mini-batches of one can be measured. */
  needsSingleSamples(): boolean;
  /** What the latest pass has measured, where it is kept. */
  measured(): [name: string, importance: NativeTensor][];
}

/** What an experience's importance is made of, whatever the rule. */
export interface NativePassOptions {
  excluded: readonly string[];
  unseen: 'merge' | 'keep';
  normalize: 'none' | 'mean' | 'max';
  keepsMeasured: boolean;
  /** Who measures, in messages. */
  operation: string;
}

/** A method that measures along the way of training. */
export interface NativePathMethod {
  /** In the hooks beforeTrainingExp, beforeTrainingIteration, afterTrainingIteration and afterTrainingExp. */
  begin: PluginPhase;
  before: PluginPhase;
  after: PluginPhase;
  end: PluginPhase;
  /** Parameters that are left out from the next `begin` on. */
  exclude(names: readonly string[]): void;
  /** What the latest `end` did stays, or is taken back. */
  settle(): void;
  takeBack(): void;
  /** What it remembers by parameter name, the memory itself. */
  state(): Record<string, [name: string, values: NativeTensor][]>;
  /** Copies of these. */
  setState(state: Readonly<Record<string, readonly (readonly [name: string, values: NativeTensor])[]>>): void;
}

export interface NativeRiemannianWalk extends NativePathMethod {
  /** `after`, and the score of the iterations since the last one. */
  score: PluginPhase;
  /** A call of `train` begins, with these parameters. */
  startAnew(parameters: readonly (readonly [name: string, parameter: NativeTensor])[]): void;
}

/** How a model is held to its teacher's outputs. */
export interface NativeDistillation {
  plugin: string;
  alpha: number;
  temperature: number;
  isMultiTask: boolean;
  /** Those that each task has shown. */
  classes: readonly (readonly [task: number, classes: readonly number[]])[];
}
