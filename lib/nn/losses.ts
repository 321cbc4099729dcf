import { z } from 'zod';
import { boolean, instanceOf, integer, nonNegativeNumber, parseOptions, unitInterval } from '../options';
import { tensor } from '../tensor/creation';
import { Tensor } from '../tensor/tensor';
import { warnWhereBroadcast } from './broadcast';
import { Module, runScript, runsTorchScript } from './module';
import { float, python } from './repr';
import { scriptModule } from './script-module';

/** What becomes of the losses of the elements: their mean (default), their sum, or "none": all of them. */
export type Reduction = 'none' | 'mean' | 'sum';

const reductions = ['none', 'mean', 'sum'] as const satisfies Reduction[];
const reduction = z.enum(reductions, '"mean", "sum" or "none"').default('mean');
const number = z.number('a number');
const tensorOrNull = instanceOf(Tensor, 'a Tensor').nullable().default(null);
const weight = tensorOrNull;
const numbered = (value: Reduction) => reductions.indexOf(value);

type Shape = z.ZodRawShape & { reduction?: z.ZodType };
type Parsed<S extends z.ZodRawShape> = z.output<z.ZodObject<S>>;
type Given<S extends z.ZodRawShape> = z.input<z.ZodObject<S>>;

/** A loss: TorchScript of two tensors or more. Options that are tensors become buffers. */
function scripted<S extends Shape>(name: string, shape: S, options: unknown, inputs: string[], body: (o: Parsed<S>, r: string) => string) {
  const parsed = parseOptions(`nn.${name}`, z.object(shape), options) as Parsed<S>;
  const buffers: Record<string, Tensor | null> = {};
  for (const [key, value] of Object.entries(parsed)) {
    if (value instanceof Tensor || (value === null && shape[key] === tensorOrNull)) {
      buffers[key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
    }
  }
  const text = body(parsed, String(numbered((parsed as { reduction: Reduction }).reduction)));
  const statements = text.includes('return ') ? text : `return ${text}`;
  const signature = inputs.map((input) => `${input}: Tensor`).join(', ');
  const source = `def forward(self, ${signature}) -> Tensor:\n  ${statements.replaceAll('\n', '\n  ')}\n`;
  return { parsed, handle: scriptModule(name, { buffers, source }) };
}

/** A loss of an output and its target; `weight` and `posWeight` among its options are buffers. */
export abstract class Loss extends Module {
  /** The loss, computed on the calling thread and recorded for backward. @throws ERR_BUSY, ERR_TORCH */
  override forward(input: Tensor, target: Tensor): Tensor {
    return runScript(this, input, target) as Tensor;
  }
}
runsTorchScript(Loss.prototype.forward);

/** A loss of two tensors and a target. */
export abstract class PairLoss extends Module {
  /** The loss, computed on the calling thread and recorded for backward. @throws ERR_BUSY, ERR_TORCH */
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return runScript(this, input1, input2, target) as Tensor;
  }
}
runsTorchScript(PairLoss.prototype.forward);

function loss<S extends Shape>(
  name: string,
  shape: S,
  body: (options: Parsed<S>, reduction: string) => string,
): new (options?: Given<S>) => Loss {
  return class extends Loss {
    constructor(options?: Given<S>) {
      super(scripted(name, shape, options, ['input', 'target'], body).handle);
    }
  };
}

/**
 * A loss of each element of the input and its target. Where shapes differ, both are broadcast as in PyTorch, and a warning
 * says so.
 */
function elementwiseLoss<S extends Shape>(
  name: string,
  shape: S,
  body: (options: Parsed<S>, reduction: string) => string,
): new (options?: Given<S>) => Loss {
  const Base: new (options?: Given<S>) => Loss = loss(name, shape, body);
  class ElementwiseLoss extends Base {
    override forward(input: Tensor, target: Tensor): Tensor {
      warnWhereBroadcast(name, input, target);
      return super.forward(input, target);
    }
  }
  runsTorchScript(ElementwiseLoss.prototype.forward);
  return ElementwiseLoss;
}

