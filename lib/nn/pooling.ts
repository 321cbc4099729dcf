import { z } from 'zod';
import { parseArgument, parseOptions } from '../options';
import { createModule, Module } from './module';
import { type Size2d, size2d } from './size2d';

const schema = z.object({ stride: size2d(1).optional(), padding: size2d(0).prefault(0) });
export interface Pool2dOptions {
  /** Default: the kernel's size. */
  stride?: Size2d;
  /** On each side of the input, at most half of the kernel. Default 0. */
  padding?: Size2d;
}

function pool2d(kind: 'MaxPool2d' | 'AvgPool2d', kernelSize: Size2d, options?: Pool2dOptions) {
  const kernel = parseArgument(`nn.${kind}`, 'kernelSize', size2d(1), kernelSize);
  const { stride = kernel, padding } = parseOptions(`nn.${kind}`, schema, options);
  return createModule(kind, kernel, stride, padding);
}

/** The largest element of each window (`torch.nn.MaxPool2d`): `[B, C, H, W]` to `[B, C, H', W']`. */
export class MaxPool2d extends Module {
  constructor(kernelSize: Size2d, options?: Pool2dOptions) {
    super(pool2d('MaxPool2d', kernelSize, options));
  }
}

/** The mean of each window, padding zeros counted (`torch.nn.AvgPool2d`): `[B, C, H, W]` to `[B, C, H', W']`. */
export class AvgPool2d extends Module {
  constructor(kernelSize: Size2d, options?: Pool2dOptions) {
    super(pool2d('AvgPool2d', kernelSize, options));
  }
}

/** The largest element of each of `outputSize` windows (`torch.nn.AdaptiveMaxPool2d`): any size to that one. */
export class AdaptiveMaxPool2d extends Module {
  constructor(outputSize: Size2d) {
    super(
      createModule('AdaptiveMaxPool2d', parseArgument('nn.AdaptiveMaxPool2d', 'outputSize', size2d(1), outputSize)),
    );
  }
}
