import { z } from 'zod';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { keywords, type Printed, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';
import { type Dimensions, size, type SizeOf } from './sizes';

/** Options of `nn.MaxPool1d` to `nn.MaxPool3d`; a size is one number, or one for each dimension. */
export interface MaxPoolOptions<Size> {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** On each side of the input, at most half of the kernel. Default 0. */
  padding?: Size;
  /** Distance between the elements of a window. Default 1. */
  dilation?: Size;
  /** Whether a last window that is not full counts. Default false. */
  ceilMode?: boolean;
}

/** Options of `nn.AvgPool1d`; a size is one number, or one for each dimension. */
export interface AvgPoolOptions<Size> {
  /** Default: the kernel's size. */
  stride?: Size | null;
  /** Zeros on each side of the input, at most half of the kernel. Default 0. */
  padding?: Size;
  /** Whether a last window that is not full counts. Default false. */
  ceilMode?: boolean;
  /** Whether zeros of the padding count in the mean. Default true. */
  countIncludePad?: boolean;
}

/** Options of `nn.AvgPool2d` and `nn.AvgPool3d`. */
export interface AvgPoolNdOptions<Size> extends AvgPoolOptions<Size> {
  /** Each window's sum is divided by it instead of its size. Default null. */
  divisorOverride?: number | null;
}

/** A size of an output; null keeps the input's. */
export type OutputSize<D extends Dimensions> =
  | number
  | null
  | (D extends 1 ? readonly [KeptSize] : D extends 2 ? readonly [KeptSize, KeptSize] : readonly [KeptSize, KeptSize, KeptSize]);

/** A size of one dimension; null keeps the input's. */
export type KeptSize = number | null;

const list = (values: readonly (number | string)[]) => `[${values.join(', ')}]`;
const torchBoolean = (value: boolean) => (value ? 'True' : 'False');
/** As it was given: `2` or `(2, 3)`. */
const shown = (value: unknown) => python(value as Printed);

function maxPool<D extends Dimensions>(
  dimensions: D,
): new (kernelSize: SizeOf<D>, options?: MaxPoolOptions<SizeOf<D>>) => Layer {
  const name = `MaxPool${dimensions}d`;
  const schema = z.object({
    stride: size(dimensions, 1).nullable().optional(),
    padding: size(dimensions, 0).prefault(0),
    dilation: size(dimensions, 1).prefault(1),
    ceilMode: boolean.default(false),
  });
  return class extends Layer {
    constructor(kernelSize: SizeOf<D>, options: MaxPoolOptions<SizeOf<D>> = {}) {
      const kernel = parseArgument(`nn.${name}`, 'kernelSize', size(dimensions, 1), kernelSize);
      const o = parseOptions(`nn.${name}`, schema, options);
      const sizes = [kernel, o.stride ?? kernel, o.padding, o.dilation].map(list);
      super(
        scriptModule(name, {
          source: returns(`torch.max_pool${dimensions}d(input, ${sizes.join(', ')}, ${torchBoolean(o.ceilMode)})`),
        }),
        keywords({
          kernel_size: shown(kernelSize),
          stride: shown(options.stride ?? kernelSize),
          padding: shown(options.padding ?? 0),
          dilation: shown(options.dilation ?? 1),
          ceil_mode: shown(o.ceilMode),
        }),
      );
    }
  };
}

function avgPool<D extends Dimensions>(
  dimensions: D,
): new (
  kernelSize: SizeOf<D>,
  options?: D extends 1 ? AvgPoolOptions<SizeOf<D>> : AvgPoolNdOptions<SizeOf<D>>,
) => Layer {
  const name = `AvgPool${dimensions}d`;
  const shape = {
    stride: size(dimensions, 1).nullable().optional(),
    padding: size(dimensions, 0).prefault(0),
    ceilMode: boolean.default(false),
    countIncludePad: boolean.default(true),
  };
  const schema = z.object(dimensions === 1 ? shape : { ...shape, divisorOverride: positiveInteger.nullable().default(null) });
  return class extends Layer {
    constructor(kernelSize: SizeOf<D>, options: AvgPoolNdOptions<SizeOf<D>> = {}) {
      const kernel = parseArgument(`nn.${name}`, 'kernelSize', size(dimensions, 1), kernelSize);
      const o = parseOptions(`nn.${name}`, schema, options) as z.output<z.ZodObject<typeof shape>> & {
        divisorOverride?: number | null;
      };
      const stride = o.stride ?? kernel;
      const last = dimensions === 1 ? '' : `, ${shown(o.divisorOverride)}`;
      super(
        scriptModule(name, {
          source: returns(
            `torch.avg_pool${dimensions}d(input, ${[kernel, stride, o.padding].map(list).join(', ')}, ` +
              `${torchBoolean(o.ceilMode)}, ${torchBoolean(o.countIncludePad)}${last})`,
          ),
        }),
        dimensions === 1
          ? keywords({ kernel_size: shown(kernel), stride: shown(stride), padding: shown(o.padding) })
          : keywords({
              kernel_size: shown(kernelSize),
              stride: shown(options.stride ?? kernelSize),
              padding: shown(options.padding ?? 0),
            }),
      );
    }
  };
}

function adaptivePool<D extends Dimensions>(
  kind: 'Avg' | 'Max',
  dimensions: D,
): new (outputSize: OutputSize<D>) => Layer {
  const name = `Adaptive${kind}Pool${dimensions}d`;
  const expected = `a positive integer or null${dimensions === 1 ? '' : `, or ${dimensions} of these`}`;
  const one = z.int(expected).positive(expected).nullable();
  const type = z.union([one, z.array(one).length(dimensions, expected)], expected);
  return class extends Layer {
    constructor(outputSize: OutputSize<D>) {
      const parsed = parseArgument(`nn.${name}`, 'outputSize', type, outputSize);
      const lengths = Array.isArray(parsed) ? parsed : Array<number | null>(dimensions).fill(parsed);
      const sizes = list(lengths.map((length, i) => length ?? `input.size(${i - dimensions})`));
      const call = `torch.adaptive_${kind.toLowerCase()}_pool${dimensions}d(input, ${sizes})`;
      super(scriptModule(name, { source: returns(kind === 'Max' ? `${call}[0]` : call) }), `output_size=${shown(parsed)}`);
    }
  };
}

/**
 * The largest element of each window (`torch.nn.MaxPool1d`): `[B, C, L]` to `[B, C, L']`,
 * `L' = floor((L + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
 */
export class MaxPool1d extends maxPool(1) {}
/** The largest element of each window (`torch.nn.MaxPool2d`): `[B, C, H, W]` to `[B, C, H', W']`. */
export class MaxPool2d extends maxPool(2) {}
/** The largest element of each window (`torch.nn.MaxPool3d`): `[B, C, D, H, W]` to `[B, C, D', H', W']`. */
export class MaxPool3d extends maxPool(3) {}

/** The mean of each window (`torch.nn.AvgPool1d`): `[B, C, L]` to `[B, C, L']`. */
export class AvgPool1d extends avgPool(1) {}
/** The mean of each window (`torch.nn.AvgPool2d`): `[B, C, H, W]` to `[B, C, H', W']`. */
export class AvgPool2d extends avgPool(2) {}
/** The mean of each window (`torch.nn.AvgPool3d`): `[B, C, D, H, W]` to `[B, C, D', H', W']`. */
export class AvgPool3d extends avgPool(3) {}

/** The largest element of each of `outputSize` windows (`torch.nn.AdaptiveMaxPool1d`): any length to that one. */
export class AdaptiveMaxPool1d extends adaptivePool('Max', 1) {}
/** As `AdaptiveMaxPool1d` in two dimensions (`torch.nn.AdaptiveMaxPool2d`). */
export class AdaptiveMaxPool2d extends adaptivePool('Max', 2) {}
/** As `AdaptiveMaxPool1d` in three dimensions (`torch.nn.AdaptiveMaxPool3d`). */
export class AdaptiveMaxPool3d extends adaptivePool('Max', 3) {}

/** The mean of each of `outputSize` windows (`torch.nn.AdaptiveAvgPool1d`): any length to that one. */
export class AdaptiveAvgPool1d extends adaptivePool('Avg', 1) {}
/** As `AdaptiveAvgPool1d` in two dimensions (`torch.nn.AdaptiveAvgPool2d`). */
export class AdaptiveAvgPool2d extends adaptivePool('Avg', 2) {}
/** As `AdaptiveAvgPool1d` in three dimensions (`torch.nn.AdaptiveAvgPool3d`). */
export class AdaptiveAvgPool3d extends adaptivePool('Avg', 3) {}
