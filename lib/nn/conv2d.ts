import { z } from 'zod';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { createModule, Module } from './module';
import { type Size2d, size2d } from './size2d';

const schema = z.object({
  stride: size2d(1).prefault(1),
  padding: size2d(0).prefault(0),
  dilation: size2d(1).prefault(1),
  groups: positiveInteger.default(1),
  bias: boolean.default(true),
});
export interface Conv2dOptions {
  /** Default 1. */
  stride?: Size2d;
  /** Zeros on each side of the input. Default 0. */
  padding?: Size2d;
  /** Distance between the elements of the kernel. Default 1. */
  dilation?: Size2d;
  /** Groups of channels that do not see each other; divides both numbers of channels. Default 1. */
  groups?: number;
  /** Default true. */
  bias?: boolean;
}

/**
 * Cross-correlation with a kernel, plus bias (`torch.nn.Conv2d`): input `[B, inChannels, H, W]`, output
 * `[B, outChannels, H', W']`, `H' = floor((H + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
 * Parameters `weight` [outChannels, inChannels / groups, kernel height, kernel width] and `bias` [outChannels], both drawn
 * from U(-k, k), k = 1/sqrt(inChannels / groups * kernel height * kernel width), weight first.
 * @throws ERR_TORCH where groups do not divide the channels
 */
export class Conv2d extends Module {
  constructor(inChannels: number, outChannels: number, kernelSize: Size2d, options?: Conv2dOptions) {
    const argument = <S extends z.ZodType>(name: string, type: S, value: unknown) =>
      parseArgument('nn.Conv2d', name, type, value);
    const channels = [
      argument('inChannels', positiveInteger, inChannels),
      argument('outChannels', positiveInteger, outChannels),
    ] as const;
    const kernel = argument('kernelSize', size2d(1), kernelSize);
    const o = parseOptions('nn.Conv2d', schema, options);
    super(createModule('Conv2d', ...channels, kernel, o.stride, o.padding, o.dilation, o.groups, o.bias));
  }
}
