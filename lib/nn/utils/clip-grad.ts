import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';
import { boolean, nonNegativeNumber, parseArgument, parseOptions } from '../../options';
import { tensor } from '../../tensor/creation';
import { elementCount } from '../../tensor/element-count';
import { noGrad } from '../../tensor/grad-mode';
import { ops } from '../../tensor/operators';
import { Tensor } from '../../tensor/tensor';

const schema = z.object({
  normType: z.union([nonNegativeNumber, z.literal(Infinity)], 'a number of at least 0, or Infinity').default(2),
  errorIfNonfinite: boolean.default(false),
});

/** Options of `nn.utils.clipGradNorm_`. */
export interface ClipGradNormOptions {
  /** The p of the norm; `Infinity` is the largest magnitude. Default 2. */
  normType?: number;
  /** Throws where the norm is NaN or infinite, before any gradient is changed. Default false. */
  errorIfNonfinite?: boolean;
}

/**
 * Scales gradients in place so that their norm, taken over all of them as one vector, is at most `maxNorm`:
 * `g *= min(1, maxNorm / (norm + 1e-6))` (`torch.nn.utils.clip_grad_norm_`). In a strategy, in the hook `beforeUpdate`:
 *
 *     const clip = { beforeUpdate: ({ model }) => void nn.utils.clipGradNorm_(model.parameters(), 1) };
 *
 * A sparse gradient counts as the dense one that it stands for, and is coalesced (PyTorch refuses it).
 *
 * @param parameters one parameter or many; those without a gradient do not count
 * @returns the norm before, a scalar; 0 where there is no gradient
 * @throws ERR_GRADIENT_NOT_FINITE, ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNKNOWN_OPTION, ERR_BUSY
 */
export function clipGradNorm_(
  parameters: Tensor | Iterable<Tensor>,
  maxNorm: number,
  options?: ClipGradNormOptions,
): Tensor {
  const operation = 'nn.utils.clipGradNorm_';
  const limit = parseArgument(operation, 'maxNorm', nonNegativeNumber, maxNorm);
  const { normType, errorIfNonfinite } = parseOptions(operation, schema, options);
  const grads = gradients(operation, parameters);
  if (grads.length === 0) return tensor(0);
  return noGrad(() => {
    const norms = ops.aten._foreach_norm!(grads, normType) as Tensor[];
    const norm = ops.aten.linalg_vector_norm!(ops.aten.stack!(norms) as Tensor, normType) as Tensor;
    if (errorIfNonfinite && !Number.isFinite(norm.item())) {
      throw new ContinualTorchError(
        'ERR_GRADIENT_NOT_FINITE',
        `${operation}: expected gradients of finite norm, got ${norm.item()}`,
      );
    }
    ops.aten['_foreach_mul_.Tensor']!(grads, norm.add(1e-6).reciprocal().mul(limit).clampMax(1));
    return norm;
  });
}

/**
 * Limits every element of the gradients to [-clipValue, clipValue], in place (`torch.nn.utils.clip_grad_value_`); of
 * sparse gradients as in `clipGradNorm_`.
 * @param parameters one parameter or many; those without a gradient do not count
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_BUSY
 */
export function clipGradValue_(parameters: Tensor | Iterable<Tensor>, clipValue: number): void {
  const operation = 'nn.utils.clipGradValue_';
  const limit = parseArgument(operation, 'clipValue', nonNegativeNumber, clipValue);
  const grads = gradients(operation, parameters);
  if (grads.length === 0) return;
  noGrad(() => {
    ops.aten['_foreach_clamp_min_.Scalar']!(grads, -limit);
    ops.aten['_foreach_clamp_max_.Scalar']!(grads, limit);
  });
}

function gradients(operation: string, parameters: unknown): Tensor[] {
  const isIterable = typeof parameters === 'object' && parameters !== null && Symbol.iterator in parameters;
  const all = parameters instanceof Tensor ? [parameters] : isIterable ? [...(parameters as Iterable<unknown>)] : null;
  const wrong = all ? all.findIndex((item) => !(item instanceof Tensor)) : -1;
  if (all === null || wrong >= 0) {
    const got = all ? `${describeValue(all[wrong])} at index ${wrong}` : describeValue(parameters);
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected a tensor or tensors (model.parameters()), got ${got}`,
    );
  }
  return (all as Tensor[]).flatMap((parameter) => elementsOfGradient(parameter) ?? []);
}

/** The gradient itself, or those elements of a sparse one that may differ from 0, each once; null where there are none. */
function elementsOfGradient(parameter: Tensor): Tensor | null {
  const { grad } = parameter;
  if (grad?.layout !== 'sparseCoo') return grad;
  parameter.grad = grad.coalesce();
  const elements = ops.aten._values!(parameter.grad) as Tensor;
  return elementCount(elements.shape) === 0 ? null : elements;
}
