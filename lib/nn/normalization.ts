import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, nonNegativeNumber, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import type { Tensor } from '../tensor/tensor';
import { type FactoryOptions, factoryOptions, filledParameter, filledTensor } from './factory';
import type { Parameter } from './parameter';
import { float, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';
import type { Dimensions } from './sizes';
import { readEarlierState } from './state-dict';

const number = z.number('a number');

/** Options of `nn.BatchNorm1d` to `nn.BatchNorm3d`. */
export interface BatchNormOptions extends FactoryOptions {
  /** Added to the variance. Default 1e-5. */
  eps?: number;
  /** Weight of a mini-batch in the running statistics, in [0, 1]; null: their plain mean over all mini-batches. Default 0.1. */
  momentum?: number | null;
  /** Whether there are parameters `weight` and `bias`. Default true; false for InstanceNorm. */
  affine?: boolean;
  /** Whether there are running statistics, which eval mode uses. Default true; false for InstanceNorm. */
  trackRunningStats?: boolean;
  /** Whether there is a `bias` where there is a `weight`. Default true. */
  bias?: boolean;
}

const normSchema = (usual: boolean) =>
  z.object({
    eps: nonNegativeNumber.default(1e-5),
    momentum: unitInterval.nullable().default(0.1),
    affine: boolean.default(usual),
    trackRunningStats: boolean.default(usual),
    bias: boolean.default(true),
    ...factoryOptions,
  });

function affineParameters(features: number[], affine: boolean, bias: boolean, o: Required<FactoryOptions>) {
  return {
    weight: affine ? filledParameter(features, 1, o) : null,
    bias: affine && bias ? filledParameter(features, 0, o) : null,
  };
}

function runningStatistics(features: number, track: boolean, o: Required<FactoryOptions>) {
  return {
    running_mean: track ? filledTensor([features], 0, o) : null,
    running_var: track ? filledTensor([features], 1, o) : null,
    num_batches_tracked: track ? filledTensor([], 0, { ...o, dtype: 'int64' }) : null,
  };
}

/** What BatchNorm and InstanceNorm have in common. */
abstract class Norm extends Layer {
  /** [numFeatures]; null without `affine`. */
  declare weight: Parameter | null;
  /** [numFeatures]; null without `affine` or `bias`. */
  declare bias: Parameter | null;
  /** [numFeatures]; null without `trackRunningStats`. */
  declare runningMean: Tensor | null;
  /** [numFeatures], unbiased; null without `trackRunningStats`. */
  declare runningVar: Tensor | null;
  /** int64 scalar; null without `trackRunningStats`. */
  declare numBatchesTracked: Tensor | null;

  constructor(
    name: string,
    isUsual: boolean,
    numFeatures: number,
    options: BatchNormOptions | undefined,
    source: (options: Required<BatchNormOptions>, features: number) => string,
  ) {
    const features = parseArgument(`nn.${name}`, 'numFeatures', positiveInteger, numFeatures);
    const o = parseOptions(`nn.${name}`, normSchema(isUsual), options);
    super(
      scriptModule(name, {
        parameters: affineParameters([features], o.affine, o.bias, o),
        buffers: runningStatistics(features, o.trackRunningStats, o),
        source: source(o, features),
      }),
      `${features}, eps=${float(o.eps)}, momentum=${o.momentum === null ? 'None' : float(o.momentum)}, ` +
        `affine=${python(o.affine)}, bias=${python(o.affine && o.bias)}, track_running_stats=${python(o.trackRunningStats)}`,
    );
  }

  /** @internal Before version 2 there was no counter of mini-batches: it stays what it is. */
  [readEarlierState](given: Map<string, unknown>, prefix: string): string[] {
    const key = `${prefix}num_batches_tracked`;
    if (this.numBatchesTracked && !given.has(key)) given.set(key, this.numBatchesTracked);
    return [];
  }
}


/** Dimensions that an input may have, and how they are written. */
const inputs = {
  1: { dims: [2, 3], shape: '[B, C] or [B, C, L]' },
  2: { dims: [4], shape: '[B, C, H, W]' },
  3: { dims: [5], shape: '[B, C, D, H, W]' },
};
const spatial = { 1: '[C, L] or [B, C, L]', 2: '[C, H, W] or [B, C, H, W]', 3: '[C, D, H, W] or [B, C, D, H, W]' };

function batchNormSource(dimensions: Dimensions, { momentum, eps, trackRunningStats }: Required<BatchNormOptions>): string {
  const { dims, shape } = inputs[dimensions];
  const isRight = dims.map((dim) => `input.dim() == ${dim}`).join(' or ');
  const factor = momentum === null ? '1.0 / float(self.num_batches_tracked.item())' : float(momentum);
  const count = trackRunningStats
    ? `    self.num_batches_tracked.add_(1)\n${momentum === null ? `    factor = ${factor}\n` : ''}`
    : '';
  const mode = trackRunningStats ? 'self.training' : 'True';
  return `
def forward(self, input: Tensor) -> Tensor:
  assert ${isRight}, "BatchNorm${dimensions}d: expected an input ${shape}, got {} dimensions".format(input.dim())
  factor = ${momentum === null ? '0.0' : factor}
  if ${mode}:
    values = input.size(0)
    for d in range(2, input.dim()):
      values = values * input.size(d)
    assert values != 1, "BatchNorm${dimensions}d: expected more than 1 value for each channel in train mode"
${count}  return torch.batch_norm(input, self.weight, self.bias, self.running_mean, self.running_var, ${mode}, factor,
                          ${float(eps)}, True)
`;
}

function instanceNormSource(
  dimensions: Dimensions,
  { momentum, eps, trackRunningStats, affine }: Required<BatchNormOptions>,
  features: number,
): string {
  const name = `InstanceNorm${dimensions}d`;
  const mode = trackRunningStats ? 'self.training' : 'True';
  const check = affine
    ? `  assert input.size(${-1 - dimensions}) == ${features}, "${name}: expected ${features} channels, got {}".format(input.size(${-1 - dimensions}))\n`
    : '';
  return `
def forward(self, input: Tensor) -> Tensor:
  is_batch = input.dim() == ${dimensions + 2}
  assert is_batch or input.dim() == ${dimensions + 1}, "${name}: expected an input ${spatial[dimensions]}, got {} dimensions".format(input.dim())
${check}  batch = input if is_batch else input.unsqueeze(0)
  if ${mode}:
    values = 1
    for d in range(2, batch.dim()):
      values = values * batch.size(d)
    assert values != 1, "${name}: expected more than 1 spatial element in train mode"
  output = torch.instance_norm(batch, self.weight, self.bias, self.running_mean, self.running_var, ${mode},
                               ${float(momentum ?? 0)}, ${float(eps)}, True)
  return output if is_batch else output.squeeze(0)
`;
}

type NormClass = new (numFeatures: number, options?: BatchNormOptions) => Norm;

function batchNorm(dimensions: Dimensions): NormClass {
  return class extends Norm {
    constructor(numFeatures: number, options?: BatchNormOptions) {
      super(`BatchNorm${dimensions}d`, true, numFeatures, options, (o) => batchNormSource(dimensions, o));
    }
  };
}

function instanceNorm(dimensions: Dimensions): NormClass {
  return class extends Norm {
    constructor(numFeatures: number, options?: BatchNormOptions) {
      super(`InstanceNorm${dimensions}d`, false, numFeatures, options, (o, features) =>
        instanceNormSource(dimensions, o, features),
      );
    }

    /** @internal Before version 1 there were running statistics by default. */
    override [readEarlierState](given: Map<string, unknown>, prefix: string): string[] {
      super[readEarlierState](given, prefix);
      if (this.runningMean || this.runningVar) return [];
      const keys = ['running_mean', 'running_var'].map((name) => prefix + name).filter((key) => given.delete(key));
      if (keys.length === 0) return [];
      const type = `InstanceNorm${dimensions}d`;
      return [
        `Unexpected running stats buffer(s) ${keys.map((key) => `"${key}"`).join(' and ')} for ${type} with ` +
          `track_running_stats=False. If state_dict is a checkpoint saved before 0.4.0, this may be expected because ${type} ` +
          'does not track running stats by default since 0.4.0. Please remove these keys from state_dict. If the running ' +
          `stats are actually needed, instead set track_running_stats=True in ${type} to enable them. See the documentation ` +
          `of ${type} for details.`,
      ];
    }
  };
}

/**
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias` for each channel (`torch.nn.BatchNorm1d`): input and output
 * `[B, numFeatures]` or `[B, numFeatures, L]`. In train mode mean and (biased) variance are the mini-batch's, which also
 * move the buffers `running_mean` and `running_var` (unbiased) by `momentum` and count in `num_batches_tracked`; in eval
 * mode they are those buffers. Parameters `weight` (ones) and `bias` (zeros), [numFeatures].
 */
export class BatchNorm1d extends batchNorm(1) {}
/** As `BatchNorm1d` for `[B, numFeatures, H, W]` (`torch.nn.BatchNorm2d`). */
export class BatchNorm2d extends batchNorm(2) {}
/** As `BatchNorm1d` for `[B, numFeatures, D, H, W]` (`torch.nn.BatchNorm3d`). */
export class BatchNorm3d extends batchNorm(3) {}

/**
 * As `BatchNorm1d` with the mean and variance of each sample (`torch.nn.InstanceNorm1d`): `[B, numFeatures, L]` or
 * `[numFeatures, L]`. Without parameters and running statistics by default.
 */
export class InstanceNorm1d extends instanceNorm(1) {}
/** As `InstanceNorm1d` for `[B, numFeatures, H, W]` (`torch.nn.InstanceNorm2d`). */
export class InstanceNorm2d extends instanceNorm(2) {}
/** As `InstanceNorm1d` for `[B, numFeatures, D, H, W]` (`torch.nn.InstanceNorm3d`). */
export class InstanceNorm3d extends instanceNorm(3) {}

const shapeExpected = 'a positive integer, or an array of them';
const shapeType = z
  .union([positiveInteger, z.array(positiveInteger).min(1, shapeExpected)], shapeExpected)
  .transform((value): number[] => (typeof value === 'number' ? [value] : value));
const layerNormSchema = z.object({
  eps: nonNegativeNumber.default(1e-5),
  elementwiseAffine: boolean.default(true),
  bias: boolean.default(true),
  ...factoryOptions,
});
const rmsNormSchema = z.object({
  eps: nonNegativeNumber.nullable().default(null),
  elementwiseAffine: boolean.default(true),
  ...factoryOptions,
});

/**
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias` over the last dimensions, whose sizes are `normalizedShape`
 * (`torch.nn.LayerNorm`). Parameters `weight` (ones) and `bias` (zeros) of that shape. Options `eps` (default 1e-5),
 * `elementwiseAffine` (default true: there are parameters), `bias` (default true), `device`, `dtype`.
 */
export class LayerNorm extends Layer {
  /** Of `normalizedShape`; null without `elementwiseAffine`. */
  declare weight: Parameter | null;
  /** Of `normalizedShape`; null without `elementwiseAffine` or `bias`. */
  declare bias: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    options?: { eps?: number; elementwiseAffine?: boolean; bias?: boolean } & FactoryOptions,
  ) {
    const shape = parseArgument('nn.LayerNorm', 'normalizedShape', shapeType, normalizedShape);
    const o = parseOptions('nn.LayerNorm', layerNormSchema, options);
    super(
      scriptModule('LayerNorm', {
        parameters: affineParameters(shape, o.elementwiseAffine, o.bias, o),
        source: returns(`torch.layer_norm(input, [${shape.join(', ')}], self.weight, self.bias, ${float(o.eps)})`),
      }),
      `${python(shape)}, eps=${float(o.eps)}, elementwise_affine=${python(o.elementwiseAffine)}, bias=${python(o.elementwiseAffine && o.bias)}`,
    );
  }
}

