import { concatDatasets } from '../../data/concat-datasets';
import type { TensorDataset } from '../../data/tensor-dataset';
import { ContinualTorchError } from '../../errors';
import type { AnyExperience, TrainOptions } from '../../hooks/train-options';
import { adaptEveryModule } from '../../models/model-adaptation';
import type { Module } from '../../nn/module';
import { MaskedCrossEntropy } from '../plugins/masked-cross-entropy';
import { SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

/**
 * Trains on the data of all experiences at once, in one call of `train` with the whole stream: no continual learning, and the upper
 * bound for it (Avalanche's `JointTraining`). Hooks, counters and metrics of training see one experience, the first; a model grows
 * for each of them in turn before the first mini-batch. Where nothing else is said, periodic evaluation evaluates all of them.
 *
 *     await strategy.train(benchmark.trainStream);
 *
 * As in the reference each head of a multi-head model also grows for the classes of other tasks; masked heads never answer with those.
 * A call that was aborted or has failed may be made again; where it goes on from a checkpoint, it is given the same experiences.
 *
 * @throws as `SupervisedTemplate`; `train` ERR_ALREADY_TRAINED where the strategy has been trained before, and as `concatDatasets`
 */
export class JointTraining extends SupervisedTemplate {
  #experiences: readonly AnyExperience[] = [];

  /** @throws ERR_INVALID_ARG_VALUE for a `MaskedCrossEntropy`, which would learn the first experience's classes alone; as `SupervisedTemplate` */
  constructor(options: SupervisedTemplateOptions) {
    super(options);
    const { lossFunction } = this;
    if (!(lossFunction instanceof MaskedCrossEntropy) || lossFunction.mask === 'all') return;
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `JointTraining: expected a criterion over all outputs, got a MaskedCrossEntropy with mask "${lossFunction.mask}"`);
  }

  /** @internal All are learned as the first one. */
  protected override experiencesToLearn(given: readonly AnyExperience[], { restart }: TrainOptions): readonly AnyExperience[] {
    const goesOn = (this.halfEnded ?? this.resumption) !== null && !restart;
    if (this.clock.trainExpCounter > 0 && !goesOn) {
      throw new ContinualTorchError(
        'ERR_ALREADY_TRAINED',
        'train: expected JointTraining to be trained once, with all experiences in one call, got one that has been trained: make another',
      );
    }
    this.#experiences = given;
    return given.slice(0, 1);
  }

  /** Sets `adaptedDataset` to the data of all experiences with its training transforms. */
  override trainDatasetAdaptation(): void {
    this.requireExperience('trainDatasetAdaptation');
    this.adaptedDataset = concatDatasets(this.#experiences.map(({ dataset }) => (dataset as TensorDataset).train()));
  }

  /** Grows what grows in the model, for each experience that is trained on; before there is one, for that which is evaluated. */
  override modelAdaptation(model: Module = this.model): Module | Promise<Module> {
    const experiences = this.#experiences.length > 0 ? this.#experiences : [this.requireExperience('modelAdaptation')];
    for (const experience of experiences) adaptEveryModule(model, experience);
    return model.to(this.device);
  }
}
