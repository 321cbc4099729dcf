import type { TensorDataset } from '../../data/tensor-dataset';
import { job } from '../../native/binding';
import { type NativePhase, type NativeTrainingStep, Phase, type Progress } from '../../native/types';
import { type HookName, listener } from '../plugins/plugin';
import { BaseTemplate, type TrainOptions } from './base';
import { IterationPlan, jobBudgetMs, type PlanStep, succeeded } from './iteration-plan';
import { isDeferred, nativeTwin } from './native-twin';
import type { SupervisedTemplate } from './supervised';

/** How far the current pass over an experience has come, in mini-batches. */
export interface PassProgress {
  phase: 'train' | 'eval' | 'importance';
  done: number;
  total: number;
}

/**
 * Epochs and iterations of stochastic gradient descent.
 *
 *     trainExp: for each epoch
 *       beforeTrainingEpoch
 *       for each mini-batch
 *         beforeTrainingIteration
 *         clear gradients; beforeForward; forward; afterForward
 *         criterion; beforeBackward; backward; afterBackward
 *         beforeUpdate; optimizerStep; afterUpdate
 *         afterTrainingIteration
 *       afterTrainingEpoch
 *     evalExp: for each mini-batch
 *       beforeEvalIteration; beforeEvalForward; forward; afterEvalForward
 *       criterion; afterEvalIteration
 */
export abstract class BaseSGDTemplate extends BaseTemplate {
  abstract readonly trainEpochs: number;
  abstract readonly trainMbSize: number;
  abstract readonly evalMbSize: number;
  /** @internal */
  abstract readonly step: NativeTrainingStep;
  abstract readonly onProgress: ((progress: PassProgress) => void) | null;

  /** What the current experience is trained on or evaluated with; a plugin may replace it in the dataset hooks. */
  adaptedDataset: TensorDataset | null = null;
  private stopRequested = false;

  /**
   * Ends training on this experience: after the current iteration when called in a hook, else at the end of the job under
   * way (some 20 ms of iterations).
   */
  stopTraining(): void {
    this.stopRequested = true;
  }

  /** @internal Runs phases on the compute thread, once. */
  async runNative(phases: NativePhase[]): Promise<void> {
    succeeded(await job(this.step.run(phases, this.isTraining, 1, jobBudgetMs)));
  }

  /** @internal Begins a pass over a dataset in its order. */
  openPass(dataset: TensorDataset, batchSize: number, shuffle = false, dropLast = false): void {
    this.step.open(dataset.toNative(this.experience!.taskLabel), batchSize, shuffle, dropLast);
  }

  protected override prepareTraining(): void {
    this.stopRequested = false;
    this.model.to(this.device);
    this.model.train();
  }

  protected override async beforeTrainingExp(options: TrainOptions): Promise<void> {
    this.stopRequested = false;
    await this.dispatch('beforeTrainDatasetAdaptation', options);
    this.adaptedDataset = this.experience!.dataset;
    await this.dispatch('afterTrainDatasetAdaptation', options);
    this.step.prepare(options.resetOptimizerState ?? false);
    await this.dispatch('beforeTrainingExp', options);
  }

  protected override async trainExp(options: TrainOptions): Promise<void> {
    for (let epoch = 0; epoch < this.trainEpochs; epoch++) {
      await this.dispatch('beforeTrainingEpoch', options);
      if (this.stopRequested) {
        this.stopRequested = false;
        break;
      }
      this.openPass(this.adaptedDataset!, this.trainMbSize, options.shuffle ?? true, options.dropLast);
      try {
        await this.trainingEpoch(options);
        await this.dispatch('afterTrainingEpoch', options);
      } finally {
        this.step.close();
      }
    }
  }

  protected async trainingEpoch(options: TrainOptions): Promise<void> {
    const plan = new IterationPlan(this.trainingIteration(options));
    await this.runPass('train', plan, () => this.stopRequested);
  }

  protected override async beforeEvalExp(options: TrainOptions): Promise<void> {
    await this.dispatch('beforeEvalDatasetAdaptation', options);
    this.adaptedDataset = this.experience!.dataset;
    await this.dispatch('afterEvalDatasetAdaptation', options);
    this.model.to(this.device);
    await this.dispatch('beforeEvalExp', options);
  }

  protected override async evalExp(options: TrainOptions): Promise<void> {
    this.openPass(this.adaptedDataset!, this.evalMbSize, options.shuffle ?? false);
    try {
      await this.runPass('eval', new IterationPlan(this.evalIteration(options)), () => false);
      await this.dispatch('afterEvalExp', options);
    } finally {
      this.step.close();
    }
  }

  protected override cleanUp(): void {
    this.adaptedDataset = null;
    this.step.clear();
  }

  /** The steps of one training iteration, from the fetched mini-batch on. */
  private trainingIteration(options: TrainOptions): PlanStep[] {
    return [
      ...this.hook('beforeTrainingIteration', options),
      { kind: 'native', phase: Phase.zeroGrad },
      ...this.hook('beforeForward', options),
      ...this.phase('forward'),
      ...this.hook('afterForward', options),
      ...this.phase('criterion'),
      ...this.hook('beforeBackward', options),
      ...this.phase('backward'),
      ...this.hook('afterBackward', options),
      ...this.hook('beforeUpdate', options),
      ...this.phase('optimizerStep'),
      ...this.hook('afterUpdate', options),
      ...this.hook('afterTrainingIteration', options),
    ];
  }

  private evalIteration(options: TrainOptions): PlanStep[] {
    return [
      ...this.hook('beforeEvalIteration', options),
      ...this.hook('beforeEvalForward', options),
      ...this.phase('forward'),
      ...this.hook('afterEvalForward', options),
      ...this.phase('criterion'),
      ...this.hook('afterEvalIteration', options),
    ];
  }

  /** The methods that make up an iteration; each takes and leaves the strategy's own state. */
  protected abstract readonly phases: Record<
    'forward' | 'criterion' | 'backward' | 'optimizerStep',
    { method: (...args: never[]) => unknown; call: () => void | Promise<void> }
  >;

  private phase(name: keyof BaseSGDTemplate['phases']): PlanStep[] {
    const { method, call } = this.phases[name];
    const twin = nativeTwin(method, this, this as unknown as SupervisedTemplate);
    return [twin === undefined || twin === null ? { kind: 'call', call } : { kind: 'native', phase: twin }];
  }

  private hook(name: HookName, options: TrainOptions): PlanStep[] {
    return this.plugins.flatMap((plugin): PlanStep[] => {
      const method = listener(plugin, name);
      if (!method) return [];
      const twin = nativeTwin(method, plugin, this as unknown as SupervisedTemplate);
      if (twin === null) return [];
      if (twin !== undefined) return [{ kind: 'native', phase: twin }];
      return [{ kind: isDeferred(method) ? 'later' : 'call', call: () => this.callHook(plugin, name, options) }];
    });
  }

  private async runPass(phase: 'train' | 'eval', plan: IterationPlan, stopped: () => boolean): Promise<void> {
    const runNative = (phases: NativePhase[], maxIterations: number): Promise<Progress> =>
      job(this.step.run(phases, this.isTraining, maxIterations, jobBudgetMs));
    const total = this.step.batches();
    for (let done = 0; ; ) {
      if (stopped()) {
        // The reference fetches the next mini-batch before it looks whether to stop.
        await IterationPlan.fetch(runNative);
        return;
      }
      const { iterations, exhausted } = await plan.advance(runNative);
      done += iterations;
      this.onProgress?.({ phase, done, total });
      if (exhausted) return;
    }
  }
}
