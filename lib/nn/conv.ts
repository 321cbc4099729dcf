import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { emptyParameter, type FactoryOptions, factoryOptions } from './factory';
import { resetLinear } from './init';
import type { Parameter } from './parameter';
import { keywords, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';
import { type Dimensions, size, sizeOrWord, type Size1d, type Size2d, type Size3d } from './sizes';

const paddingModes = ['zeros', 'reflect', 'replicate', 'circular'] as const;

/** Options of `nn.Conv1d` to `nn.Conv3d`; a size is one number, or one for each dimension. */
export interface ConvOptions<Size> extends FactoryOptions {
  /** Default 1. */
  stride?: Size;
  /** On each side of the input; "same" keeps its size (with stride 1), "valid" is 0. Default 0. */
  padding?: Size | 'same' | 'valid';
  /** Distance between the elements of the kernel. Default 1. */
  dilation?: Size;
  /** Groups of channels that do not see each other; divides both numbers of channels. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** What stands in the padding: "zeros" (default), "reflect", "replicate" or "circular". */
  paddingMode?: (typeof paddingModes)[number];
}

/** Options of `nn.ConvTranspose1d` to `nn.ConvTranspose3d`; a size is one number, or one for each dimension. */
export interface ConvTransposeOptions<Size> extends FactoryOptions {
  /** Default 1. */
  stride?: Size;
  /** dilation (kernel - 1) - padding zeros are added on each side of the input. Default 0. */
  padding?: Size;
  /** Added to one side of the output's size; less than stride or dilation. Default 0. */
  outputPadding?: Size;
  /** Groups of channels that do not see each other; divides both numbers of channels. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
  /** Distance between the elements of the kernel. Default 1. */
  dilation?: Size;
}

const common = (dimensions: Dimensions) => ({
  stride: size(dimensions, 1).prefault(1),
  dilation: size(dimensions, 1).prefault(1),
  groups: positiveInteger.default(1),
  bias: boolean.default(true),
  ...factoryOptions,
});

const convSchema = (dimensions: Dimensions) =>
  z.object({
    ...common(dimensions),
    padding: sizeOrWord(dimensions, ['same', 'valid']).prefault(0),
    paddingMode: z.enum(paddingModes, `one of ${paddingModes.join(', ')}`).default('zeros'),
  });

const transposedSchema = (dimensions: Dimensions) =>
  z.object({
    ...common(dimensions),
    padding: size(dimensions, 0).prefault(0),
    outputPadding: size(dimensions, 0).prefault(0),
  });

/** Channels and kernel, checked. */
function checked(operation: string, dimensions: Dimensions, inChannels: unknown, outChannels: unknown, kernelSize: unknown) {
  return {
    inputs: parseArgument(operation, 'inChannels', positiveInteger, inChannels),
    outputs: parseArgument(operation, 'outChannels', positiveInteger, outChannels),
    kernel: parseArgument(operation, 'kernelSize', size(dimensions, 1), kernelSize),
  };
}

function requireGroups(operation: string, groups: number, inputs: number, outputs: number): void {
  if (inputs % groups === 0 && outputs % groups === 0) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected groups to divide inChannels and outChannels, got ${groups} for ${inputs} and ${outputs}`,
  );
}

function newTensors(shape: number[], outputs: number, o: Required<FactoryOptions> & { bias: boolean }) {
  const weight = emptyParameter(shape, o);
  const bias = o.bias ? emptyParameter([outputs], o) : null;
  resetLinear(weight, bias);
  return { weight, bias };
}

const list = (values: readonly number[]) => `[${values.join(', ')}]`;
/** Shown only where it is not what stands in each place by default. */
const unless = (usual: number, values: readonly number[]) =>
  values.every((value) => value === usual) ? undefined : python(values);

abstract class ConvolutionLayer extends Layer {
  /** [outChannels, inChannels / groups, ...kernelSize]; of a transposed one [inChannels, outChannels / groups, ...kernelSize]. */
  declare weight: Parameter;
  /** [outChannels]; null without. */
  declare bias: Parameter | null;
}

type ConvolutionClass<Size, Options> = new (
  inChannels: number,
  outChannels: number,
  kernelSize: Size,
  options?: Options,
) => ConvolutionLayer;

function convolution<Size>(dimensions: Dimensions): ConvolutionClass<Size, ConvOptions<Size>> {
  return class extends ConvolutionLayer {
    constructor(inChannels: number, outChannels: number, kernelSize: Size, options?: ConvOptions<Size>) {
      const name = `Conv${dimensions}d`;
      const { inputs, outputs, kernel } = checked(`nn.${name}`, dimensions, inChannels, outChannels, kernelSize);
      const o = parseOptions(`nn.${name}`, convSchema(dimensions), options);
      const { stride, dilation, groups } = o;
      const padding = o.padding;
      requireGroups(`nn.${name}`, groups, inputs, outputs);
      if (padding === 'same' && stride.some((step) => step !== 1)) {
        throw new ContinualTorchError(
          'ERR_INVALID_ARG_VALUE',
          `nn.${name}: expected stride 1 with padding "same", got ${list(stride)}`,
        );
      }
      const parameters = newTensors([outputs, inputs / groups, ...kernel], outputs, o);
      const conv = (input: string, pad: string) =>
        `torch.conv${dimensions}d(${input}, self.weight, self.bias, ${list(stride)}, ${pad}, ${list(dilation)}, ${groups})`;
      const usual = conv('input', typeof padding === 'string' ? `"${padding}"` : list(padding));
      const padded = `torch.pad(input, ${list(sides(padding, kernel, dilation))}, "${o.paddingMode}")`;
      super(
        scriptModule(name, {
          parameters,
          source: returns(o.paddingMode === 'zeros' ? usual : conv(padded, list(kernel.map(() => 0)))),
        }),
        `${inputs}, ${outputs}, ` +
          keywords({
            kernel_size: python(kernel),
            stride: python(stride),
            padding: typeof padding === 'string' ? padding : unless(0, padding),
            dilation: unless(1, dilation),
            groups: groups === 1 ? undefined : `${groups}`,
            bias: o.bias ? undefined : 'False',
            padding_mode: o.paddingMode === 'zeros' ? undefined : o.paddingMode,
          }),
      );
    }
  };
}

/** Padding before and after each dimension, the last one first, as `torch.pad` takes it. */
function sides(padding: number[] | 'same' | 'valid', kernel: number[], dilation: number[]): number[] {
  return kernel
    .map((length, i) => {
      if (padding === 'valid') return [0, 0];
      if (padding !== 'same') return [padding[i]!, padding[i]!];
      const total = dilation[i]! * (length - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    })
    .reverse()
    .flat();
}

function transposedConvolution<Size>(dimensions: Dimensions): ConvolutionClass<Size, ConvTransposeOptions<Size>> {
  return class extends ConvolutionLayer {
    constructor(inChannels: number, outChannels: number, kernelSize: Size, options?: ConvTransposeOptions<Size>) {
      const name = `ConvTranspose${dimensions}d`;
      const { inputs, outputs, kernel } = checked(`nn.${name}`, dimensions, inChannels, outChannels, kernelSize);
      const o = parseOptions(`nn.${name}`, transposedSchema(dimensions), options);
      const { stride, padding, outputPadding, dilation, groups } = o;
      requireGroups(`nn.${name}`, groups, inputs, outputs);
      super(
        scriptModule(name, {
          parameters: newTensors([inputs, outputs / groups, ...kernel], outputs, o),
          source: returns(
            `torch.conv_transpose${dimensions}d(input, self.weight, self.bias, ${list(stride)}, ${list(padding)}, ` +
              `${list(outputPadding)}, ${groups}, ${list(dilation)})`,
          ),
        }),
        `${inputs}, ${outputs}, ` +
          keywords({
            kernel_size: python(kernel),
            stride: python(stride),
            padding: unless(0, padding),
            dilation: unless(1, dilation),
            output_padding: unless(0, outputPadding),
            groups: groups === 1 ? undefined : `${groups}`,
            bias: o.bias ? undefined : 'False',
          }),
      );
    }
  };
}

/**
 * Cross-correlation with a kernel, plus bias (`torch.nn.Conv1d`): input `[B, inChannels, L]`, output
 * `[B, outChannels, L']`, `L' = floor((L + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`. Parameters `weight`
 * [outChannels, inChannels / groups, kernel] and `bias` [outChannels], both drawn from U(-k, k),
 * k = 1/sqrt(inChannels / groups * kernel), weight first.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE (groups that do not divide the channels too), ERR_UNKNOWN_OPTION
 */
export class Conv1d extends convolution<Size1d>(1) {}

/** As `Conv1d` in two dimensions (`torch.nn.Conv2d`): input `[B, inChannels, H, W]`, output `[B, outChannels, H', W']`. */
export class Conv2d extends convolution<Size2d>(2) {}

/** As `Conv1d` in three dimensions (`torch.nn.Conv3d`): input `[B, inChannels, D, H, W]`. */
export class Conv3d extends convolution<Size3d>(3) {}

/**
 * The gradient of `Conv1d` with respect to its input, as a layer (`torch.nn.ConvTranspose1d`): input `[B, inChannels, L]`,
 * output `[B, outChannels, L']`, `L' = (L - 1) stride - 2 padding + dilation (kernel - 1) + outputPadding + 1`. Parameters
 * `weight` [inChannels, outChannels / groups, kernel] and `bias` [outChannels], drawn as PyTorch draws them.
 * @throws as `Conv1d`; ERR_TORCH in `forward` where outputPadding is too large
 */
export class ConvTranspose1d extends transposedConvolution<Size1d>(1) {}

/** As `ConvTranspose1d` in two dimensions (`torch.nn.ConvTranspose2d`). */
export class ConvTranspose2d extends transposedConvolution<Size2d>(2) {}

/** As `ConvTranspose1d` in three dimensions (`torch.nn.ConvTranspose3d`). */
export class ConvTranspose3d extends transposedConvolution<Size3d>(3) {}

