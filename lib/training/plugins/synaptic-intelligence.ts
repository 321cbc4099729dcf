import picomatch from 'picomatch';
import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import { hasNativeTwin } from '../../hooks/twins';
import { native } from '../../native/binding';
import { type AnyModule, nativeModule } from '../../nn/module';
import { boolean, nonNegativeNumber, parseOptions } from '../../options';
import type { Phase } from '../../phase';
import { anyState, byName, checkState, tensorState } from '../../state';
import type { Tensor } from '../../tensor/tensor';
import { PathPlugin } from './path-plugin';
import type { PenaltyUpdate } from './penalty-update';
import { listed, namesOf, QuadraticPenalty, requireSameOptions } from './quadratic-penalty';

/** The option schema of `SynapticIntelligencePlugin`, for strategies that add options of their own. */
export const synapticIntelligenceOptions = {
  siLambda: z.union([nonNegativeNumber, z.array(nonNegativeNumber).min(1)], 'a number of at least 0, or an array of one or more of them'),
  eps: z.number('a number').positive('a number above 0').default(1e-7),
  excludedParameters: z.array(z.string('a pattern').min(1, 'a pattern of parameter names'), 'an array of parameter names').default([]),
  clip: nonNegativeNumber.nullable().default(0.001),
  gradient: z.enum(['loss', 'task'], '"loss" or "task"').default('loss'),
  keepNegative: boolean.default(false),
};
const schema = z.object(synapticIntelligenceOptions);
const stateSchema = z.object({
  siLambda: anyState.optional(),
  eps: anyState.optional(),
  clip: anyState.optional(),
  gradient: anyState.optional(),
  keepNegative: anyState.optional(),
  excludedParameters: anyState.optional(),
  importance: byName(tensorState),
  anchor: byName(tensorState),
  trajectory: byName(tensorState),
  cumTrajectory: byName(tensorState),
});

/** Options of `SynapticIntelligencePlugin`. */
export interface SynapticIntelligencePluginOptions {
  /** Weight of the penalty, at least 0; an array: of each experience, the last one for all that follow. */
  siLambda: number | readonly number[];
  /** What keeps the quotient finite where a parameter has not moved, above 0. Default 1e-7. */
  eps?: number;
  /** Parameters that are left out: shell patterns of names, each also with `.*` behind it. Default: none. */
  excludedParameters?: readonly string[];
  /** The largest importance; null: there is none. Default 0.001. */
  clip?: number | null;
  /** Whose gradient is added up along the way: that of the loss, or of the loss without this penalty. Default `"loss"`. */
  gradient?: 'loss' | 'task';
  /**
   * Whether importances may be below 0, as the reference's on a GPU: the loss then falls without bound as their parameters move away,
   * soon where there is momentum. Default false.
   */
  keepNegative?: boolean;
}

/** What a `SynapticIntelligencePlugin` remembers. */
export type SynapticIntelligenceStateDict = {
  /** Options. */
  siLambda: number | number[];
  /** Options. */
  eps: number;
  /** Options. */
  clip: number | null;
  /** Options. */
  gradient: string;
  /** Options. */
  keepNegative: boolean;
  /** Options. */
  excludedParameters: string[];
  /** Omega by parameter name. */
  importance: Record<string, Tensor>;
  /** theta* by parameter name. */
  anchor: Record<string, Tensor>;
  /** w by parameter name. */
  trajectory: Record<string, Tensor>;
  /** W by parameter name. */
  cumTrajectory: Record<string, Tensor>;
};

/**
 * Synaptic Intelligence (Zenke, Poole, Ganguli, "Continual Learning Through Synaptic Intelligence", ICML 2017, arXiv 1703.04200; in
 * the form of Maltoni and Lomonaco, arXiv 1806.08568). With `keepNegative` its numbers are those of Avalanche's plugin of this name on a
 * GPU; on the CPU that one (0.6.0) protects nothing, since its copies of the parameters are there the parameters themselves.
 *
 * With each update, g being the gradient of the loss, and behind an experience that began at theta_0:
 *
 *     w <- w + g (theta_new - theta_old)
 *     W <- W + w / ((theta - theta_0)^2 + eps),    Omega = min(max(-W, 0), clip),    theta* = theta,    w <- 0
 *
 * From the first experience on, with Omega = 0 in it, the loss gets
 *
 *     siLambda / 2 * sum Omega (theta - theta*)^2
 *
 * With `gradient: 'task'` g is without the gradient of this penalty, as in the paper. Parameters of BatchNorm
 * and InstanceNorm, frozen ones and those of `excludedParameters` are left out. Where parameters grow, new elements begin at 0 (the
 * reference is right for growth in dimension 0 alone). Everything is done on the compute thread.
 *
 * @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_PENALTY_SHAPE where a parameter has
 * shrunk
 */
