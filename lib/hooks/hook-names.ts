/** The callbacks of a strategy, in the order of one experience's training, then of an evaluation. */
export const hookNames = [
  'beforeTraining',
  'beforeTrainDatasetAdaptation',
  'afterTrainDatasetAdaptation',
  'beforeTrainingExp',
  'beforeTrainingEpoch',
  'beforeTrainingIteration',
  'beforeForward',
  'afterForward',
  'beforeBackward',
  'afterBackward',
  'beforeUpdate',
  'afterUpdate',
  'afterTrainingIteration',
  'afterTrainingEpoch',
  'afterTrainingExp',
  'afterTraining',
  'beforeEval',
  'beforeEvalDatasetAdaptation',
  'afterEvalDatasetAdaptation',
  'beforeEvalExp',
  'beforeEvalIteration',
  'beforeEvalForward',
  'afterEvalForward',
  'afterEvalIteration',
  'afterEvalExp',
  'afterEval',
] as const;

/** The name of a hook. */
export type HookName = (typeof hookNames)[number];