function pairLoss<S extends Shape>(
  name: string,
  shape: S,
  inputs: string[],
  body: (options: Parsed<S>, reduction: string) => string,
): new (options?: Given<S>) => PairLoss {
  return class extends PairLoss {
    constructor(options?: Given<S>) {
      super(scripted(name, shape, options, inputs, body).handle);
    }
  };
}

/** One statement that reduces `loss`. */
const reduced = (kind: Reduction) => (kind === 'none' ? 'loss' : `loss.${kind}()`);

/** libtorch leaves what an empty mini-batch makes unset: here the mean of nothing is NaN, as elsewhere, and the sum 0. */
const alsoOfNothing = (kind: Reduction, call: (reduction: number) => string) =>
  (kind === 'none' ? '' : `if input.numel() == 0:\n  return ${call(numbered('none'))}.${kind}()\n`) +
  `return ${call(numbered(kind))}`;

const sameSize = (name: string) =>
  `assert input.size() == target.size(), "${name}: expected a target of the input's size {}, got {}".format(input.size(), target.size())\n`;

/** Of tensors of different sizes libtorch's operators compute the right value, but a gradient of other means. */
const expanded = (call: string) =>
  `if input.size() != target.size():\n  input, target = torch.broadcast_tensors([input, target])\nreturn ${call}`;

const crossEntropy = {
  weight,
  ignoreIndex: integer.default(-100),
  reduction,
  labelSmoothing: unitInterval.default(0),
};

/** Options of `nn.CrossEntropyLoss`. */
export interface CrossEntropyLossOptions {
  /** Shape [C]: a factor for each class. Default: none. */
  weight?: Tensor | null;
  /** A label that does not count. Default -100. */
  ignoreIndex?: number;
  /** "mean" (default), "sum" or "none". */
  reduction?: Reduction;
  /** In [0, 1]: this share of each target is spread evenly over all classes. Default 0. */
  labelSmoothing?: number;
}

/**
 * `mean_b( -log softmax(output_b)[target_b] )` (`torch.nn.CrossEntropyLoss`).
 * Output `[B, C]` or `[B, C, d1, ...]`; target int64 `[B]` or `[B, d1, ...]` with labels in [0, C), or probabilities in
 * the output's own shape and dtype. As a strategy's criterion with reduction "mean" it runs on the compute thread and
 * refuses labels outside the model's outputs with `ERR_LABEL_RANGE`.
 */
export class CrossEntropyLoss extends Loss {
  /** [C]; null: none. */
  declare readonly weight: Tensor | null;
  /** The label that counts for nothing. */
  readonly ignoreIndex: number;
  /** How the losses of the samples become one. */
  readonly reduction: Reduction;
  /** How much of the probability goes to all classes alike. */
  readonly labelSmoothing: number;

  constructor(options?: CrossEntropyLossOptions) {
    const { parsed, handle } = scripted(
      'CrossEntropyLoss',
      crossEntropy,
      options,
      ['input', 'target'],
      (o, r) =>
        `torch.cross_entropy_loss(input, target, self.weight, ${r}, ${o.ignoreIndex}, ${float(o.labelSmoothing)})`,
    );
    super(handle);
    this.ignoreIndex = parsed.ignoreIndex;
    this.reduction = parsed.reduction;
    this.labelSmoothing = parsed.labelSmoothing;
  }
}

/** `-mean w[target] input[target]`, input being log-probabilities (`torch.nn.NLLLoss`). Options `weight`, `ignoreIndex` (-100), `reduction`. */
export class NLLLoss extends loss(
  'NLLLoss',
  { weight, ignoreIndex: integer.default(-100), reduction },
  (o, r) => `torch.nll_loss_nd(input, target, self.weight, ${r}, ${o.ignoreIndex})`,
) {}

/** `mean (input - target)^2` (`torch.nn.MSELoss`). Option `reduction`. */
export class MSELoss extends elementwiseLoss('MSELoss', { reduction }, (_, r) =>
  expanded(`torch.mse_loss(input, target, ${r})`),
) {}

