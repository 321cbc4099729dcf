import { DataLoader } from '../../data/data-loader';
import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import { counted } from '../../inspect';
import type { State } from '../../state';
import { IterationPlan, type PlanPart, type RunNative } from './iteration-plan';
import { openSource } from './mini-batch-source';
import type { PassKeeper } from './pass-keeper';
import { runPlan } from './run-plan';
import { withWayOut } from './way-out';

/** @internal One pass over `strategy.dataloader`. */
export interface Pass {
  phase: 'train' | 'eval';
  /** What happens to each mini-batch. */
  iteration: PlanPart[];
  runNative: RunNative;
  /** Asked between two jobs. */
  isStopped: () => boolean;
  /** The criterion as it was given, for the messages of errors. */
  lossFunction: unknown;
  /** In training: opens the source, and goes on in it where an earlier pass has been left. */
  keeper: PassKeeper | null;
}

/**
 * @internal Runs a pass to its end.
 * @throws what a hook, the model, the criterion or the dataloader reports, in training with the place where the loss ceased to
 * be finite
 */
export async function runPass(strategy: Strategy, pass: Pass): Promise<void> {
  const { dataloader } = strategy;
  const { phase, isStopped, keeper } = pass;
  let iteration: number | null = null;
  const unlessAborted = <T>(promise: PromiseLike<T>) => strategy.unlessAborted(promise, iteration);
  const open = (begin: State | null) =>
    openSource(dataloader, { step: strategy.step, unlessAborted }, (batch) => (strategy.mbatch = batch), begin);
  const { source, before } = keeper ? await keeper.open(open) : { source: open(null), before: 0 };
  const plan = new IterationPlan(pass.iteration, pass.runNative, source.fetch);
  const onProgress = (done: number, total: number) => {
    if (done === 0) warnOfEmptyPass(strategy, phase);
    return strategy.reportProgress({ phase, done, total });
  };
  strategy.passBegins(phase, before);
  try {
    const safePoint = (done: number) => {
      if (phase === 'train') iteration = done;
      return strategy.pause(iteration);
    };
    const atMost = phase === 'train' ? () => strategy.untilCheckpoint() : undefined;
    await runPlan(plan, dataloader, source, { before, safePoint, isStopped, onProgress, ...(atMost && { atMost }) });
  } catch (error) {
    const explained = withWayOut(error, strategy.model, strategy.mbInputs, strategy.mbY, pass.lossFunction);
    throw phase === 'train' ? located(explained, strategy) : explained;
  }
}

const warnedOf = new WeakMap<Strategy, WeakSet<object>>();

/** Once for each experience. */
function warnOfEmptyPass(strategy: Strategy, phase: Pass['phase']): void {
  const { adaptedDataset, dataloader, clock } = strategy;
  const experience = strategy.requireExperience(phase);
  const experiences = warnedOf.get(strategy) ?? new WeakSet();
  warnedOf.set(strategy, experiences);
  if (experiences.has(experience)) return;
  experiences.add(experience);
  const { currentExperience, originStream } = experience;
  const where = `experience ${currentExperience} of stream "${originStream.name}"`;
  const drops = dataloader instanceof DataLoader && dataloader.dropLast;
  const why = drops
    ? `${where} has ${counted(adaptedDataset?.length, 'sample')}, too few for a mini-batch of ${dataloader.batchSize}, and dropLast leaves them out`
    : `the dataloader gave no mini-batch${phase === 'train' ? ` in epoch ${clock.trainExpEpochs}` : ''} for ${where}`;
  const what = phase === 'train' ? 'nothing is trained' : 'nothing is measured';
  process.emitWarning(`${phase}: ${why}: ${what}.`, 'ContinualTorchWarning');
}

/** Says where a loss that is not finite came up. */
function located(error: unknown, strategy: Strategy): unknown {
  if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_LOSS_NOT_FINITE') return error;
  const { trainEpochIterations, trainExpEpochs } = strategy.clock;
  const { currentExperience, originStream } = strategy.requireExperience('train');
  return new ContinualTorchError(
    error.code,
    `train: stopped in iteration ${trainEpochIterations} of epoch ${trainExpEpochs}, experience ${currentExperience} of stream "${originStream.name}": ${error.message}; the parameters are those of the last update`,
    { cause: error },
  );
}