/**
 * `y = x / sqrt(mean(x^2) + eps) * weight` over the last dimensions, whose sizes are `normalizedShape` (`torch.nn.RMSNorm`).
 * Parameter `weight` (ones). Options `eps` (default null: the smallest of the dtype), `elementwiseAffine` (default true),
 * `device`, `dtype`.
 */
export class RMSNorm extends Layer {
  /** Of `normalizedShape`; null without `elementwiseAffine`. */
  declare weight: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    options?: { eps?: number | null; elementwiseAffine?: boolean } & FactoryOptions,
  ) {
    const shape = parseArgument('nn.RMSNorm', 'normalizedShape', shapeType, normalizedShape);
    const o = parseOptions('nn.RMSNorm', rmsNormSchema, options);
    const printed = o.eps === null ? 'None' : float(o.eps);
    super(
      scriptModule('RMSNorm', {
        parameters: { weight: o.elementwiseAffine ? filledParameter(shape, 1, o) : null },
        source: returns(`torch.rms_norm(input, [${shape.join(', ')}], self.weight, ${printed})`),
      }),
      `${python(shape)}, eps=${printed}, elementwise_affine=${python(o.elementwiseAffine)}`,
    );
  }
}

const groupNormSchema = z.object({
  eps: nonNegativeNumber.default(1e-5),
  affine: boolean.default(true),
  bias: boolean.default(true),
  ...factoryOptions,
});