/** `mean |input - target|` (`torch.nn.L1Loss`). Option `reduction`. */
export class L1Loss extends elementwiseLoss('L1Loss', { reduction }, (_, r) => expanded(`torch.l1_loss(input, target, ${r})`)) {}

/** Squared below `beta`, absolute above (`torch.nn.SmoothL1Loss`). Options `beta` (default 1), `reduction`. */
export class SmoothL1Loss extends elementwiseLoss(
  'SmoothL1Loss',
  { reduction, beta: nonNegativeNumber.default(1) },
  ({ beta }, r) =>
    expanded(
      beta === 0 ? `torch.l1_loss(input, target, ${r})` : `torch.smooth_l1_loss(input, target, ${r}, ${float(beta)})`,
    ),
) {}

/** Squared below `delta`, `delta` times absolute above (`torch.nn.HuberLoss`). Options `delta` (default 1), `reduction`. */
export class HuberLoss extends elementwiseLoss(
  'HuberLoss',
  { reduction, delta: z.number('a positive number').positive('a positive number').default(1) },
  ({ delta }, r) => expanded(`torch.huber_loss(input, target, ${r}, ${float(delta)})`),
) {}

/** Binary cross-entropy of probabilities (`torch.nn.BCELoss`). Options `weight` (a factor for each element), `reduction`. */
export class BCELoss extends loss(
  'BCELoss',
  { weight, reduction },
  (_, r) => `${sameSize('BCELoss')}return torch.binary_cross_entropy(input, target, self.weight, ${r})`,
) {}

/**
 * Binary cross-entropy of what sigmoid makes probabilities (`torch.nn.BCEWithLogitsLoss`). Options `weight`, `reduction`,
 * `posWeight` (a factor for the positive targets of each class).
 */
export class BCEWithLogitsLoss extends loss(
  'BCEWithLogitsLoss',
  { weight, reduction, posWeight: tensorOrNull },
  (_, r) =>
    `${sameSize('BCEWithLogitsLoss')}return torch.binary_cross_entropy_with_logits(input, target, self.weight, self.pos_weight, ${r})`,
) {}

/**
 * `mean target (log(target) - input)`, input being log-probabilities (`torch.nn.KLDivLoss`). Options `reduction` ("batchmean"
 * too: the sum divided by the batch), `logTarget` (default false: targets are probabilities, not their logarithms).
 */
export class KLDivLoss extends elementwiseLoss(
  'KLDivLoss',
  {
    reduction: z
      .enum([...reductions, 'batchmean'], '"mean", "sum", "batchmean" or "none"')
      .default('mean'),
    logTarget: boolean.default(false),
  },
  ({ reduction: kind, logTarget }) => {
    const isBatchMean = kind === 'batchmean';
    const call = `torch.kl_div(input, target, ${numbered(isBatchMean ? 'sum' : kind)}, log_target=${python(logTarget)})`;
    return isBatchMean ? `${call} / (input.size(0) if input.dim() > 0 else 1)` : call;
  },
) {}

/** `input` where the target is 1, `max(0, margin - input)` where it is -1 (`torch.nn.HingeEmbeddingLoss`). Options `margin` (1), `reduction`. */
export class HingeEmbeddingLoss extends elementwiseLoss(
  'HingeEmbeddingLoss',
  { margin: number.default(1), reduction },
  ({ margin }, r) => `torch.hinge_embedding_loss(input, target, ${float(margin)}, ${r})`,
) {}

/** Hinge loss of several classes a sample (`torch.nn.MultiLabelMarginLoss`): targets int64, filled up with -1. Option `reduction`. */
export class MultiLabelMarginLoss extends loss(
  'MultiLabelMarginLoss',
  { reduction },
  (o) => alsoOfNothing(o.reduction, (r) => `torch.multilabel_margin_loss(input, target, ${r})`),
) {}

