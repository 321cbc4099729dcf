import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { belowOne, boolean, parseOptions, positiveInteger, unitInterval } from '../options';
import { BaseLRScheduler, forEachGroup, schedulerOptions, type SchedulerOptions } from './base-lr-scheduler';
import type { Optimizer } from './optimizer';
import type { ParamGroup } from './param-group';
import { requireOptimizer } from './require-optimizer';

const positive = z.number('a number above 0').positive('a number above 0');
const oneOrEach = <S extends z.ZodType>(number: S, expected: string) =>
  z.union([number, z.array(number)], `${expected}, or an array of such numbers`);
const schema = z.object({
  maxLr: oneOrEach(positive, 'a number above 0'),
  totalSteps: positiveInteger.optional(),
  epochs: positiveInteger.optional(),
  stepsPerEpoch: positiveInteger.optional(),
  pctStart: unitInterval.default(0.3),
  annealStrategy: z.enum(['cos', 'linear'], '"cos" or "linear"').default('cos'),
  cycleMomentum: boolean.default(true),
  baseMomentum: oneOrEach(belowOne, 'a number in [0, 1)').default(0.85),
  maxMomentum: oneOrEach(belowOne, 'a number in [0, 1)').default(0.95),
  divFactor: positive.default(25),
  finalDivFactor: positive.default(1e4),
  threePhase: boolean.default(false),
  ...schedulerOptions,
});

/** Options of `optim.OneCycleLR`. */
export interface OneCycleLROptions extends SchedulerOptions {
  /** The highest learning rate, one for all groups or one for each. */
  maxLr: number | readonly number[];
  /** Steps of the cycle; default `epochs * stepsPerEpoch`. */
  totalSteps?: number;
  /** With `stepsPerEpoch`, instead of `totalSteps`. */
  epochs?: number;
  /** With `epochs`, instead of `totalSteps`. */
  stepsPerEpoch?: number;
  /** The share of steps in which learning rates rise. Default 0.3. */
  pctStart?: number;
  /** The curve from one value to the next. Default "cos". */
  annealStrategy?: 'cos' | 'linear';
  /** Moves momentum (the first of Adam's `betas`) the other way. Default true. */
  cycleMomentum?: boolean;
  /** Momentum where learning rates are highest. Default 0.85. */
  baseMomentum?: number | readonly number[];
  /** Momentum at beginning and end. Default 0.95. */
  maxMomentum?: number | readonly number[];
  /** The learning rate begins at maxLr / divFactor. Default 25. */
  divFactor?: number;
  /** It ends at that, divided by finalDivFactor. Default 1e4. */
  finalDivFactor?: number;
  /** Falls first to where it began, in as many steps as it rose, then to the end. Default false. */
  threePhase?: boolean;
}

type Point = 'initial' | 'max' | 'min';
interface SchedulePhase {
  endStep: number;
  lr: [Point, Point];
  momentum: ['base' | 'max', 'base' | 'max'];
}
type Annealing = (start: number, end: number, share: number) => number;

const annealings: Record<'cos' | 'linear', Annealing> = {
  cos: (start, end, share) => end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1),
  linear: (start, end, share) => (end - start) * share + start,
};

/**
 * The 1cycle policy (Smith and Topin, arXiv 1708.07120; `torch.optim.lr_scheduler.OneCycleLR`): learning rates rise from
 * `maxLr / divFactor` to `maxLr`, then fall far below where they began; momentum falls and rises. Made for a step after
 * each iteration.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; `step` ERR_CALL_ORDER beyond `totalSteps`
 */
export class OneCycleLR extends BaseLRScheduler {
  /** Steps of the cycle. */
  readonly totalSteps: number;
  private readonly phases: readonly SchedulePhase[];
  private readonly anneal: Annealing;
  private readonly lrs: Record<Point, number>[];
  private readonly momenta: Record<'base' | 'max', number>[] | null;

