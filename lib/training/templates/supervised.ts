import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';
import { defaultEvaluator } from '../../evaluation/default-evaluator';
import { EvaluationPlugin } from '../../evaluation/evaluation-plugin';
import { native } from '../../native/binding';
import { type NativeTrainingStep, Phase } from '../../native/types';
import { CrossEntropyLoss } from '../../nn/cross-entropy-loss';
import { Module } from '../../nn/module';
import { Optimizer } from '../../optim/optimizer';
import { deviceName, instanceOf, parseOptions, positiveInteger } from '../../options';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';
import { Clock } from '../plugins/clock';
import { PeriodicEval } from '../plugins/periodic-eval';
import { type Plugin, surplusCallbacks } from '../plugins/plugin';
import { pluginName } from './base';
import { BaseSGDTemplate, type PassProgress } from './base-sgd';
import { hasNativeTwin } from './native-twin';

/** `(output, target) => loss`: a function, or an object with such a `forward`; the loss is one number. */
export type Criterion =
  | ((output: Tensor, target: Tensor) => Tensor | Promise<Tensor>)
  | { forward(output: Tensor, target: Tensor): Tensor | Promise<Tensor> };

/** The option schema, for strategies that add options of their own. */
export const supervisedOptions = {
  model: instanceOf(Module, 'a Module (jit.load, nn, models)'),
  optimizer: instanceOf(Optimizer, 'an Optimizer (optim.SGD, optim.Adam, optim.AdamW)'),
  criterion: z
    .custom<Criterion>(
      (value) =>
        typeof value === 'function' ||
        (typeof value === 'object' && value !== null && typeof (value as { forward?: unknown }).forward === 'function'),
      'a function (output, target) => loss or an object with a forward of that kind',
    )
    .optional(),
  trainMbSize: positiveInteger.default(1),
  trainEpochs: positiveInteger.default(1),
  evalMbSize: positiveInteger.nullable().default(1),
  device: deviceName.default('cpu'),
  plugins: z
    .array(
      z.custom<Plugin>((value) => typeof value === 'object' && value !== null, 'an object with hooks'),
      'an array of plugins',
    )
    .default([]),
  evaluator: instanceOf(EvaluationPlugin, 'an EvaluationPlugin or null').nullable().optional(),
  evalEvery: z.int('an integer of at least -1').min(-1, 'an integer of at least -1').default(-1),
  pevalMode: z.enum(['epoch', 'iteration', 'experience'], '"epoch", "iteration" or "experience"').default('epoch'),
  onProgress: z
    .custom<(progress: PassProgress) => void>((value) => typeof value === 'function', 'a function')
    .nullable()
    .default(null),
};
const schema = z.object(supervisedOptions);

export interface SupervisedTemplateOptions {
  model: Module;
  /** Every parameter of the model that it does not know is added to it when training begins. */
  optimizer: Optimizer;
  /** Default: `new nn.CrossEntropyLoss()`. A criterion of your own runs on the JavaScript thread. */
  criterion?: Criterion;
  /** Samples in a training mini-batch. Default 1. */
  trainMbSize?: number;
  /** Epochs on each experience. Default 1. */
  trainEpochs?: number;
  /** Samples in an evaluation mini-batch; null: `trainMbSize`. Default 1. */
  evalMbSize?: number | null;
  /** `"cpu"`, `"cuda"` or `"cuda:N"`. Default `"cpu"`. */
  device?: string;
  /** Called in this order; the array is copied. Default none. */
  plugins?: Plugin[];
  /** Default: accuracy and loss for each epoch, experience and stream. null: no metrics. */
  evaluator?: EvaluationPlugin | null;
  /** Evaluate during training every so many epochs (iterations); 0: before and after; -1, the default: never. */
  evalEvery?: number;
  /** What `evalEvery` counts: "epoch" (default), "iteration", or "experience". */
  pevalMode?: 'epoch' | 'iteration' | 'experience';
  /** Called every few milliseconds of training, evaluation and importance passes. Default null. */
  onProgress?: ((progress: PassProgress) => void) | null;
}

/**
 * Supervised training of a PyTorch model on a stream of experiences, with plugins called between the steps (see
 * `BaseTemplate` and `BaseSGDTemplate` for the loops). Training, evaluation and importance passes run on the compute thread;
 * `forward`, `criterion`, `backward` and `optimizerStep` may be overridden, and an override is called on the JavaScript
 * thread in place of the native phase.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION; ERR_DEVICE
 */
export class SupervisedTemplate extends BaseSGDTemplate {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly device: string;
  readonly trainMbSize: number;
  readonly trainEpochs: number;
  readonly evalMbSize: number;
  readonly plugins: Plugin[];
  readonly evaluator: EvaluationPlugin;
  readonly clock = new Clock();
  readonly onProgress: ((progress: PassProgress) => void) | null;
  /** @internal */
  readonly step: NativeTrainingStep;
  private readonly lossFunction: Criterion;

