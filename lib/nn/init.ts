/**
 * Initial values (`torch.nn.init`): each function fills a tensor in place, without recording it for backward, and returns
 * it. Random numbers are the ones that PyTorch draws from the same seed; the option `generator` draws them in place of the
 * default one.
 */
import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { instanceOf, nonNegativeNumber, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import { randomPermutation } from '../random';
import { tensor as makeTensor } from '../tensor/creation';
import { elementCount } from '../tensor/element-count';
import { Generator } from '../tensor/generator';
import { noGrad } from '../tensor/grad-mode';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';

const nonlinearities = [
  'linear', 'conv1d', 'conv2d', 'conv3d', 'convTranspose1d', 'convTranspose2d', 'convTranspose3d',
  'sigmoid', 'tanh', 'relu', 'leakyRelu', 'selu',
] as const satisfies readonly Nonlinearity[]; // prettier-ignore

/** What follows a layer, for the gain of its initial values; see `nn.init.calculateGain`. */
export type Nonlinearity =
  | 'linear' | 'conv1d' | 'conv2d' | 'conv3d' | 'convTranspose1d' | 'convTranspose2d' | 'convTranspose3d'
  | 'sigmoid' | 'tanh' | 'relu' | 'leakyRelu' | 'selu'; // prettier-ignore

const number = z.number('a number');
const nonlinearity = z.enum(nonlinearities, `one of ${nonlinearities.join(', ')}`);
const generatorOption = instanceOf(Generator, 'a Generator or null').nullable().default(null);
const gainSchema = z.object({ gain: number.default(1), generator: generatorOption });
const kaimingSchema = z.object({
  a: number.default(0),
  mode: z.enum(['fanIn', 'fanOut'], '"fanIn" or "fanOut"').default('fanIn'),
  nonlinearity: nonlinearity.default('leakyRelu'),
  generator: generatorOption,
});

/** Where random numbers come from. */
export interface DrawOptions {
  /** On the tensor's device. Default null: the default generator. */
  generator?: Generator | null;
}

/** Options of `nn.init.kaimingUniform_` and `nn.init.kaimingNormal_`. */
export interface KaimingOptions extends DrawOptions {
  /** Slope below 0 of the leaky ReLU behind the layer. Default 0. */
  a?: number;
  /** "fanIn" (default) keeps the variance in the forward pass, "fanOut" in the backward pass. */
  mode?: 'fanIn' | 'fanOut';
  /** Default "leakyRelu". */
  nonlinearity?: Nonlinearity;
}

function fill(operation: string, tensor: Tensor, values: (tensor: Tensor) => unknown): Tensor {
  if (!(tensor instanceof Tensor)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `init.${operation}: expected a Tensor, got ${describeValue(tensor)}`,
    );
  }
  noGrad(() => values(tensor));
  return tensor;
}

function requireShape(operation: string, isRight: boolean, expected: string, shape: number[]): void {
  if (isRight) return;
  throw new ContinualTorchError('ERR_SHAPE', `init.${operation}: expected ${expected}, got shape [${shape.join(', ')}]`);
}

/** Inputs and outputs of one element of a layer's output and input, from the shape of its weight. */
function fans(operation: string, { shape }: Tensor): { fanIn: number; fanOut: number } {
  requireShape(operation, shape.length >= 2, 'a tensor of at least 2 dimensions', shape);
  const receptive = shape.slice(2).reduce((product, length) => product * length, 1);
  return { fanIn: shape[1]! * receptive, fanOut: shape[0]! * receptive };
}

/**
 * The factor by which a nonlinearity changes the standard deviation (`torch.nn.init.calculate_gain`).
 * @param param slope below 0 of "leakyRelu", default 0.01
 * @throws ERR_INVALID_ARG_VALUE
 */
export function calculateGain(kind: Nonlinearity, param = 0.01): number {
  parseArgument('init.calculateGain', 'nonlinearity', nonlinearity, kind);
  parseArgument('init.calculateGain', 'param', number, param);
  if (kind === 'tanh') return 5 / 3;
  if (kind === 'relu') return Math.sqrt(2);
  if (kind === 'leakyRelu') return Math.sqrt(2 / (1 + param ** 2));
  return kind === 'selu' ? 3 / 4 : 1;
}

/** Draws from U(a, b). @param options `a` (default 0), `b` (default 1) */
export function uniform_(tensor: Tensor, options?: { a?: number; b?: number } & DrawOptions): Tensor {
  const schema = z.object({ a: number.default(0), b: number.default(1), generator: generatorOption });
  const { a, b, generator } = parseOptions('init.uniform_', schema, options);
  return fill('uniform_', tensor, (t) => t.uniform_(a, b, { generator }));
}

/** Draws from N(mean, std^2). @param options `mean` (default 0), `std` (default 1) */
export function normal_(tensor: Tensor, options?: { mean?: number; std?: number } & DrawOptions): Tensor {
  const schema = z.object({ mean: number.default(0), std: nonNegativeNumber.default(1), generator: generatorOption });
  const { mean, std, generator } = parseOptions('init.normal_', schema, options);
  return fill('normal_', tensor, (t) => t.normal_(mean, std, { generator }));
}