  constructor(optimizer: Optimizer, options: OneCycleLROptions) {
    const operation = 'optim.OneCycleLR';
    const parsed = parseOptions(operation, schema, options);
    requireOptimizer(operation, optimizer);
    const { divFactor, finalDivFactor } = parsed;
    const each = (name: 'maxLr' | 'baseMomentum' | 'maxMomentum') => forEachGroup(operation, name, optimizer, parsed[name]);
    const totalSteps = totalStepsOf(parsed);
    const lrs = each('maxLr').map((max) => ({ max, initial: max / divFactor, min: max / divFactor / finalDivFactor }));
    const [base, max] = [each('baseMomentum'), each('maxMomentum')];
    if (parsed.cycleMomentum) requireMomentum(optimizer);
    if (parsed.lastEpoch === -1) optimizer.paramGroups.forEach((group, i) => (group.initialLr = lrs[i]!.initial));

    super(operation, optimizer, { lastEpoch: parsed.lastEpoch });
    this.totalSteps = totalSteps;
    this.phases = phases(totalSteps, parsed.pctStart, parsed.threePhase);
    this.anneal = annealings[parsed.annealStrategy];
    this.lrs = lrs;
    this.momenta = parsed.cycleMomentum ? lrs.map((_, i) => ({ base: base[i]!, max: max[i]! })) : null;
    this.begin();
  }

  protected override getLr(): number[] {
    if (this.lastEpoch > this.totalSteps) {
      throw new ContinualTorchError(
        'ERR_CALL_ORDER',
        `optim.OneCycleLR: expected at most ${this.totalSteps} steps, got step ${this.lastEpoch}`,
      );
    }
    const at = this.phases.findIndex(({ endStep }, i) => this.lastEpoch <= endStep || i === this.phases.length - 1);
    const { endStep, lr, momentum } = this.phases[at]!;
    const startStep = this.phases[at - 1]?.endStep ?? 0;
    // A phase of no length (PyTorch divides by zero there) is over at once.
    const share = endStep === startStep ? 1 : (this.lastEpoch - startStep) / (endStep - startStep);
    this.momenta?.forEach((values, i) => {
      const between = this.anneal(values[momentum[0]], values[momentum[1]], share);
      setMomentum(this.optimizer.paramGroups[i]!, limit(between, values.base, values.max));
    });
    // A last step beyond the end of a line leads below 0, where no learning rate is.
    return this.lrs.map((values) => Math.max(0, this.anneal(values[lr[0]], values[lr[1]], share)));
  }
}

function totalStepsOf({ totalSteps, epochs, stepsPerEpoch }: z.output<typeof schema>): number {
  if (totalSteps !== undefined) return totalSteps;
  if (epochs !== undefined && stepsPerEpoch !== undefined) return epochs * stepsPerEpoch;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    'optim.OneCycleLR: expected totalSteps, or epochs and stepsPerEpoch, got neither',
  );
}

function phases(totalSteps: number, pctStart: number, threePhase: boolean): SchedulePhase[] {
  const rise: SchedulePhase = { endStep: pctStart * totalSteps - 1, lr: ['initial', 'max'], momentum: ['max', 'base'] };
  const last = totalSteps - 1;
  if (!threePhase) return [rise, { endStep: last, lr: ['max', 'min'], momentum: ['base', 'max'] }];
  return [
    rise,
    { endStep: 2 * pctStart * totalSteps - 2, lr: ['max', 'initial'], momentum: ['base', 'max'] },
    { endStep: last, lr: ['initial', 'min'], momentum: ['max', 'max'] },
  ];
}

/** Groups of an optimizer that has one of the two. */
type WithMomentum = ParamGroup & { momentum?: number; betas?: readonly [number, number] };

function requireMomentum({ paramGroups }: Optimizer): void {
  if (paramGroups.every((group) => 'betas' in group || 'momentum' in group)) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    'optim.OneCycleLR: expected an optimizer with momentum or betas for cycleMomentum, got one without',
  );
}

function setMomentum(group: WithMomentum, momentum: number): void {
  if (group.betas) group.betas = [momentum, group.betas[1]];
  else group.momentum = momentum;
}

function limit(value: number, a: number, b: number): number {
  return Math.min(Math.max(value, Math.min(a, b)), Math.max(a, b));
}
