import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';
import { isWhollyKept, SupervisedPlugin } from '../../hooks/plugin';
import type { Counters, Strategy } from '../../hooks/strategy';
import type { NativeCriterion } from '../../native/types';
import { nonNegativeInteger, parseOptions } from '../../options';
import { arrayOf, checkState, type State } from '../../state';
import { cpuTensor } from '../../tensor/creation';
import { ops } from '../../tensor/operators';
import { requireTensor, type Tensor } from '../../tensor/tensor';
import { keep } from '../../tensor/tidy';

const masks = ['seen', 'new', 'old', 'all'] as const satisfies readonly ClassMask[];
const schema = z.object({
  mask: z.enum(masks, '"seen", "new", "old" or "all"').default('seen'),
  classes: z.array(nonNegativeInteger, 'an array of class labels').default([]),
  reduction: z.enum(['mean', 'none'], '"mean" or "none"').default('mean'),
});
const stateSchema = z.object({
  currentClasses: arrayOf(nonNegativeInteger),
  oldClasses: arrayOf(nonNegativeInteger),
  experience: nonNegativeInteger.nullable(),
});

/** Which outputs of a model count: of the classes learned so far, of those of the latest experience, of those before it, or all. */
export type ClassMask = 'seen' | 'new' | 'old' | 'all';

/** Options of `MaskedCrossEntropy`. */
export interface MaskedCrossEntropyOptions {
  /** Which outputs the softmax is taken over. Default "seen". */
  mask?: ClassMask;
  /** The classes of the latest experience before there is any. Default none. */
  classes?: readonly number[];
  /** The mean of the samples' losses, or all of them. Default "mean". */
  reduction?: 'mean' | 'none';
}

/**
 * Cross-entropy over some of the outputs, where a model has one for each class of the whole stream (Avalanche's
 * `MaskedCrossEntropy`). M being the classes of the mask:
 *
 *     loss_b = -log( exp(output_b[y_b]) / sum over c in M of exp(output_b[c]) ),  0 where y_b is not in M
 *
 * and of a mini-batch the mean over all of its samples, those with 0 among them. The other outputs get no gradient. As a strategy's
 * criterion it learns the classes of each experience when training on it begins (a plugin of its own, told by the strategy), and
 * with reduction "mean" it runs on the compute thread.
 *
 *     new SupervisedTemplate({ model, optimizer, criterion: new MaskedCrossEntropy({ mask: 'seen' }) });
 *
 * In an evaluation it is the same: samples of classes that have not been learned yet count as a loss of 0, as in the reference, and
 * all of them before the first experience; accuracy compares all outputs. What rehearsal adds of old classes counts with "seen", and
 * not with "new".
 *
 * Output `[B, C]`; target int64 `[B]` with labels in [0, C).
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION
 */
export class MaskedCrossEntropy extends SupervisedPlugin {
  /** @internal */
  readonly [isWhollyKept] = true;
  /** Which outputs the softmax is taken over. */
  readonly mask: ClassMask;
  /** What becomes of the losses of the samples. */
  readonly reduction: 'mean' | 'none';
  readonly #initialClasses: readonly number[];
  /** Of the strategy that it learned with last; null: it goes on from a state, or is new. */
  #clock: Counters | null = null;
  #currentClasses: readonly number[];
  #oldClasses: readonly number[] = [];
  /** How many experiences had been learned before the latest one; null before the first. */
  #experience: number | null = null;
  /** Made anew when the classes change. */
  #columns: Tensor | null = null;
  #native: NativeCriterion | null = null;

  constructor(options?: MaskedCrossEntropyOptions) {
    super();
    const { mask, classes, reduction } = parseOptions('MaskedCrossEntropy', schema, options);
    this.mask = mask;
    this.reduction = reduction;
    this.#initialClasses = this.#currentClasses = sorted(classes);
  }

  /** Classes of the experience that is learned, or was learned last, ascending. */
  get currentClasses(): readonly number[] {
    return this.#currentClasses;
  }

  /** Classes of the experiences before that one, ascending. */
  get oldClasses(): readonly number[] {
    return this.#oldClasses;
  }

  /** The loss, differentiable. @throws ERR_CRITERION, ERR_LABEL_RANGE; ERR_INVALID_ARG_TYPE */
  forward(output: Tensor, target: Tensor): Tensor {
    this.#check(requireTensor('MaskedCrossEntropy: output', output), requireTensor('MaskedCrossEntropy: target', target));
    const columns = this.mask === 'all' ? null : this.#columnsOn(output.device);
    const masked = columns ? output.indexSelect(1, columns) : output;
    const classes = columns ?? (ops.aten.arange!(output.shape[1], { device: output.device }) as Tensor);
    const isTarget = target.unsqueeze(1).eq(classes);
    const losses = masked.logSoftmax(1).neg().where(isTarget, masked.newZeros([])).sum(1);
    return this.reduction === 'mean' ? losses.mean() : losses;
  }