/** `mean log(1 + exp(-target input))` (`torch.nn.SoftMarginLoss`). Option `reduction`. */
export class SoftMarginLoss extends loss(
  'SoftMarginLoss',
  { reduction },
  (_, r) => `torch.soft_margin_loss(input, target, ${r})`,
) {}

/** Binary cross-entropy of logits, averaged over the classes (`torch.nn.MultiLabelSoftMarginLoss`). Options `weight` [C], `reduction`. */
export class MultiLabelSoftMarginLoss extends elementwiseLoss('MultiLabelSoftMarginLoss', { weight, reduction }, (o) => {
  const weighted = o.weight ? 'loss = loss * self.weight\n' : '';
  return (
    'loss = torch.neg(target * torch.log_sigmoid(input) + (1 - target) * torch.log_sigmoid(torch.neg(input)))\n' +
    `${weighted}loss = loss.sum([input.dim() - 1]) / input.size(input.dim() - 1)\nreturn ${reduced(o.reduction)}`
  );
}) {}

/** Hinge loss of one class a sample (`torch.nn.MultiMarginLoss`). Options `p` (1 or 2, default 1), `margin` (1), `weight` [C], `reduction`. */
export class MultiMarginLoss extends loss(
  'MultiMarginLoss',
  { p: z.union([z.literal(1), z.literal(2)], '1 or 2').default(1), margin: number.default(1), weight, reduction },
  (o) => alsoOfNothing(o.reduction, (r) => `torch.multi_margin_loss(input, target, ${o.p}, ${float(o.margin)}, self.weight, ${r})`),
) {}

/**
 * Negative log-likelihood of a Poisson distribution (`torch.nn.PoissonNLLLoss`). Options `logInput` (default true: the input
 * is the logarithm of the mean), `full` (default false: without Stirling's term), `eps` (1e-8), `reduction`.
 */
export class PoissonNLLLoss extends elementwiseLoss(
  'PoissonNLLLoss',
  { logInput: boolean.default(true), full: boolean.default(false), eps: nonNegativeNumber.default(1e-8), reduction },
  ({ logInput, full, eps }, r) =>
    `torch.poisson_nll_loss(input, target, ${python(logInput)}, ${python(full)}, ${float(eps)}, ${r})`,
) {}

const cosinePair = { margin: number.default(0), reduction };

/** `1 - cos(x1, x2)` where the target is 1, `max(0, cos(x1, x2) - margin)` where it is -1 (`torch.nn.CosineEmbeddingLoss`). Options `margin` (0), `reduction`. */
export class CosineEmbeddingLoss extends pairLoss(
  'CosineEmbeddingLoss',
  cosinePair,
  ['input1', 'input2', 'target'],
  ({ margin }, r) => `torch.cosine_embedding_loss(input1, input2, target, ${float(margin)}, ${r})`,
) {}

/** `max(0, -target (x1 - x2) + margin)` (`torch.nn.MarginRankingLoss`). Options `margin` (default 0), `reduction`. */
export class MarginRankingLoss extends pairLoss(
  'MarginRankingLoss',
  cosinePair,
  ['input1', 'input2', 'target'],
  ({ margin }, r) =>
    `assert input1.dim() == input2.dim() and input1.dim() == target.dim(), "MarginRankingLoss: expected as many dimensions of both inputs and the target, got sizes {}, {} and {}".format(input1.size(), input2.size(), target.size())
return torch.margin_ranking_loss(input1, input2, target, ${float(margin)}, ${r})`,
) {}

/**
 * `max(0, |anchor - positive|_p - |anchor - negative|_p + margin)` (`torch.nn.TripletMarginLoss`); `forward` takes anchor,
 * positive and negative. Options `margin` (default 1), `p` (2), `eps` (1e-6), `swap` (false), `reduction`.
 */
export class TripletMarginLoss extends pairLoss(
  'TripletMarginLoss',
  {
    margin: z.number('a positive number').positive('a positive number').default(1),
    p: number.default(2),
    eps: number.default(1e-6),
    swap: boolean.default(false),
    reduction,
  },
  ['anchor', 'positive', 'negative'],
  ({ margin, p, eps, swap }, r) =>
    `torch.triplet_margin_loss(anchor, positive, negative, ${float(margin)}, ${float(p)}, ${float(eps)}, ${python(swap)}, ${r})`,
) {}