/** A group with a single value has no variance: possible only where a group may be one channel. */
function groupNormSource(groups: number, channels: number, affine: boolean, call: string): string {
  if (affine && groups !== channels) return returns(call);
  return `
def forward(self, input: Tensor) -> Tensor:
  if input.dim() >= 2:
    values = input.size(0) * input.size(1) // ${groups}
    for d in range(2, input.dim()):
      values = values * input.size(d)
    assert values != 1, "GroupNorm: expected more than 1 value for each group, got an input of size {}".format(input.size())
  return ${call}
`;
}

/**
 * `y = (x - mean) / sqrt(variance + eps) * weight + bias`, mean and variance over each of `numGroups` groups of channels of a
 * sample (`torch.nn.GroupNorm`): `[B, numChannels, ...]`. Options `eps` (default 1e-5), `affine` (default true), `bias`
 * (default true), `device`, `dtype`.
 * @throws ERR_INVALID_ARG_VALUE where numGroups does not divide numChannels
 */
export class GroupNorm extends Layer {
  /** [numChannels]; null without `affine`. */
  declare weight: Parameter | null;
  /** [numChannels]; null without `affine` or `bias`. */
  declare bias: Parameter | null;

  constructor(
    numGroups: number,
    numChannels: number,
    options?: { eps?: number; affine?: boolean; bias?: boolean } & FactoryOptions,
  ) {
    const groups = parseArgument('nn.GroupNorm', 'numGroups', positiveInteger, numGroups);
    const channels = parseArgument('nn.GroupNorm', 'numChannels', positiveInteger, numChannels);
    const o = parseOptions('nn.GroupNorm', groupNormSchema, options);
    if (channels % groups !== 0) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `nn.GroupNorm: expected numGroups to divide numChannels, got ${groups} and ${channels}`,
      );
    }
    super(
      scriptModule('GroupNorm', {
        parameters: affineParameters([channels], o.affine, o.bias, o),
        source: groupNormSource(
          groups,
          channels,
          o.affine,
          `torch.group_norm(input, ${groups}, self.weight, self.bias, ${float(o.eps)})`,
        ),
      }),
      `${groups}, ${channels}, eps=${float(o.eps)}, affine=${python(o.affine)}, bias=${python(o.affine && o.bias)}`,
    );
  }
}

