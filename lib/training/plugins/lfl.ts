import { z } from 'zod';
import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import { native } from '../../native/binding';
import type { NativeModule } from '../../native/types';
import { type AnyModule, nativeModule } from '../../nn/module';
import type { Parameter } from '../../nn/parameter';
import { nonNegativeInteger, nonNegativeNumber, parseOptions } from '../../options';
import type { Phase } from '../../phase';
import { anyState, checkState, type State } from '../../state';
import { noGrad } from '../../tensor/grad-mode';
import { requireTensor, type Tensor } from '../../tensor/tensor';
import { torch } from '../../torch';
import { callUser, callUserAtOnce } from '../../user-function';
import { DistillationPlugin } from './distillation-plugin';
import { listed, requireSameOptions } from './quadratic-penalty';

/** The option schema of `LFLPlugin`, for strategies that add options of their own. */
export const lflOptions = {
  lambdaE: z.union([nonNegativeNumber, z.array(nonNegativeNumber).min(1)], 'a number of at least 0, or an array of one or more of them'),
};
const schema = z.object(lflOptions);
const stateSchema = z.object({ lambdaE: anyState.optional(), experiences: nonNegativeInteger, teacher: anyState });

/** Options of `LFLPlugin`. */
export interface LFLPluginOptions {
  /** Weight of the distance of features, at least 0; an array: of each experience, one for every one of them. */
  lambdaE: number | readonly number[];
}

/** What an `LFLPlugin` remembers. */
export type LFLStateDict = {
  /** Option. */
  lambdaE: number | number[];
  /** How many experiences it has behind it. */
  experiences: number;
  /** The model behind the latest experience; null before. */
  teacher: State;
};

/** A model that says what its last layer gets. */
type HasFeatures = { getFeatures(x: unknown): Tensor | Promise<Tensor> };

/**
 * Less-Forgetful Learning (Jung, Ju, Jung, Kim, "Less-forgetting Learning in Deep Neural Networks", arXiv 1607.00122), with the
 * numbers of Avalanche's `LFLPlugin`: the features of the data that is learned now shall stay what they were, and the last layer is
 * frozen. From the second experience on the loss gets, features being [B, F],
 *
 *     lambdaE / (B F) sum ||features(x) - teacher's features(x)||^2
 *
 * The model has a method `getFeatures(x)`, as `models.SimpleMLP` has, or in TorchScript `get_features`. Behind each experience its last
 * `Linear` layer is frozen. As with the reference, the model is in eval mode behind the first mini-batch of its second
 * experience, and of each call of `train` from then on: dropout and BatchNorm's statistics stand still.
 *
 * @throws ERR_INVALID_ARG_VALUE, also while training where `lambdaE` is an array without a value for the experience;
 * ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION; while training ERR_DISTILLATION where the model gives no features, or others than its
 * teacher, or has no `Linear` layer
 */
export class LFLPlugin extends DistillationPlugin {
  /** The weight of the distance. */
  readonly lambdaE: number | readonly number[];

  constructor(options: LFLPluginOptions) {
    const { lambdaE } = parseOptions('LFLPlugin', schema, options);
    super(lambdaE, 'LFLPlugin', 'lambdaE');
    this.lambdaE = lambdaE;
  }

  /** The teacher, the memory itself. */
  stateDict(): LFLStateDict {
    const lambdaE = typeof this.lambdaE === 'number' ? this.lambdaE : [...this.lambdaE];
    return { lambdaE, experiences: this.experiences, teacher: this.teacher.stateDict() };
  }

  /** Goes on from a state. @throws ERR_STATE_DICT, also where `lambdaE` is another */
  loadStateDict(state: unknown): void {
    const { lambdaE, experiences, teacher } = checkState('LFLPlugin', stateSchema, state);
    requireSameOptions('LFLPlugin', { lambdaE: listed(this.lambdaE)! }, { lambdaE: listed(lambdaE) });
    this.load(experiences, teacher);
  }

  /** @internal */
  protected override check({ model }: Strategy): void {
    lastLinear(model);
    if (hasFeatures(model) || saysFeatures(nativeModule(model))) return;
    throw new ContinualTorchError(
      'ERR_DISTILLATION',
      `LFLPlugin: expected a model with a method getFeatures(x), or in TorchScript get_features, got ${model.constructor.name} without one`,
    );
  }

  /** @internal Freezes the last layer, and gives what undoes it. */
  protected override learned({ model }: Strategy): () => void {
    const frozen = lastLinear(model).filter(({ requiresGrad }) => requiresGrad);
    for (const parameter of frozen) parameter.requiresGrad_(false);
    return () => frozen.forEach((parameter) => void parameter.requiresGrad_());
  }

  /** @internal */
  protected override makePhase(student: NativeModule, teacher: NativeModule, lambdaE: number): Phase | null {
    return saysFeatures(student) ? native.createFeatureDistillation(student, teacher, 'LFLPlugin', lambdaE) : null;
  }

  /** @internal */
  protected override async addToLoss(strategy: Strategy, teacher: AnyModule, lambdaE: number): Promise<void> {
    const { model, mbInputs } = strategy;
    const features = async (of: AnyModule): Promise<Tensor> => {
      callUserAtOnce('ERR_CALLBACK', 'LFLPlugin: eval of the model failed', () => of.eval());
      return requireTensor('getFeatures', await callUser('ERR_FORWARD', 'getFeatures: failed', () => (of as unknown as HasFeatures).getFeatures(mbInputs)));
    };
    const ours = await features(model);
    const teachers = await noGrad(() => features(teacher));
    if (ours.shape.join() !== teachers.shape.join()) {
      const shape = (tensor: Tensor) => `[${tensor.shape.join(', ')}]`;
      throw new ContinualTorchError('ERR_DISTILLATION', `LFLPlugin.beforeBackward: expected features of the teacher's shape ${shape(teachers)}, got ${shape(ours)}`);
    }
    strategy.loss.add_(torch.mseLoss(ours, teachers).mul(lambdaE));
  }
}

/** The parameters of the last `Linear` layer, shared ones among them. */
function lastLinear(model: AnyModule): Parameter[] {
  const path = nativeModule(model).classes().findLast(([, name]) => name === 'Linear')?.[0];
  if (path === undefined) throw new ContinualTorchError('ERR_DISTILLATION', 'LFLPlugin: expected a model with a Linear layer, got none');
  const layer = model.namedModules().get(path);
  if (layer) return layer.parameters();
  // What is inside of a model of `jit.load` has no module of its own.
  return [...model.namedParameters()].filter(([name]) => name.slice(0, Math.max(name.lastIndexOf('.'), 0)) === path).map(([, parameter]) => parameter);
}

const hasFeatures = (model: AnyModule) => typeof (model as Partial<HasFeatures>).getFeatures === 'function';
const saysFeatures = (model: NativeModule) => model.methodNames().includes('get_features');