export class SynapticIntelligencePlugin extends PathPlugin {
  /** The weight of the penalty. */
  readonly siLambda: number | readonly number[];
  readonly #options: z.output<typeof schema>;
  readonly #isExcluded: (name: string) => boolean;

  constructor(options: SynapticIntelligencePluginOptions) {
    const parsed = parseOptions('SynapticIntelligencePlugin', schema, options);
    const { siLambda, eps, clip, gradient, keepNegative, excludedParameters } = parsed;
    const penalty = new QuadraticPenalty({ lambda: lambdaOf(siLambda, 0) / 2 }, namesOf('SI', 'SynapticIntelligencePlugin', 'siLambda / 2'));
    super(penalty, native.createSynapticIntelligence(penalty.handle, eps, clip, gradient === 'task', keepNegative));
    this.siLambda = siLambda;
    this.#options = parsed;
    this.#isExcluded = matcherOf(excludedParameters);
  }

  /** Importances, anchors and trajectories, the memory itself, and the options. @throws ERR_BUSY while a job uses it */
  stateDict(): SynapticIntelligenceStateDict {
    const { siLambda, eps, clip, gradient, keepNegative, excludedParameters } = this.#options;
    const { importance, anchor, trajectory, cumTrajectory } = this.memory();
    return { siLambda, eps, clip, gradient, keepNegative, excludedParameters, importance, anchor, trajectory: trajectory!, cumTrajectory: cumTrajectory! };
  }

  /** Goes on with copies of what a state remembers. @throws ERR_STATE_DICT, also where an option is another; ERR_BUSY */
  loadStateDict(state: unknown): void {
    const { siLambda, excludedParameters, importance, anchor, trajectory, cumTrajectory, ...options } = checkState('SynapticIntelligencePlugin', stateSchema, state);
    const { eps, clip, gradient, keepNegative, siLambda: own, excludedParameters: excluded } = this.#options;
    requireSameOptions(
      'SynapticIntelligencePlugin',
      { siLambda: listed(own)!, eps, clip, gradient, keepNegative, excludedParameters: listed(excluded)! },
      { siLambda: listed(siLambda), ...options, excludedParameters: listed(excludedParameters) },
    );
    this.loadMemory({ importance, anchor, trajectory, cumTrajectory });
  }

  /** The way of an experience begins. */
  override async beforeTrainingExp(strategy: Strategy): Promise<void> {
    this.penalty.lambda = lambdaOf(this.siLambda, strategy.clock.trainExpCounter) / 2;
    await super.beforeTrainingExp(strategy);
    const left = normalizationOf(strategy.model);
    this.method.exclude([...strategy.model.namedParameters().keys()].filter((name) => left(name) || this.#isExcluded(name)));
    await strategy.runNative([this.method.begin]);
  }

  /** Notes the parameters. */
  override async beforeTrainingIteration(strategy: Strategy): Promise<void> {
    await strategy.runNative([this.method.before]);
  }

  /** Adds what the update has contributed. */
  override async afterTrainingIteration(strategy: Strategy): Promise<void> {
    await strategy.runNative([this.method.after]);
  }

  /** @internal */
  override phaseOf(way: PenaltyUpdate, { clock }: Strategy): Phase | null {
    const { penalty } = this;
    if (way !== 'gradient' || penalty.isEmpty) return null;
    const lambda = lambdaOf(this.siLambda, clock.trainExpCounter) / 2;
    if (penalty.lambda !== lambda) penalty.lambda = lambda;
    return penalty.phase;
  }

  /** @internal */
  get phases(): { before: Phase; after: Phase } {
    return this.method;
  }
}

hasNativeTwin<SynapticIntelligencePlugin>(SynapticIntelligencePlugin.prototype.beforeTrainingIteration, ({ phases }) => phases.before);
hasNativeTwin<SynapticIntelligencePlugin>(SynapticIntelligencePlugin.prototype.afterTrainingIteration, ({ phases }) => phases.after);

function lambdaOf(siLambda: number | readonly number[], experience: number): number {
  return typeof siLambda === 'number' ? siLambda : siLambda[Math.min(experience, siLambda.length - 1)]!;
}

/** Whether a name is one of these patterns of the shell, or of a module that is. */
function matcherOf(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.length === 0) return () => false;
  const exploded = patterns.flatMap((pattern) => (pattern.endsWith('*') ? [pattern] : [pattern, `${pattern}.*`]));
  return picomatch(exploded, { nobrace: true, noextglob: true, nonegate: true, dot: true, bash: true });
}

/** Whether a parameter belongs to a module that normalises with statistics of samples. */
function normalizationOf(model: AnyModule): (name: string) => boolean {
  const paths = new Set(nativeModule(model).classes().flatMap(([path, name]) => (/^(Lazy|Sync)?(Batch|Instance)Norm/.test(name) ? [path] : [])));
  return (name) => paths.has(name.slice(0, Math.max(name.lastIndexOf('.'), 0)));
}