const lrnSchema = z.object({ alpha: number.default(1e-4), beta: number.default(0.75), k: number.default(1) });

/**
 * `y = x / (k + alpha / size * sum of x^2 over size neighbouring channels)^beta` (`torch.nn.LocalResponseNorm`). Options
 * `alpha` (default 1e-4), `beta` (default 0.75), `k` (default 1).
 */
export class LocalResponseNorm extends Layer {
  constructor(size: number, options?: { alpha?: number; beta?: number; k?: number }) {
    const n = parseArgument('nn.LocalResponseNorm', 'size', positiveInteger, size);
    const { alpha, beta, k } = parseOptions('nn.LocalResponseNorm', lrnSchema, options);
    const pad = `${Math.floor(n / 2)}, ${Math.floor((n - 1) / 2)}`;
    const source = `
def forward(self, input: Tensor) -> Tensor:
  assert input.dim() >= 3, "LocalResponseNorm: expected an input of 3 or more dimensions, got {}".format(input.dim())
  if input.numel() == 0:
    return input
  square = input.mul(input).unsqueeze(1)
  if input.dim() == 3:
    square = torch.avg_pool2d(torch.constant_pad_nd(square, [0, 0, ${pad}]), [${n}, 1], [1]).squeeze(1)
  else:
    sizes = input.size()
    square = square.view([sizes[0], 1, sizes[1], sizes[2], -1])
    square = torch.constant_pad_nd(square, [0, 0, 0, 0, ${pad}])
    square = torch.avg_pool3d(square, [${n}, 1, 1], [1]).squeeze(1).view(sizes)
  return input / square.mul(${float(alpha)}).add(${float(k)}).pow(${float(beta)})
`;
    super(scriptModule('LocalResponseNorm', { source }), `${n}, alpha=${float(alpha)}, beta=${float(beta)}, k=${float(k)}`);
  }
}
