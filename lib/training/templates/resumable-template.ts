import { DataLoader } from '../../data/data-loader';
import { takesCheckpoints } from '../../hooks/plugin';
import type { AnyExperience, TrainOptions } from '../../hooks/train-options';
import type { State } from '../../state';
import type { PassKeeper } from '../iteration/pass-keeper';
import type { Clock } from '../plugins/clock';
import type { EvaluationPlugin } from '../plugins/evaluation';
import { aboutStrategy } from '../state/about';
import { loadCheckpoint, type LoadedCheckpoint, readCheckpoint, save } from '../state/keeping';
import { loadStrategyState, strategyState } from '../state/strategy-state';
import { type Resumption, type TrainingState, writeTrainingState } from '../state/training-state';
import { MiniBatchTemplate } from './mini-batch-template';
import type { Place } from './place';

/**
 * Its state, and checkpoints of it: everything that a strategy has learned, counted and drawn, and where its training stands.
 */
export abstract class ResumableTemplate extends MiniBatchTemplate {
  /** What measures and logs. */
  abstract readonly evaluator: EvaluationPlugin;
  /** How many iterations, epochs and experiences there have been. */
  abstract readonly clock: Clock;
  /** Samples in a training mini-batch. */
  abstract readonly trainMbSize: number;
  /** Epochs on each experience. */
  abstract readonly trainEpochs: number;
  /** Samples in an evaluation mini-batch. */
  abstract readonly evalMbSize: number;

  /** @internal Whether the experience ends behind the iteration under way. */
  protected stopRequested = false;
  /** @internal Of the epoch under way. */
  protected passKeeper: PassKeeper | null = null;
  /** @internal The training that is gone on with; null once it is under way. */
  protected begun: TrainingState | null = null;

  /** @internal */
  protected override async goOn(resumption: Resumption, options: TrainOptions): Promise<void> {
    const { training } = resumption;
    if (training.place.stage !== 'beforeTrainingEpoch') await this.dispatch('beforeTrainingEpoch', options);
    await super.goOn(resumption, options);
    const { dataloader } = this;
    if (dataloader instanceof DataLoader && training.loader) dataloader.generator?.setState(training.loader);
    this.stopRequested = training.isStopping;
    this.begun = training;
  }

  protected override betweenIterations(): void | Promise<void> {
    for (const plugin of this.plugins) {
      const taken = takesCheckpoints(plugin) ? plugin.betweenIterations(this) : undefined;
      if (taken) return taken;
    }
  }

  /** @internal See `Strategy`. */
  untilCheckpoint(): number {
    return this.plugins.reduce((least, plugin) => Math.min(least, takesCheckpoints(plugin) ? plugin.untilDue(this) : Infinity), Infinity);
  }

  /** @internal See `Strategy`. */
  checkpoint(): { state: State; about: State } | null {
    const place = this.placeNow();
    if (place === undefined) return null;
    const { halfEnded, resumption } = this;
    let training: TrainingState | null = null;
    if (place === null) training = halfEnded ? this.#training(halfEnded.place, halfEnded.experience) : (resumption?.training ?? null);
    else if (place.stage !== 'afterTraining') training = this.#training(place, this.requireExperience('save'));
    return {
      state: { ...this.stateDict(), training: training && writeTrainingState(training) },
      about: aboutStrategy(this, training),
    };
  }

  /** Where the training of an experience stands. */
  #training(place: Place, { originStream, currentExperience }: AnyExperience): TrainingState {
    const { dataloader, step } = this;
    const generator = dataloader instanceof DataLoader ? dataloader.generator : null;
    return {
      experience: { stream: originStream.name, index: currentExperience },
      place,
      statistics: step.statistics(),
      source: place.stage === 'iteration' ? (this.passKeeper?.state(place.iteration) ?? null) : null,
      loader: generator && generator.getState(),
      isStopping: this.stopRequested,
    };
  }

  /**
   * Everything that it has learned, counted and drawn, by its parts: model, optimizer, plugins (those that have a state), and
   * generators; not where the training of an experience stands, which `save` keeps too. The tensors are those that it works
   * with. A strategy of your own that has a state of its own adds it, `{ ...super.stateDict(), scaler: scaler.stateDict() }`,
   * and takes it out before it calls `super.loadStateDict`.
   */
  stateDict(): { readonly [part: string]: State } {
    return strategyState(this);
  }

  /**
   * Takes what `stateDict` gave, on a strategy made as that one was. Heads of the model grow to what they were.
   * @throws ERR_STATE_DICT, ERR_CHECKPOINT_MISMATCH; ERR_BUSY while it trains or evaluates
   */
  loadStateDict(state: State): void {
    if (this.callsUnderWay.count > 0 && !this.isPreparing) throw this.callsUnderWay.busy('loadStateDict');
    if (!this.isPreparing) this.halfEnded = this.resumption = null;
    loadStrategyState(this, state);
  }

  /**
   * Writes a checkpoint: `stateDict`, and where the training under way stands. It is taken between two iterations, or in the
   * hooks `beforeTrainingEpoch`, `afterTrainingEpoch`, `afterTrainingExp` and `afterTraining`, or outside of training; training
   * waits for a copy in memory, and not for the file. The folder keeps the two latest; see `CheckpointPlugin` and
   * docs/checkpoints.md.
   * @param folder made where it does not exist; it belongs to this run
   * @returns the path of the checkpoint, once it is on disk
   * @throws ERR_CHECKPOINT_SAVE where it cannot be written, or the folder has checkpoints of another run; ERR_CHECKPOINT_STATE;
   * ERR_CALL_ORDER in another hook; ERR_INVALID_ARG_TYPE
   */
  save(folder: string): Promise<string> {
    return save(this, folder);
  }

  /**
   * Goes on from the latest checkpoint of a folder that is whole, on a strategy that the program has made as before. The next
   * call of `train` must then be of the experience in which it was taken, if it was taken in one, and continues at its place:
   *
   *     await strategy.load(folder, { optional: true });
   *     for (const experience of trainStream.slice(strategy.clock.trainExpCounter)) await strategy.train(experience);
   *
   * @param folder of checkpoints, or one of them
   * @param options `optional`: where there is none nothing is loaded. Default false.
   * @returns what was loaded; null: nothing
   * @throws ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_READ, ERR_CHECKPOINT_FORMAT; ERR_CHECKPOINT_MISMATCH with what is different
   * in model, optimizer or plugins; ERR_STATE_DICT; ERR_BUSY while it trains or evaluates. The strategy is then as it was.
   */
  async load(folder: string, options?: { optional?: boolean }): Promise<LoadedCheckpoint | null> {
    if (this.isAtWork) throw this.callsUnderWay.busy('load');
    const checkpoint = await readCheckpoint(this, folder, options);
    if (!checkpoint) return null;
    if (this.isAtWork) throw this.callsUnderWay.busy('load'); // a call has begun meanwhile
    const { halfEnded, resumption } = this;
    try {
      const { loaded, resumption } = loadCheckpoint(this, checkpoint);
      this.resumption = resumption;
      return loaded;
    } catch (error) {
      this.halfEnded = halfEnded;
      this.resumption = resumption;
      throw error;
    }
  }
}