/** Draws from N(mean, std^2), cut off outside [a, b]. @param options `mean` 0, `std` 1, `a` -2, `b` 2 */
export function truncNormal_(
  tensor: Tensor,
  options?: { mean?: number; std?: number; a?: number; b?: number } & DrawOptions,
): Tensor {
  const schema = z.object({
    mean: number.default(0),
    std: z.number('a positive number').positive('a positive number').default(1),
    a: number.default(-2),
    b: number.default(2),
    generator: generatorOption,
  });
  const { mean, std, a, b, generator } = parseOptions('init.truncNormal_', schema, options);
  if (a >= b) {
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `init.truncNormal_: expected a below b, got ${a} and ${b}`);
  }
  const below = (x: number) => (1 + makeTensor([x / Math.SQRT2], { dtype: 'float64' }).erf().item()) / 2;
  const share = below((b - mean) / std) - below((a - mean) / std);
  const drawn = share > 0.3 ? redraw : reject;
  return fill('truncNormal_', tensor, (t) => drawn(t, mean, std, a, b, { generator }));
}

/** Draws again what lies outside. */
function redraw(tensor: Tensor, mean: number, std: number, a: number, b: number, from: DrawOptions): void {
  const bounds = makeTensor([a, b], { dtype: 'float64' }).to({ dtype: tensor.dtype });
  const [low, high] = bounds.toNumbers() as [number, number];
  let result = tensor.normal_(mean, std, from);
  for (;;) {
    const outside = result.lt(low).bitwiseOr(result.gt(high));
    if (!outside.any().item()) break;
    result = ops.aten.where!(outside, result.emptyLike().normal_(mean, std, from), result) as Tensor;
  }
  tensor.copy_(result);
}

/** Rejection from the uniform distribution on [a, b], where little of the normal one lies inside. */
function reject(tensor: Tensor, mean: number, std: number, a: number, b: number, from: DrawOptions): void {
  const mode = Math.max(a, Math.min(mean, b));
  const logPeak = -0.5 * ((mode - mean) / std) ** 2;
  const candidates = tensor.emptyLike();
  const chance = tensor.emptyLike();
  const rejected = (): Tensor => {
    candidates.sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(logPeak);
    return chance.uniform_(from).log_().gt(candidates);
  };
  candidates.copy_(tensor.uniform_(a, b, from));
  let pending = rejected();
  let result = tensor;
  while (pending.any().item()) {
    result = ops.aten.where!(pending, candidates.uniform_(a, b, from), result) as Tensor;
    pending = pending.bitwiseAnd(rejected());
  }
  tensor.copy_(result);
}

/** Sets every element to `value`. */
export function constant_(tensor: Tensor, value: number): Tensor {
  parseArgument('init.constant_', 'value', number, value);
  return fill('constant_', tensor, (t) => t.fill_(value));
}

/** Sets every element to 1. */
export function ones_(tensor: Tensor): Tensor {
  return fill('ones_', tensor, (t) => t.fill_(1));
}

/** Sets every element to 0. */
export function zeros_(tensor: Tensor): Tensor {
  return fill('zeros_', tensor, (t) => t.zero_());
}

/** The identity matrix. @throws ERR_SHAPE where the tensor has not 2 dimensions */
export function eye_(tensor: Tensor): Tensor {
  return fill('eye_', tensor, (t) => {
    requireShape('eye_', t.shape.length === 2, 'a tensor of 2 dimensions', t.shape);
    t.copy_(ops.aten.eye!(t.shape[0], t.shape[1]) as Tensor);
  });
}

/**
 * The convolution that keeps as many channels as there are inputs of, in each group.
 * @param options `groups` (default 1)
 * @throws ERR_SHAPE where the tensor has not 3, 4 or 5 dimensions, or groups do not divide the first
 */
export function dirac_(tensor: Tensor, options?: { groups?: number }): Tensor {
  const { groups } = parseOptions('init.dirac_', z.object({ groups: positiveInteger.default(1) }), options);
  return fill('dirac_', tensor, (t) => {
    const { shape } = t;
    const isRight = shape.length >= 3 && shape.length <= 5 && shape[0]! % groups === 0;
    requireShape('dirac_', isRight, `3 to 5 dimensions, the first a multiple of groups ${groups}`, shape);
    t.zero_();
    const perGroup = shape[0]! / groups;
    for (let group = 0; group < groups; group++) {
      for (let d = 0; d < Math.min(perGroup, shape[1]!); d++) {
        const middle = shape.slice(2).map((length) => Math.floor(length / 2));
        [group * perGroup + d, d, ...middle].reduce((at, index) => at.select(0, index), t).fill_(1);
      }
    }
  });
}

