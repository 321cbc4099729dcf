import { z } from 'zod';
import { instanceOf, integer, parseOptions, unitInterval } from '../options';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';

const schema = z.object({
  weight: instanceOf(Tensor, 'a Tensor').nullable().default(null),
  ignoreIndex: integer.default(-100),
  labelSmoothing: unitInterval.default(0),
});
export interface CrossEntropyLossOptions {
  /** [C]: a factor for each class. Default: none. */
  weight?: Tensor | null;
  /** A label that does not count. Default -100. */
  ignoreIndex?: number;
  /** In [0, 1]: this share of each target is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}

const reduction = { mean: 1 };

/**
 * `mean_b( -log softmax(output_b)[target_b] )` (`torch.nn.CrossEntropyLoss`, reduction "mean").
 * Output `[B, C]` or `[B, C, d1, ...]`; target int64 `[B]` or `[B, d1, ...]` with labels in [0, C), or probabilities in
 * the output's own shape and dtype. As a strategy's criterion it runs on the compute thread and refuses labels outside
 * the model's outputs with `ERR_LABEL_RANGE`.
 */
export class CrossEntropyLoss {
  readonly weight: Tensor | null;
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;

  constructor(options?: CrossEntropyLossOptions) {
    const parsed = parseOptions('nn.CrossEntropyLoss', schema, options);
    this.weight = parsed.weight;
    this.ignoreIndex = parsed.ignoreIndex;
    this.labelSmoothing = parsed.labelSmoothing;
  }

  /** The loss as a 0-dim tensor, on the calling thread. @throws ERR_TORCH */
  forward(output: Tensor, target: Tensor): Tensor {
    return ops.aten.cross_entropy_loss!(
      output,
      target,
      this.weight,
      reduction.mean,
      this.ignoreIndex,
      this.labelSmoothing,
    ) as Tensor;
  }
}
