import { DataLoader, TaskBalancedDataLoader } from '../../data/data-loader';
import { TensorDataset } from '../../data/tensor-dataset';
import type { AnyExperience, TrainOptions } from '../../hooks/train-options';
import { hasNativeTwin } from '../../hooks/twins';
import { avalancheModelAdaptation } from '../../models/model-adaptation';
import { forwardBatch, isScripted, type Module, nativeModule } from '../../nn/module';
import { Phase } from '../../phase';
import type { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';
import { BaseSGDTemplate } from './base-sgd';
import { checkInputs } from './input-check';
import { type BaseSGDTemplateOptions, baseSGDOptions } from './sgd-options';

/** The option schema, for strategies that add options of their own. */
export const supervisedOptions = baseSGDOptions;

/** Options of `SupervisedTemplate` and `Naive`. */
export type SupervisedTemplateOptions = BaseSGDTemplateOptions;

/**
 * Supervised training of a PyTorch model on a stream of experiences, with plugins called between the steps (see
 * `BaseTemplate` and `BaseSGDTemplate` for the loops). Training, evaluation and importance passes run on the compute thread;
 * any method may be overridden alone, and an override is called on the JavaScript thread in its place.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE
 */
export class SupervisedTemplate extends BaseSGDTemplate {
  constructor(options: SupervisedTemplateOptions) {
    super(options);
  }

  /**
   * The model's output for `mbInputs`: an array of them is spread, `forward(...x)`, an object goes to the inputs of its names in
   * TorchScript and is one argument in TypeScript; a model that takes task labels gets `mbTaskId` too.
   */
  forward(): Tensor | Promise<Tensor> {
    return forwardBatch(this.model, this.mbInputs!, this.mbTaskId!) as Tensor | Promise<Tensor>;
  }

  /** The criterion's value for `mbOutput` and `mbY`. */
  criterion(): Tensor | Promise<Tensor> {
    const { lossFunction } = this;
    return typeof lossFunction === 'function'
      ? lossFunction(this.mbOutput!, this.mbY!)
      : lossFunction.forward(this.mbOutput!, this.mbY!);
  }

  /** Mini-batches of `trainMbSize`, shuffled unless told otherwise; where there are several tasks, balanced over them. */
  makeTrainDataloader({ shuffle, dropLast }: TrainOptions): void | Promise<void> {
    const dataset = this.adaptedDataset!;
    const inMemory = dataset instanceof TensorDataset;
    const sampling = { batchSize: this.trainMbSize, shuffle: shuffle ?? inMemory, dropLast: dropLast ?? false };
    this.dataloader =
      inMemory && this.requireExperience('makeTrainDataloader').taskLabels.length > 0
        ? new TaskBalancedDataLoader(dataset, { ...sampling, oversampleSmallGroups: true })
        : new DataLoader(dataset, sampling);
  }

  /** Mini-batches of `evalMbSize`, in the order of the data unless told otherwise. */
  makeEvalDataloader({ shuffle }: TrainOptions): void | Promise<void> {
    this.dataloader = new DataLoader(this.adaptedDataset!, { batchSize: this.evalMbSize, shuffle: shuffle ?? false });
  }

  /** Grows what grows in the model for the current experience, in training and in evaluation. */
  modelAdaptation(model: Module = this.model): Module | Promise<Module> {
    avalancheModelAdaptation(model, this.requireExperience('modelAdaptation'));
    return model.to(this.device);
  }

  /**
   * Follows the model's parameters: one that another tensor has replaced gives its place to that tensor and loses its
   * state (momentum, moments), a new one is added, one that is gone stays unless `removeParams` is set. The first time all
   * state is cleared (but that of `loadStateDict`), and every parameter of the model is added, also one that was left out on purpose. Where the
   * optimizer has several groups, a new parameter goes to that of its neighbours by name.
   * @throws ERR_PARAMETER_GROUP where its neighbours are of several groups
   */
  makeOptimizer({ resetOptimizerState, removeParams }: TrainOptions = {}): void | Promise<void> {
    nativeModule(this.model); // has what was added to the model or taken from it
    this.step.updateOptimizer(resetOptimizerState ?? false, removeParams ?? false);
  }

  /** @internal */
  protected override checkExperiences(experiences: readonly AnyExperience[]): void {
    checkInputs(this, SupervisedTemplate.prototype, experiences);
  }

  /** Adapts model and optimizer to the experience. */
  protected override async checkModelAndOptimizer(options: TrainOptions): Promise<void> {
    // The first time before the model grows, so that the optimizer sees which parameter a grown one replaces.
    await this.introduceOptimizer(options);
    this.model = await this.callOverride('modelAdaptation', () => this.modelAdaptation());
    await this.tellOptimizer(options);
    this.step.layOut();
  }

  protected override async prepareModel(): Promise<void> {
    callUserAtOnce('ERR_CALLBACK', 'to of the model failed', () => this.model.to(this.device));
    await this.introduceOptimizer({});
    this.step.layOut();
  }

  private async introduceOptimizer(options: TrainOptions): Promise<void> {
    if (this.step.knowsOptimizer()) return;
    await this.tellOptimizer({ ...options, resetOptimizerState: !this.optimizer.isResumed });
  }

  private async tellOptimizer(options: TrainOptions): Promise<void> {
    await this.callOverride('makeOptimizer', () => this.makeOptimizer(options));
  }
}

hasNativeTwin<SupervisedTemplate>(SupervisedTemplate.prototype.forward, ({ model }) =>
  isScripted(model) ? Phase.forward : undefined,
);
hasNativeTwin<SupervisedTemplate>(SupervisedTemplate.prototype.criterion, (strategy) =>
  strategy.hasNativeCriterion() ? Phase.criterion : undefined,
);
