import { ContinualTorchError } from '../../errors';
import { isWhollyKept, SupervisedPlugin } from '../../hooks/plugin';
import type { Strategy } from '../../hooks/strategy';
import { hasNativeTwin } from '../../hooks/twins';
import type { NativeModule } from '../../native/types';
import { type AnyModule, isScripted, nativeModule } from '../../nn/module';
import type { Phase } from '../../phase';
import type { State } from '../../state';
import { BegunExperience } from './begun-experience';
import { Teacher } from './teacher';

/** A phase, and of which student and teacher it is, with which weight. */
interface Made {
  student: NativeModule;
  teacher: NativeModule;
  weight: number;
  phase: Phase | null;
}

/** What the plugins have in common that hold a model to its teacher: the model as it was behind the latest experience. */
export abstract class DistillationPlugin extends SupervisedPlugin {
  override readonly supportsDistributed = false;
  // The teacher is what it was, where a run is resumed.
  /** @internal */
  readonly [isWhollyKept] = true;
  /** @internal */
  protected teacher = new Teacher();
  /** @internal How many experiences it has behind it. */
  protected experiences = 0;
  readonly #weights: number | readonly number[];
  readonly #plugin: string;
  readonly #option: string;
  /** Whether the teacher was loaded: then it counts in a strategy's first experience too. */
  #isLoaded = false;
  readonly #begun: BegunExperience;
  #before: (() => void) | null = null;
  #made: Made | null = null;

  /** @internal @param option what the weights are called, in messages */
  constructor(weights: number | readonly number[], plugin: string, option: string) {
    super();
    this.#plugin = plugin;
    this.#weights = weights;
    this.#option = option;
    this.#begun = new BegunExperience({
      takeBack: () => {
        this.#before?.();
        this.#before = null;
      },
      keepPrevious: () => {
        this.#before = null;
      },
    });
  }

  /** @internal What C++ does with models in TorchScript; null where it cannot. */
  protected abstract makePhase(student: NativeModule, teacher: NativeModule, weight: number, model: AnyModule): Phase | null;
  /** @internal The same in TypeScript: adds to `strategy.loss`. */
  protected abstract addToLoss(strategy: Strategy, teacher: AnyModule, weight: number): void | Promise<void>;
  /** @internal What cannot be learned from is refused before it begins. */
  protected abstract check(strategy: Strategy): void;
  /** @internal What is remembered of an experience beside the teacher; gives what takes it back. */
  protected abstract learned(strategy: Strategy): () => void;

  /** @throws ERR_INVALID_ARG_VALUE where there is no weight for the experience; ERR_CHECKPOINT_MISMATCH for the teacher of another model */
  override beforeTrainingExp(strategy: Strategy): void {
    this.#begun.begin(strategy);
    if (strategy.clock.trainExpCounter === 0 && !this.#isLoaded) this.startOver();
    this.weight();
    this.check(strategy);
    if (this.teacher.of(strategy, this.#plugin) === null) return;
    this.teacher.follow(strategy);
    this.#made = null;
  }

  /** Lets go what there was before the latest experience. */
  override afterTraining(): void {
    this.#begun.settle();
  }

  /** Adds the distance to the teacher to `strategy.loss`; nothing during the first experience. */
  override async beforeBackward(strategy: Strategy): Promise<void> {
    const phase = this.phaseOf(strategy);
    if (phase !== undefined && phase !== null) await strategy.runNative([phase]);
    if (phase !== undefined) return;
    await this.addToLoss(strategy, this.teacher.of(strategy, this.#plugin)!, this.weight());
  }

  /** The model as it is now is the next teacher. */
  override afterTrainingExp(strategy: Strategy): void {
    if (!this.#begun.isOf(strategy)) this.#begun.begin(strategy); // where a run is resumed in the middle of it
    const { teacher, experiences } = this;
    const before = teacher.copy();
    const takeBack = this.learned(strategy);
    teacher.take(strategy);
    this.experiences = experiences + 1;
    this.#made = null;
    this.#before = () => {
      takeBack();
      this.teacher = before;
      this.experiences = experiences;
      this.#made = null;
    };
  }

  /** @internal null: there is nothing to do at present; undefined: it is done in TypeScript. */
  phaseOf(strategy: Strategy): Phase | null | undefined {
    const teacher = this.teacher.of(strategy, this.#plugin);
    if (!teacher) return null;
    const { model } = strategy;
    const student = nativeModule(model);
    if (!isScripted(model) || !isScripted(teacher)) return undefined;
    const [ours, weight] = [nativeModule(teacher), this.weight()];
    const made = this.#made;
    if (made?.student === student && made.teacher === ours && made.weight === weight) return made.phase ?? undefined;
    const phase = this.makePhase(student, ours, weight, model);
    this.#made = { student, teacher: ours, weight, phase };
    return phase ?? undefined;
  }

  /** @internal Goes on from a state. */
  protected load(experiences: number, teacher: State): void {
    this.experiences = experiences;
    this.teacher.loadStateDict(teacher);
    this.#isLoaded = teacher !== null;
    this.#made = null;
  }

  /** @internal The first experience of a strategy begins: what was remembered of another strategy's is forgotten. */
  protected startOver(): void {
    this.experiences = 0;
    this.teacher = new Teacher();
    this.#made = null;
  }

  private weight(): number {
    const weights = this.#weights;
    if (typeof weights === 'number') return weights;
    const weight = weights[this.experiences];
    if (weight !== undefined) return weight;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `${this.#option} of ${this.#plugin}: expected a value for experience ${this.experiences}, an array of ${this.experiences + 1} or more, got one of ${weights.length}`,
    );
  }
}

hasNativeTwin<DistillationPlugin>(DistillationPlugin.prototype.beforeBackward, (plugin, strategy) => plugin.phaseOf(strategy));
