import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import { hasNativeTwin } from '../../hooks/twins';
import { Optimizer } from '../../optim/optimizer';
import { Phase } from '../../phase';
import { elementCount } from '../../tensor/element-count';
import { ops } from '../../tensor/operators';
import { requireTensor, Tensor } from '../../tensor/tensor';
import { callUser } from '../../user-function';
import { callOverride, inGradModeOf } from './calls';
import type { PlanPart } from './iteration-plan';
import { methodPart } from './plan-parts';

interface Mode {
  readonly isTraining: boolean;
}

/**
 * @internal What a strategy does with each mini-batch. A step is its native twin where there is one, else a call of the method.
 * @param mode whether what JavaScript computes is recorded for backward, and the loss added to; the strategy's own
 */
export function stepsOf(
  strategy: Strategy,
  mode: Mode = strategy,
): Record<'zeroGrad' | 'forward' | 'criterion' | 'backward' | 'optimizerStep', PlanPart> {
  const step = (method: () => () => unknown, call: () => void | Promise<void>) => methodPart(strategy, method, call);
  return {
    zeroGrad: step(
      () => strategy.optimizer.zeroGrad,
      () => callOverride('zeroGrad', () => zeroGrad(strategy)),
    ),
    forward: step(
      () => strategy.forward,
      () => takeOutput(strategy, mode),
    ),
    criterion: step(
      () => strategy.criterion,
      () => takeLoss(strategy, mode),
    ),
    backward: step(
      () => strategy.backward,
      () => {
        strategy.step.checkLoss();
        return callOverride('backward', () => strategy.backward());
      },
    ),
    optimizerStep: step(
      () => strategy.optimizerStep,
      () => callOverride('optimizerStep', () => strategy.optimizerStep()),
    ),
  };
}

hasNativeTwin(Optimizer.prototype.step, () => Phase.update);
hasNativeTwin(Optimizer.prototype.zeroGrad, () => Phase.zeroGrad);

/** What the native phase does, with an optimizer that clears gradients in its own way. */
function zeroGrad(strategy: Strategy): void {
  strategy.optimizer.zeroGrad();
  strategy.loss = ops.aten.zeros!([1], { device: strategy.device }) as Tensor;
}

function takeOutput(strategy: Strategy, mode: Mode): Promise<void> {
  return callUser('ERR_FORWARD', 'forward: failed', async () => {
    strategy.mbOutput = requireOutput(await inGradModeOf(mode, () => strategy.forward()));
  });
}

function takeLoss(strategy: Strategy, mode: Mode): Promise<void> {
  return callUser('ERR_CRITERION', 'criterion: failed', async () => {
    const value = requireLoss(await inGradModeOf(mode, () => strategy.criterion()));
    // In training plugins add to the loss in place, which keeps its shape [1].
    strategy.loss = mode.isTraining ? (ops.aten.add_!(strategy.loss, value) as Tensor) : value;
  });
}

/** @throws ERR_INVALID_ARG_TYPE where it is not one tensor */
function requireOutput(value: unknown): Tensor {
  const isWithOthers = typeof value === 'object' && value !== null && !(value instanceof Tensor);
  return requireTensor('forward', value, isWithOthers ? ': return the one that is trained, output[0] for example' : '');
}

/** @throws ERR_CRITERION where it is no tensor of one element */
function requireLoss(value: unknown): Tensor {
  const loss = requireTensor('criterion', value);
  if (elementCount(loss.shape) === 1) return loss;
  throw new ContinualTorchError(
    'ERR_CRITERION',
    `criterion: expected the loss of a mini-batch, one number, got [${loss.shape.join(', ')}]: ` +
      'losses of single samples (reduction: "none") have to be put together, by their mean() for example',
  );
}