/** Draws from U(-a, a), a = gain sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio, 2010). @throws ERR_SHAPE */
export function xavierUniform_(tensor: Tensor, options?: { gain?: number } & DrawOptions): Tensor {
  const { gain, generator } = parseOptions('init.xavierUniform_', gainSchema, options);
  return fill('xavierUniform_', tensor, (t) => {
    const { fanIn, fanOut } = fans('xavierUniform_', t);
    const bound = Math.sqrt(3) * (gain * Math.sqrt(2 / (fanIn + fanOut)));
    t.uniform_(-bound, bound, { generator });
  });
}

/** Draws from N(0, std^2), std = gain sqrt(2 / (fanIn + fanOut)) (Glorot and Bengio, 2010). @throws ERR_SHAPE */
export function xavierNormal_(tensor: Tensor, options?: { gain?: number } & DrawOptions): Tensor {
  const { gain, generator } = parseOptions('init.xavierNormal_', gainSchema, options);
  return fill('xavierNormal_', tensor, (t) => {
    const { fanIn, fanOut } = fans('xavierNormal_', t);
    t.normal_(0, gain * Math.sqrt(2 / (fanIn + fanOut)), { generator });
  });
}

function kaiming(operation: string, tensor: Tensor, options: KaimingOptions | undefined) {
  const { a, mode, nonlinearity: kind, generator } = parseOptions(`init.${operation}`, kaimingSchema, options);
  return { std: calculateGain(kind, a) / Math.sqrt(fans(operation, tensor)[mode]), generator };
}

/** Draws from U(-b, b), b = gain sqrt(3 / fan) (He et al., 2015). @throws ERR_SHAPE */
export function kaimingUniform_(tensor: Tensor, options?: KaimingOptions): Tensor {
  return fill('kaimingUniform_', tensor, (t) => {
    const { std, generator } = kaiming('kaimingUniform_', t, options);
    const bound = Math.sqrt(3) * std;
    t.uniform_(-bound, bound, { generator });
  });
}

/** Draws from N(0, std^2), std = gain / sqrt(fan) (He et al., 2015). @throws ERR_SHAPE */
export function kaimingNormal_(tensor: Tensor, options?: KaimingOptions): Tensor {
  return fill('kaimingNormal_', tensor, (t) => {
    const { std, generator } = kaiming('kaimingNormal_', t, options);
    t.normal_(0, std, { generator });
  });
}

/** A matrix with orthogonal rows or columns, dimensions behind the first joined (Saxe et al., 2013). @throws ERR_SHAPE */
export function orthogonal_(tensor: Tensor, options?: { gain?: number } & DrawOptions): Tensor {
  const { gain, generator } = parseOptions('init.orthogonal_', gainSchema, options);
  return fill('orthogonal_', tensor, (t) => {
    requireShape('orthogonal_', t.shape.length >= 2, 'a tensor of at least 2 dimensions', t.shape);
    if (elementCount(t.shape) === 0) return;
    const rows = t.shape[0]!;
    const cols = elementCount(t.shape) / rows;
    const drawn = t.newEmpty([rows, cols]).normal_(0, 1, { generator });
    const [q, r] = ops.aten.linalg_qr!(rows < cols ? drawn.t() : drawn) as [Tensor, Tensor];
    q.mul_(r.diag().sign());
    const result = rows < cols ? q.t() : q;
    t.viewAs(result).copy_(result).mul_(gain);
  });
}

/**
 * Draws from N(0, std^2) and sets a share of each column to 0 (Martens, 2010): which elements, the default generator draws
 * in any case, as in PyTorch.
 * @param options `std` (default 0.01)
 * @throws ERR_SHAPE where the tensor has not 2 dimensions
 */
export function sparse_(tensor: Tensor, sparsity: number, options?: { std?: number } & DrawOptions): Tensor {
  const share = parseArgument('init.sparse_', 'sparsity', unitInterval, sparsity);
  const schema = z.object({ std: nonNegativeNumber.default(0.01), generator: generatorOption });
  const { std, generator } = parseOptions('init.sparse_', schema, options);
  return fill('sparse_', tensor, (t) => {
    requireShape('sparse_', t.shape.length === 2, 'a tensor of 2 dimensions', t.shape);
    const [rows, cols] = t.shape as [number, number];
    t.normal_(0, std, { generator });
    for (let column = 0; column < cols; column++) {
      const zeros = randomPermutation(rows).slice(0, Math.ceil(share * rows));
      const indices = makeTensor(zeros, { dtype: 'int64' }).to({ device: t.device });
      t.select(1, column).indexFill_(0, indices, 0);
    }
  });
}

/** @internal Draws as most of PyTorch's layers do: weight by `kaimingUniform_` with a = sqrt(5), bias from U(-k, k), k = 1/sqrt(fanIn). */
export function resetLinear(weight: Tensor, bias: Tensor | null): void {
  kaimingUniform_(weight, { a: Math.sqrt(5) });
  const { fanIn } = fans('kaimingUniform_', weight);
  if (bias && fanIn > 0) uniform_(bias, { a: -1 / Math.sqrt(fanIn), b: 1 / Math.sqrt(fanIn) });
}