  /** Learns the classes of the experience. @throws ERR_CRITERION where none is left to learn */
  override beforeTrainingExp({ experience, clock }: Strategy): void {
    const classes = experience?.classesInThisExperience ?? [];
    if (this.#clock !== null && this.#clock !== clock && clock.trainExpCounter === 0) this.#startOver();
    this.#clock = clock;
    // An experience that is begun anew is still the one that was under way.
    if (this.#experience !== clock.trainExpCounter) this.#oldClasses = sorted([...this.#oldClasses, ...this.#currentClasses]);
    this.#experience = clock.trainExpCounter;
    this.#currentClasses = sorted(classes);
    this.#forget();
    if (this.#classes().length > 0 || this.mask === 'all') return;
    const advice = this.mask === 'old' ? 'before the first experience there are no old ones, where "seen" or "new" has some' : 'the data has no class labels';
    throw new ContinualTorchError('ERR_CRITERION', `MaskedCrossEntropy: expected classes to learn with mask "${this.mask}", got none: ${advice}`);
  }

  /** Another strategy begins. */
  #startOver(): void {
    this.#currentClasses = this.#initialClasses;
    this.#oldClasses = [];
    this.#experience = null;
  }

  /** The classes, and of which experience they are. */
  stateDict(): State {
    return { currentClasses: this.#currentClasses, oldClasses: this.#oldClasses, experience: this.#experience };
  }

  /** Goes on with the classes of a state. @throws ERR_STATE_DICT */
  loadStateDict(state: unknown): void {
    const { currentClasses, oldClasses, experience } = checkState('MaskedCrossEntropy', stateSchema, state);
    this.#currentClasses = sorted(currentClasses);
    this.#oldClasses = sorted(oldClasses);
    this.#experience = experience;
    this.#clock = null;
    this.#forget();
  }

  /** @internal What C++ can compute in place of `forward`, the same object until the classes change; null where it cannot. */
  nativeCriterion(): NativeCriterion | null {
    if (this.forward !== MaskedCrossEntropy.prototype.forward || this.reduction !== 'mean') return null;
    const classes = this.mask === 'all' ? null : this.#columnsOn('cpu').handle;
    return (this.#native ??= { weight: null, ignoreIndex: Number.MIN_SAFE_INTEGER, labelSmoothing: 0, classes });
  }

  /** The classes of the mask. */
  #classes(): readonly number[] {
    if (this.mask === 'new') return this.#currentClasses;
    return this.mask === 'old' ? this.#oldClasses : sorted([...this.#oldClasses, ...this.#currentClasses]);
  }

  /** Their columns as a tensor on a device. */
  #columnsOn(device: string): Tensor {
    if (this.#columns?.device !== device) {
      const classes = this.#classes();
      this.#columns = keep(cpuTensor([...classes], { dtype: 'int64', shape: [classes.length] }).to(device));
    }
    return this.#columns;
  }

  /** Lets go what was made of other classes. */
  #forget(): void {
    this.#columns = this.#native = null;
  }

  /** Refuses what is no output and its labels. */
  #check(output: Tensor, target: Tensor): void {
    const [samples, count] = output.shape;
    if (output.shape.length !== 2 || target.shape.length !== 1 || target.shape[0] !== samples || target.dtype !== 'int64') {
      const kind = ({ dtype, shape }: Tensor) => `${dtype} [${shape.join(', ')}]`;
      throw new ContinualTorchError(
        'ERR_CRITERION',
        `MaskedCrossEntropy: expected output [B, C] and target int64 [B], got ${kind(output)} and ${kind(target)}`,
      );
    }
    const labels = target.toNumbers();
    const wrong = labels.find((label) => label < 0 || label >= count!);
    if (wrong !== undefined) throw outOfRange(`labels in [0, ${count})`, output, wrong);
    const lacking = this.mask === 'all' ? undefined : this.#classes().find((label) => label >= count!);
    if (lacking !== undefined) throw outOfRange(`classes of the mask in [0, ${count})`, output, lacking);
  }
}

const sorted = (classes: readonly number[]): readonly number[] => Object.freeze([...new Set(classes)].sort((a, b) => a - b));

const outOfRange = (expected: string, { shape }: Tensor, got: number) =>
  new ContinualTorchError(
    'ERR_LABEL_RANGE',
    `MaskedCrossEntropy: expected ${expected} for a model output of shape [${shape.join(', ')}], got ${describeValue(got)}`,
  );
