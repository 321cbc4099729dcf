/** Layers that move, repeat or pad elements and compute nothing else. */
import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, integer, parseArgument, parseOptions, positiveInteger } from '../options';
import { float, keywords, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';
import type { Dimensions } from './sizes';

/** Gives back its input (`torch.nn.Identity`). */
export class Identity extends Layer {
  constructor() {
    super(scriptModule('Identity', { source: returns('input') }));
  }
}

const flattenSchema = z.object({ startDim: integer.default(1), endDim: integer.default(-1) });

/** Options of `nn.Flatten`. */
export interface FlattenOptions {
  /** The first dimension that is joined. Default 1. */
  startDim?: number;
  /** The last one. Default -1: the last of all. */
  endDim?: number;
}

/** Joins dimensions `startDim` (default 1) to `endDim` (default -1, the last): `[B, ...]` to `[B, features]`. */
export class Flatten extends Layer {
  constructor(options?: FlattenOptions) {
    const { startDim, endDim } = parseOptions('nn.Flatten', flattenSchema, options);
    super(
      scriptModule('Flatten', { source: returns(`torch.flatten(input, ${startDim}, ${endDim})`) }),
      keywords({ start_dim: `${startDim}`, end_dim: `${endDim}` }),
    );
  }
}

const sizesType = z.array(integer, 'an array of sizes').min(1, 'an array of sizes');

/** Makes several dimensions of one, the inverse of `Flatten` (`torch.nn.Unflatten`); one size may be -1. */
export class Unflatten extends Layer {
  constructor(dim: number, unflattenedSize: readonly number[]) {
    const at = parseArgument('nn.Unflatten', 'dim', integer, dim);
    const sizes = parseArgument('nn.Unflatten', 'unflattenedSize', sizesType, unflattenedSize);
    super(
      scriptModule('Unflatten', { source: returns(`input.unflatten(${at}, [${sizes.join(', ')}])`) }),
      keywords({ dim: `${at}`, unflattened_size: python(sizes) }),
    );
  }
}

/** `[B, C r^2, H, W]` to `[B, C, H r, W r]`, r = upscaleFactor (`torch.nn.PixelShuffle`). */
export class PixelShuffle extends Layer {
  constructor(upscaleFactor: number) {
    const factor = parseArgument('nn.PixelShuffle', 'upscaleFactor', positiveInteger, upscaleFactor);
    super(
      scriptModule('PixelShuffle', { source: returns(`torch.pixel_shuffle(input, ${factor})`) }),
      `upscale_factor=${factor}`,
    );
  }
}

/** `[B, C, H r, W r]` to `[B, C r^2, H, W]`, r = downscaleFactor (`torch.nn.PixelUnshuffle`). */
export class PixelUnshuffle extends Layer {
  constructor(downscaleFactor: number) {
    const factor = parseArgument('nn.PixelUnshuffle', 'downscaleFactor', positiveInteger, downscaleFactor);
    super(
      scriptModule('PixelUnshuffle', { source: returns(`torch.pixel_unshuffle(input, ${factor})`) }),
      `downscale_factor=${factor}`,
    );
  }
}

const modes = ['nearest', 'linear', 'bilinear', 'bicubic', 'trilinear'] as const;
const factorsExpected = 'a positive number, or an array of them';
const factor = z.number(factorsExpected).positive(factorsExpected);
const upsampleSchema = z.object({
  size: z.union([positiveInteger, z.array(positiveInteger)], 'a positive integer, or an array of them').nullable().default(null),
  scaleFactor: z.union([factor, z.array(factor)], factorsExpected).nullable().default(null),
  mode: z.enum(modes, `one of ${modes.join(', ')}`).default('nearest'),
  alignCorners: boolean.nullable().default(null),
});

/** Options of `nn.Upsample`. */
export interface UpsampleOptions {
  /** Of the output, behind batch and channels; one number for all dimensions. This or `scaleFactor`. */
  size?: number | readonly number[] | null;
  /** By which sizes are multiplied. */
  scaleFactor?: number | readonly number[] | null;
  /** "nearest" (default), "linear" for `[B, C, L]`, "bilinear" or "bicubic" for `[B, C, H, W]`, "trilinear". */
  mode?: (typeof modes)[number];
  /** Whether corners keep their values; not for "nearest". Default null, which is false. */
  alignCorners?: boolean | null;
}

const ranks: Record<string, Dimensions[]> = { nearest: [1, 2, 3], linear: [1], bilinear: [2], bicubic: [2], trilinear: [3] };

/**
 * Enlarges `[B, C, L]`, `[B, C, H, W]` or `[B, C, D, H, W]` (`torch.nn.Upsample`).
 * @throws ERR_INVALID_ARG_VALUE where not exactly one of size and scaleFactor is given
 */
export class Upsample extends Layer {
  constructor(options?: UpsampleOptions) {
    const { size, scaleFactor, mode, alignCorners } = parseOptions('nn.Upsample', upsampleSchema, options);
    const refuse = (message: string) => new ContinualTorchError('ERR_INVALID_ARG_VALUE', `nn.Upsample: expected ${message}`);
    if ((size === null) === (scaleFactor === null)) {
      throw refuse(`one of size and scaleFactor, got ${size === null ? 'neither' : 'both'}`);
    }
    if (mode === 'nearest' && alignCorners !== null) throw refuse('alignCorners with a mode other than "nearest"');
    const each = (value: number | readonly number[] | null, dims: number, print: (value: number) => string) => {
      if (value === null) return 'None';
      const values = typeof value === 'number' ? Array<number>(dims).fill(value) : value;
      return `[${values.map(print).join(', ')}]`;
    };
    const branches = ranks[mode]!.map((dims) => {
      const operator = `upsample_${mode === 'nearest' ? `nearest${dims}d` : mode === 'linear' ? 'linear1d' : mode === 'trilinear' ? 'trilinear3d' : `${mode}2d`}`;
      const corners = mode === 'nearest' ? '' : `, ${python(alignCorners ?? false)}`;
      const call = `torch.${operator}(input, ${each(size, dims, String)}${corners}, ${each(scaleFactor, dims, float)})`;
      return `  if input.dim() == ${dims + 2}:\n    output = ${call}\n    known = True\n`;
    });
    const expected = ranks[mode]!.map((dims) => dims + 2).join(', ');
    const source =
      `def forward(self, input: Tensor) -> Tensor:\n  output = input\n  known = False\n${branches.join('')}` +
      `  assert known, "Upsample: expected an input of ${expected} dimensions for mode ${mode}, got {}".format(input.dim())\n  return output\n`;
    const shownFactor = typeof scaleFactor === 'number' ? float(scaleFactor) : scaleFactor && `(${scaleFactor.map(float).join(', ')})`;
    super(
      scriptModule('Upsample', { source }),
      `${size === null ? `scale_factor=${shownFactor}` : `size=${python(size)}`}, mode=${python(mode)}`,
    );
  }
}

/** One number for all sides, or two for each dimension, the last one first. */
export type Padding = number | readonly number[];

type PaddingClass = new (padding: Padding) => Layer;

const paddingType = (dimensions: Dimensions) => {
  const expected = `an integer, or ${2 * dimensions} for the sides of each dimension, the last one first`;
  return z
    .union([z.int(expected), z.array(z.int(expected)).length(2 * dimensions, expected)], expected)
    .transform((value): number[] => (typeof value === 'number' ? Array<number>(2 * dimensions).fill(value) : value));
};

function padding(kind: string, mode: string, dimensions: Dimensions): PaddingClass {
  const name = `${kind}Pad${dimensions}d`;
  return class extends Layer {
    constructor(sides: Padding) {
      const pad = parseArgument(`nn.${name}`, 'padding', paddingType(dimensions), sides);
      const source = returns(`torch.pad(input, [${pad.join(', ')}], "${mode}")`);
      super(scriptModule(name, { source }), python(pad));
    }
  };
}

function constantPadding(dimensions: Dimensions): new (padding: Padding, value: number) => Layer {
  const name = `ConstantPad${dimensions}d`;
  return class extends Layer {
    constructor(sides: Padding, value: number) {
      const pad = parseArgument(`nn.${name}`, 'padding', paddingType(dimensions), sides);
      const constant = parseArgument(`nn.${name}`, 'value', z.number('a number'), value);
      const source = returns(`torch.pad(input, [${pad.join(', ')}], "constant", ${float(constant)})`);
      super(scriptModule(name, { source }), `padding=${python(pad)}, value=${constant}`);
    }
  };
}

/** Zeros on the sides of the last dimension (`torch.nn.ZeroPad1d`). */
export class ZeroPad1d extends padding('Zero', 'constant', 1) {}
/** Zeros on the sides of the last two dimensions (`torch.nn.ZeroPad2d`). */
export class ZeroPad2d extends padding('Zero', 'constant', 2) {}
/** Zeros on the sides of the last three dimensions (`torch.nn.ZeroPad3d`). */
export class ZeroPad3d extends padding('Zero', 'constant', 3) {}
/** The input mirrored at its edge elements (`torch.nn.ReflectionPad1d`). */
export class ReflectionPad1d extends padding('Reflection', 'reflect', 1) {}
/** The input mirrored at its edge elements (`torch.nn.ReflectionPad2d`). */
export class ReflectionPad2d extends padding('Reflection', 'reflect', 2) {}
/** The input mirrored at its edge elements (`torch.nn.ReflectionPad3d`). */
export class ReflectionPad3d extends padding('Reflection', 'reflect', 3) {}
/** Edge elements repeated (`torch.nn.ReplicationPad1d`). */
export class ReplicationPad1d extends padding('Replication', 'replicate', 1) {}
/** Edge elements repeated (`torch.nn.ReplicationPad2d`). */
export class ReplicationPad2d extends padding('Replication', 'replicate', 2) {}
/** Edge elements repeated (`torch.nn.ReplicationPad3d`). */
export class ReplicationPad3d extends padding('Replication', 'replicate', 3) {}
/** The input goes on from its other end (`torch.nn.CircularPad1d`). */
export class CircularPad1d extends padding('Circular', 'circular', 1) {}
/** The input goes on from its other end (`torch.nn.CircularPad2d`). */
export class CircularPad2d extends padding('Circular', 'circular', 2) {}
/** The input goes on from its other end (`torch.nn.CircularPad3d`). */
export class CircularPad3d extends padding('Circular', 'circular', 3) {}
/** `value` on the sides of the last dimension (`torch.nn.ConstantPad1d`). */
export class ConstantPad1d extends constantPadding(1) {}
/** `value` on the sides of the last two dimensions (`torch.nn.ConstantPad2d`). */
export class ConstantPad2d extends constantPadding(2) {}
/** `value` on the sides of the last three dimensions (`torch.nn.ConstantPad3d`). */
export class ConstantPad3d extends constantPadding(3) {}
