import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';
import type { PassProgress } from '../../hooks/strategy';
import { Optimizer } from '../../optim/optimizer';
import { instanceOf, positiveInteger } from '../../options';
import type { Tensor } from '../../tensor/tensor';
import { callUserAtOnce } from '../../user-function';
import { defaultEvaluator } from '../plugins/default-evaluator';
import { EvaluationPlugin } from '../plugins/evaluation';
import { periodicEvalOptions } from '../plugins/periodic-eval';
import { baseOptions, type BaseTemplateOptions } from './base-options';

/** `(output, target) => loss`: a function, or an object with such a `forward`; the loss is one number. */
export type Criterion =
  | ((output: Tensor, target: Tensor) => Tensor | Promise<Tensor>)
  | {
      /** The loss of a mini-batch. */
      forward(output: Tensor, target: Tensor): Tensor | Promise<Tensor>;
    };

/** The option schema, for strategies that add options of their own. */
export const baseSGDOptions = {
  ...baseOptions,
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
  evaluator: z
    .union([instanceOf(EvaluationPlugin, ''), z.custom<() => EvaluationPlugin>((value) => typeof value === 'function')], {
      error: 'an EvaluationPlugin, a function that makes one, or null',
    })
    .nullable()
    .optional(),
  ...periodicEvalOptions,
  onProgress: z
    .custom<(progress: PassProgress) => void | Promise<void>>((value) => typeof value === 'function', 'a function')
    .nullable()
    .default(null),
};

/** Options of strategies that learn by gradient descent. */
export interface BaseSGDTemplateOptions extends BaseTemplateOptions {
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
  /** Or a function that makes one for this strategy. Default: accuracy and loss for each epoch, experience and stream. null: none. */
  evaluator?: EvaluationPlugin | (() => EvaluationPlugin) | null;
  /** Evaluate during training every so many epochs (iterations); 0: before and after; -1, the default: never. */
  evalEvery?: number;
  /** What `evalEvery` counts: "epoch" (default), "iteration", or "experience". */
  pevalMode?: 'epoch' | 'iteration' | 'experience';
  /** Called every few milliseconds of training, evaluation and importance passes; a promise is awaited. Default null. */
  onProgress?: ((progress: PassProgress) => void | Promise<void>) | null;
}

/** The evaluator that an option says. */
export function makeEvaluator(given: EvaluationPlugin | (() => EvaluationPlugin) | null | undefined): EvaluationPlugin {
  if (given === null) return new EvaluationPlugin({ loggers: [] });
  if (given === undefined) return defaultEvaluator();
  if (given instanceof EvaluationPlugin) return given;
  const made: unknown = callUserAtOnce('ERR_CALLBACK', 'evaluator: the function failed', given);
  if (made instanceof EvaluationPlugin) return made;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `evaluator: expected the function to make an EvaluationPlugin, got ${describeValue(made)}`,
  );
}