  constructor(options: SupervisedTemplateOptions) {
    super();
    const parsed = parseOptions(new.target.name, schema, options);
    this.model = parsed.model;
    this.optimizer = parsed.optimizer;
    this.device = parsed.device;
    this.trainMbSize = parsed.trainMbSize;
    this.trainEpochs = parsed.trainEpochs;
    this.evalMbSize = parsed.evalMbSize ?? parsed.trainMbSize;
    this.onProgress = parsed.onProgress;
    this.lossFunction = parsed.criterion ?? new CrossEntropyLoss();
    this.evaluator = parsed.evaluator === undefined ? defaultEvaluator() : (parsed.evaluator ?? new EvaluationPlugin());
    parsed.plugins.forEach((plugin) => this.warnOfSurplusCallbacks(plugin));
    this.plugins = [
      ...parsed.plugins,
      this.evaluator,
      new PeriodicEval(parsed.evalEvery, parsed.pevalMode),
      this.clock,
    ];
    native.checkDevice(this.device);
    const criterion = this.nativeCriterion();
    this.step = native.createTrainingStep(
      this.model.handle,
      this.optimizer.handle,
      criterion && {
        weight: criterion.weight?.handle ?? null,
        ignoreIndex: criterion.ignoreIndex,
        labelSmoothing: criterion.labelSmoothing,
      },
      this.device,
    );
  }

  /** Inputs of the current mini-batch, [B, ...]; null outside of an iteration. */
  get mbX(): Tensor | null {
    return this.read('x');
  }

  set mbX(x: Tensor) {
    this.step.set('x', requireTensor('mbX', x).handle);
  }

  /** Targets of the current mini-batch, [B] or [B, ...]. */
  get mbY(): Tensor | null {
    return this.read('y');
  }

  set mbY(y: Tensor) {
    this.step.set('y', requireTensor('mbY', y).handle);
  }

  /** Task labels of the current mini-batch, int64 [B]. */
  get mbTaskId(): Tensor | null {
    return this.read('taskId');
  }

  /** `[mbX, mbY, mbTaskId]`, or null outside of an iteration. */
  get mbatch(): [Tensor, Tensor, Tensor] | null {
    const x = this.mbX;
    return x && [x, this.mbY!, this.mbTaskId!];
  }

  /** The model's output for the current mini-batch. */
  get mbOutput(): Tensor | null {
    return this.read('output');
  }

  set mbOutput(output: Tensor) {
    this.step.set('output', requireTensor('mbOutput', output).handle);
  }

  /** The loss: [1] in training, penalties included; 0-dim in evaluation. */
  get loss(): Tensor {
    return this.read('loss')!;
  }

  set loss(loss: Tensor) {
    this.step.set('loss', requireTensor('loss', loss).handle);
  }

  /** The model's output for `mbX`. */
  forward(): Tensor | Promise<Tensor> {
    return this.model.forward(this.mbX!);
  }

  /** The criterion's value for `mbOutput` and `mbY`. */
  criterion(): Tensor | Promise<Tensor> {
    const { lossFunction } = this;
    return typeof lossFunction === 'function'
      ? lossFunction(this.mbOutput!, this.mbY!)
      : lossFunction.forward(this.mbOutput!, this.mbY!);
  }

  /** Gradients of the loss. */
  backward(): void | Promise<void> {
    this.loss.backward();
  }

  /** One step of the optimizer. */
  optimizerStep(): void | Promise<void> {
    this.optimizer.step();
  }

  protected get phases(): BaseSGDTemplate['phases'] {
    return {
      forward: {
        method: this.forward,
        call: async () => {
          this.mbOutput = requireTensor('forward', await this.inGradMode(() => this.forward()));
        },
      },
      criterion: { method: this.criterion, call: () => this.takeLoss() },
      backward: { method: this.backward, call: () => this.backward() },
      optimizerStep: { method: this.optimizerStep, call: () => this.optimizerStep() },
    };
  }

  /** @internal The criterion that C++ can compute; null where it is one of the user's own. */
  nativeCriterion(): CrossEntropyLoss | null {
    const { lossFunction } = this;
    return lossFunction instanceof CrossEntropyLoss && lossFunction.forward === CrossEntropyLoss.prototype.forward
      ? lossFunction
      : null;
  }

  private async takeLoss(): Promise<void> {
    try {
      const value = requireTensor('criterion', await this.inGradMode(() => this.criterion()));
      // In training plugins add to the loss in place, which keeps its shape [1].
      this.loss = this.isTraining ? (ops.aten.add_!(this.loss, value) as Tensor) : value;
    } catch (error) {
      if (error instanceof ContinualTorchError && error.code !== 'ERR_TORCH') throw error;
      throw new ContinualTorchError('ERR_CRITERION', `criterion: failed: ${(error as Error).message}`, { cause: error });
    }
  }

  private read(name: 'x' | 'y' | 'taskId' | 'output' | 'loss'): Tensor | null {
    const handle = this.step.get(name);
    return handle && new Tensor(handle);
  }

  private warnOfSurplusCallbacks(plugin: Plugin): void {
    const surplus = surplusCallbacks(plugin);
    if (surplus.length === 0) return;
    process.emitWarning(
      `${pluginName(plugin)} has callbacks that ${this.constructor.name} never calls: ${surplus.join(', ')}`,
      'ContinualTorchWarning',
    );
  }
}

hasNativeTwin(SupervisedTemplate.prototype.forward, () => Phase.forward);
hasNativeTwin<SupervisedTemplate>(SupervisedTemplate.prototype.criterion, (strategy) =>
  strategy.nativeCriterion() ? Phase.criterion : undefined,
);
hasNativeTwin(SupervisedTemplate.prototype.backward, () => Phase.backward);
hasNativeTwin(SupervisedTemplate.prototype.optimizerStep, () => Phase.update);

function requireTensor(operation: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected a Tensor, got ${describeValue(value)}`,
  );
}
