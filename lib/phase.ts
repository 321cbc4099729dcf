/** Opaque: a phase that a plugin adds to an iteration. */
export interface PluginPhase {
  /** Tells it from other objects. */
  readonly __pluginPhase: never;
}

/** Phases of an iteration that a plugin may run too, by `strategy.runNative` or in `passOver`. */
// The numbers are those of `native/core/training/training_step.h`.
export const Phase = {
  /** Puts the next mini-batch in place, where C++ gathers them. */
  fetch: 0,
  /** Clears gradients; the loss is 0. */
  zeroGrad: 1,
  /** The model's output for the mini-batch. */
  forward: 2,
  /** The loss of the output, added to the loss in training. */
  criterion: 3,
  /** Gradients of the loss. */
  backward: 5,
  /** A step of the optimizer. */
  update: 6,
  /** Adds the mini-batch to the statistics of the pass. */
  measure: 7,
  /** The same, and ERR_ACCURACY_TARGET where predictions cannot be compared with the targets. */
  measureAccuracy: 8,
} as const;

/** A phase that C++ runs: one of `Phase`, or one of a plugin's. */
export type Phase = (typeof Phase)[keyof typeof Phase] | PluginPhase;