/**
 * Negative log-likelihood of a normal distribution (`torch.nn.GaussianNLLLoss`); `forward` takes input, target and variance:
 * of the input's shape, or with one size 1 or without the last one. Options `full` (default false), `eps` (1e-6), `reduction`.
 */
export class GaussianNLLLoss extends pairLoss(
  'GaussianNLLLoss',
  { full: boolean.default(false), eps: nonNegativeNumber.default(1e-6), reduction },
  ['input', 'target', 'var'],
  ({ full, eps, reduction: kind }) =>
    `assert not bool(torch.any(var < 0)), "GaussianNLLLoss: expected no negative variance"
variance = var
if var.size() != input.size():
  if var.size() == input.size()[:-1]:
    variance = var.unsqueeze(-1)
  else:
    sizes = 0
    if var.dim() == input.dim():
      for d in range(input.dim()):
        if var.size(d) != input.size(d):
          sizes += var.size(d)
    assert sizes == 1, "GaussianNLLLoss: expected a variance of the input's size {}, with one size 1 or without the last one, got {}".format(input.size(), var.size())
clamped = variance.clone()
clamped.detach().clamp_(min=${float(eps)})
loss = 0.5 * (torch.log(clamped) + (input - target).pow(2) / clamped)${full ? `\nloss = loss + ${float(0.5 * Math.log(2 * Math.PI))}` : ''}
return ${reduced(kind)}`,
) {
  /** @param variance a number: of all elements. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, target: Tensor, variance: Tensor | number): Tensor {
    warnWhereBroadcast('GaussianNLLLoss', input, target);
    const isNumber = typeof variance === 'number' && input instanceof Tensor;
    return super.forward(input, target, isNumber ? input.fullLike(variance) : (variance as Tensor));
  }
}
runsTorchScript(GaussianNLLLoss.prototype.forward);

const ctc = { blank: integer.min(0, 'an integer of at least 0').default(0), reduction, zeroInfinity: boolean.default(false) };

/**
 * Connectionist temporal classification (`torch.nn.CTCLoss`): log-probabilities `[T, B, C]`, targets `[B, S]` or all joined,
 * lengths of each as tensors or arrays. Options `blank` (default 0), `reduction`, `zeroInfinity` (default false).
 */
export class CTCLoss extends Module {
  constructor(options?: { blank?: number; reduction?: Reduction; zeroInfinity?: boolean }) {
    super(
      scripted(
        'CTCLoss',
        ctc,
        options,
        ['log_probs', 'targets', 'input_lengths', 'target_lengths'],
        // libtorch reads outside the probabilities for a target that is no class. What pads a row may be anything.
        ({ blank, zeroInfinity }, r) =>
          `classes = log_probs.size(-1)
used = targets
if targets.dim() == 2:
  places = torch.arange(targets.size(1), device=targets.device)
  used = torch.masked_select(targets, places < target_lengths.to(targets.device).unsqueeze(1))
assert not bool(torch.any((used < 0) | (used >= classes))), "CTCLoss: expected targets in [0, {}), got others".format(classes)
return torch.ctc_loss(log_probs, targets, input_lengths, target_lengths, ${blank}, ${r}, ${python(zeroInfinity)})`,
      ).handle,
    );
  }

  /** @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(
    logProbs: Tensor,
    targets: Tensor,
    inputLengths: Tensor | readonly number[],
    targetLengths: Tensor | readonly number[],
  ): Tensor {
    const asTensor = (lengths: Tensor | readonly number[]) =>
      Array.isArray(lengths) ? tensor(lengths as number[], { dtype: 'int64' }) : (lengths as Tensor);
    return runScript(this, logProbs, targets, asTensor(inputLengths), asTensor(targetLengths)) as Tensor;
  }
}
runsTorchScript(CTCLoss.prototype.forward);
