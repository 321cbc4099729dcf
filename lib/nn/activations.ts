import { z } from 'zod';
import { boolean, integer, parseArgument, parseOptions, positiveInteger } from '../options';
import { type FactoryOptions, factoryOptions, filledParameter } from './factory';
import type { Parameter } from './parameter';
import { float, keywords, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';

const number = z.number('a number');
const inplace = boolean.default(false);
const inPlace = { inplace };

/**
 * A class of activations: no parameters, options with defaults.
 * @param expression TorchScript of the output, from the options and the ending of an operator that works in place
 * @param shown what is printed in parentheses
 */
function activation<S extends z.ZodRawShape>(
  name: string,
  shape: S,
  expression: (options: z.output<z.ZodObject<S>>, ending: string) => string,
  shown: (options: z.output<z.ZodObject<S>>) => Record<string, string> = () => ({}),
): new (options?: z.input<z.ZodObject<S>>) => Layer {
  const schema = z.object(shape);
  return class extends Layer {
    constructor(options?: z.input<z.ZodObject<S>>) {
      const parsed = parseOptions(`nn.${name}`, schema, options) as z.output<z.ZodObject<S>>;
      const isInPlace = (parsed as { inplace?: boolean }).inplace === true;
      const source = returns(expression(parsed, isInPlace ? '_' : ''));
      super(
        scriptModule(name, { source }),
        keywords({ ...shown(parsed), inplace: isInPlace ? 'True' : undefined }),
      );
    }
  };
}

/** `max(x, 0)`, element by element (`torch.nn.ReLU`). Option `inplace` (default false): the input itself is changed. */
export class ReLU extends activation('ReLU', inPlace, (_, end) => `torch.relu${end}(input)`) {}

/** `min(max(x, 0), 6)` (`torch.nn.ReLU6`). Option `inplace`. */
export class ReLU6 extends activation('ReLU6', inPlace, (_, end) => `torch.hardtanh${end}(input, 0.0, 6.0)`) {}

/** `max(0, x) + negativeSlope min(0, x)` (`torch.nn.LeakyReLU`). Options `negativeSlope` (default 0.01), `inplace`. */
export class LeakyReLU extends activation(
  'LeakyReLU',
  { negativeSlope: number.default(0.01), inplace },
  ({ negativeSlope }, end) => `torch.leaky_relu${end}(input, ${float(negativeSlope)})`,
  ({ negativeSlope }) => ({ negative_slope: float(negativeSlope) }),
) {}

/** `x` above 0, `alpha (exp(x) - 1)` below (`torch.nn.ELU`). Options `alpha` (default 1), `inplace`. */
export class ELU extends activation(
  'ELU',
  { alpha: number.default(1), inplace },
  ({ alpha }, end) => `torch.elu${end}(input, ${float(alpha)})`,
  ({ alpha }) => ({ alpha: float(alpha) }),
) {}

/** ELU with the scale and alpha of self-normalising networks (`torch.nn.SELU`). Option `inplace`. */
export class SELU extends activation('SELU', inPlace, (_, end) => `torch.selu${end}(input)`) {}

/** `max(0, x) + min(0, alpha (exp(x / alpha) - 1))` (`torch.nn.CELU`). Options `alpha` (default 1, not 0), `inplace`. */
export class CELU extends activation(
  'CELU',
  { alpha: number.refine((alpha) => alpha !== 0, 'a number other than 0').default(1), inplace },
  ({ alpha }, end) => `torch.celu${end}(input, ${float(alpha)})`,
  ({ alpha }) => ({ alpha: float(alpha) }),
) {}

/** `x Phi(x)`, Phi the normal distribution (`torch.nn.GELU`). Option `approximate`: "none" (default) or "tanh". */
export class GELU extends activation(
  'GELU',
  { approximate: z.enum(['none', 'tanh'], '"none" or "tanh"').default('none') },
  ({ approximate }) => `torch.gelu(input, approximate="${approximate}")`,
  ({ approximate }) => ({ approximate: python(approximate) }),
) {}

/** `x sigmoid(x)` (`torch.nn.SiLU`). Option `inplace`. */
export class SiLU extends activation('SiLU', inPlace, (_, end) => `torch.silu${end}(input)`) {}

/** `x tanh(softplus(x))` (`torch.nn.Mish`). Option `inplace`. */
export class Mish extends activation('Mish', inPlace, (_, end) => `torch.mish${end}(input)`) {}

/** `1 / (1 + exp(-x))` (`torch.nn.Sigmoid`). */
export class Sigmoid extends activation('Sigmoid', {}, () => 'torch.sigmoid(input)') {}

/** `log(sigmoid(x))` (`torch.nn.LogSigmoid`). */
export class LogSigmoid extends activation('LogSigmoid', {}, () => 'torch.log_sigmoid(input)') {}

/** The hyperbolic tangent (`torch.nn.Tanh`). */
export class Tanh extends activation('Tanh', {}, () => 'torch.tanh(input)') {}

/** `x - tanh(x)` (`torch.nn.Tanhshrink`). */
export class Tanhshrink extends activation('Tanhshrink', {}, () => 'input - torch.tanh(input)') {}

/** `min(max(x, minVal), maxVal)` (`torch.nn.Hardtanh`). Options `minVal` (default -1), `maxVal` (default 1), `inplace`. */
export class Hardtanh extends activation(
  'Hardtanh',
  { minVal: number.default(-1), maxVal: number.default(1), inplace },
  ({ minVal, maxVal }, end) => `torch.hardtanh${end}(input, ${float(minVal)}, ${float(maxVal)})`,
  ({ minVal, maxVal }) => ({ min_val: float(minVal), max_val: float(maxVal) }),
) {}

/** `min(max(x / 6 + 1/2, 0), 1)` (`torch.nn.Hardsigmoid`). Option `inplace`. */
export class Hardsigmoid extends activation('Hardsigmoid', inPlace, (_, end) => `torch.hardsigmoid${end}(input)`) {
  override extraRepr(): string {
    return '';
  }
}

/** `x hardsigmoid(x)` (`torch.nn.Hardswish`). Option `inplace`. */
export class Hardswish extends activation('Hardswish', inPlace, (_, end) => `torch.hardswish${end}(input)`) {
  override extraRepr(): string {
    return '';
  }
}

/** `log(1 + exp(beta x)) / beta`, `x` where `beta x > threshold` (`torch.nn.Softplus`). Options `beta` 1, `threshold` 20. */
export class Softplus extends activation(
  'Softplus',
  { beta: number.default(1), threshold: number.default(20) },
  ({ beta, threshold }) => `torch.softplus(input, ${float(beta)}, ${float(threshold)})`,
  ({ beta, threshold }) => ({ beta: float(beta), threshold: float(threshold) }),
) {}

/** `x / (1 + |x|)` (`torch.nn.Softsign`). */
export class Softsign extends activation('Softsign', {}, () => 'input / (torch.abs(input) + 1)') {}

const dim = { dim: integer.nullable().default(null) };
/** Without a dimension PyTorch takes the first of tensors with 0, 1 or 3 dimensions, else the second. */
const softmaxDim = (given: number | null) =>
  given === null ? '(0 if input.dim() == 0 or input.dim() == 1 or input.dim() == 3 else 1)' : String(given);
const shownDim = (given: { dim: number | null }) => ({ dim: python(given.dim) });

/** `exp(x) / sum exp(x)` along `dim` (`torch.nn.Softmax`). Option `dim`; default: PyTorch's choice, 1 for `[B, C]`. */
export class Softmax extends activation('Softmax', dim, (o) => `torch.softmax(input, ${softmaxDim(o.dim)})`, shownDim) {}

/** `log(softmax(x))` along `dim` (`torch.nn.LogSoftmax`). Option `dim` as in `Softmax`. */
export class LogSoftmax extends activation(
  'LogSoftmax',
  dim,
  (o) => `torch.log_softmax(input, ${softmaxDim(o.dim)})`,
  shownDim,
) {}

/** `softmax(-x)` along `dim` (`torch.nn.Softmin`). Option `dim` as in `Softmax`. */
export class Softmin extends activation(
  'Softmin',
  dim,
  (o) => `torch.softmax(torch.neg(input), ${softmaxDim(o.dim)})`,
  shownDim,
) {}

/** `a sigmoid(b)`, a and b the halves of the input along `dim` (`torch.nn.GLU`). Option `dim` (default -1). */
export class GLU extends activation(
  'GLU',
  { dim: integer.default(-1) },
  (o) => `torch.glu(input, ${o.dim})`,
  (o) => ({ dim: python(o.dim) }),
) {}

/** `x` shrunk by `lambd` towards 0 (`torch.nn.Softshrink`). Option `lambd` (default 0.5, at least 0). */
export class Softshrink extends activation(
  'Softshrink',
  { lambd: number.min(0, 'a number of at least 0').default(0.5) },
  ({ lambd }) => `torch.softshrink(input, ${float(lambd)})`,
  ({ lambd }) => ({ '': float(lambd) }),
) {}

/** `x` where |x| > lambd, else 0 (`torch.nn.Hardshrink`). Option `lambd` (default 0.5). */
export class Hardshrink extends activation(
  'Hardshrink',
  { lambd: number.default(0.5) },
  ({ lambd }) => `torch.hardshrink(input, ${float(lambd)})`,
  ({ lambd }) => ({ '': float(lambd) }),
) {}

const thresholdSchema = z.object(inPlace);

/** `x` above `threshold`, else `value` (`torch.nn.Threshold`). Option `inplace`. */
export class Threshold extends Layer {
  constructor(threshold: number, value: number, options?: { inplace?: boolean }) {
    const limit = parseArgument('nn.Threshold', 'threshold', number, threshold);
    const below = parseArgument('nn.Threshold', 'value', number, value);
    const { inplace: isInPlace } = parseOptions('nn.Threshold', thresholdSchema, options);
    const source = returns(`torch.threshold${isInPlace ? '_' : ''}(input, ${float(limit)}, ${float(below)})`);
    super(
      scriptModule('Threshold', { source }),
      keywords({ threshold: `${limit}`, value: `${below}`, inplace: isInPlace ? 'True' : undefined }),
    );
  }
}

const preluSchema = z.object({
  numParameters: positiveInteger.default(1),
  init: number.default(0.25),
  ...factoryOptions,
});

/**
 * `max(0, x) + weight min(0, x)` (`torch.nn.PReLU`). Parameter `weight` [numParameters], at first `init`. Options
 * `numParameters` (1, the default, or the number of channels) and `init` (default 0.25), `device`, `dtype`.
 */
export class PReLU extends Layer {
  /** [numParameters]. */
  declare weight: Parameter;

  constructor(options?: { numParameters?: number; init?: number } & FactoryOptions) {
    const o = parseOptions('nn.PReLU', preluSchema, options);
    const weight = filledParameter([o.numParameters], o.init, o);
    super(
      scriptModule('PReLU', { parameters: { weight }, source: returns('torch.prelu(input, self.weight)') }),
      keywords({ num_parameters: `${o.numParameters}` }),
    );
  }
}
