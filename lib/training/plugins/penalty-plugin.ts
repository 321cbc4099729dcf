import { SupervisedPlugin } from '../../hooks/plugin';
import type { Strategy } from '../../hooks/strategy';
import { hasNativeTwin } from '../../hooks/twins';
import type { Phase } from '../../phase';
import type { Tensor } from '../../tensor/tensor';
import type { BegunExperience } from './begun-experience';
import { requireFit } from './fit-of-memory';
import { InstabilityWarning, type PenaltyUpdate } from './penalty-update';
import type { QuadraticPenalty } from './quadratic-penalty';

/**
 * What the plugins have in common that charge for moving weights with a quadratic penalty: from the second experience on, through the
 * loss or in closed form behind the update (see `QuadraticPenalty`).
 */
export abstract class PenaltyPlugin extends SupervisedPlugin {
  override readonly supportsDistributed = false;
  /** How the penalty reaches the parameters. */
  readonly penaltyUpdate: PenaltyUpdate;
  /** @internal */
  readonly penalty: QuadraticPenalty;
  /** @internal */
  readonly begun: BegunExperience;
  /** @internal Whether it is tried out: then it does not warn of a weight that is too large. */
  isOnTrial = false;
  readonly #instability: InstabilityWarning;
  /** Whether the memory was loaded, or made outside of an experience: then it counts, whatever the strategy has trained. */
  #countsAnyway = false;
  #isFitting = true;

  /** @internal */
  constructor(penalty: QuadraticPenalty, begun: BegunExperience, penaltyUpdate: PenaltyUpdate, hasProximal = true) {
    super();
    this.penalty = penalty;
    this.begun = begun;
    this.penaltyUpdate = penaltyUpdate;
    this.#instability = new InstabilityWarning(penalty, hasProximal);
  }

  /**
   * Importances (Omega) by parameter name, each in its parameter's shape and dtype, of half precision in float32 and of complex numbers
   * real; null before there are any. The memory itself, until the next experience makes another.
   * @throws ERR_BUSY while a job uses it
   */
  get importance(): Map<string, Tensor> | null {
    return this.penalty.importance;
  }

  /** Where each parameter is held (theta*), by its name, in its dtype; else as `importance`. */
  get params(): Map<string, Tensor> | null {
    return this.penalty.anchor;
  }

  /**
   * Takes back what was measured of an experience that is learned again, or given up, before it has ended; and warns where the steps
   * on the penalty will run away.
   */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    this.begun.begin(strategy);
    if (!this.hasMemory(strategy)) return this.startOver();
    if (!this.#isFitting) requireFit(this.penalty, strategy.model);
    this.#isFitting = true;
    if (this.penaltyUpdate === 'gradient' && !this.isOnTrial) await this.#instability.giveWhereDue(strategy);
  }

  /** Lets go what was remembered before the latest experience. */
  override afterTraining(): void {
    this.begun.settle();
  }

  /** Adds the penalty to `strategy.loss`, in place; not during the first experience, nor where `penaltyUpdate` is `"proximal"`. */
  override async beforeBackward(strategy: Strategy): Promise<void> {
    await this.#apply('gradient', strategy);
  }

  /** Applies the penalty where `penaltyUpdate` is `"proximal"`; not during the first experience. */
  override async afterUpdate(strategy: Strategy): Promise<void> {
    await this.#apply('proximal', strategy);
  }

  /** @internal What there is to do at present, in the hook where this way of updating has its place. */
  phaseOf(way: PenaltyUpdate, strategy: Strategy): Phase | null {
    const { penalty, penaltyUpdate } = this;
    if (!this.hasMemory(strategy)) return null;
    if (way === penaltyUpdate) return way === 'gradient' ? penalty.phase : penalty.proximal;
    return way === 'gradient' && strategy.evaluator.asksForPenalties ? penalty.value : null;
  }

  /** @internal Whether an earlier experience is to be remembered: of this strategy's, not of one that had the plugin before. */
  hasMemory(strategy: Strategy): boolean {
    return strategy.clock.trainExpCounter > 0 || this.#countsAnyway || this.begun.hasMeasured(strategy);
  }

  /** @internal The first experience of a strategy begins: what was remembered of another strategy's is forgotten. */
  protected startOver(): void {}

  /** @internal What is remembered was loaded: it counts in the strategy's first experience too, if there is any. */
  protected memoryIsLoaded(): void {
    this.begun.forget();
    this.#countsAnyway = !this.penalty.isEmpty;
    this.#isFitting = !this.#countsAnyway;
  }

  /** @internal Something was measured outside of an experience. */
  protected memoryIsMade(): void {
    this.#countsAnyway = true;
    this.begun.settle();
  }

  /** Runs what this way of updating has to do. */
  async #apply(way: PenaltyUpdate, strategy: Strategy): Promise<void> {
    const phase = this.phaseOf(way, strategy);
    if (phase) await strategy.runNative([phase]);
  }
}

hasNativeTwin<PenaltyPlugin>(PenaltyPlugin.prototype.beforeBackward, (plugin, strategy) => plugin.phaseOf('gradient', strategy));
hasNativeTwin<PenaltyPlugin>(PenaltyPlugin.prototype.afterUpdate, (plugin, strategy) => plugin.phaseOf('proximal', strategy));
