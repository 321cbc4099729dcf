import { z } from 'zod';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import type { Tensor } from '../tensor/tensor';
import { emptyParameter, type FactoryOptions, factoryOptions } from './factory';
import { resetLinear, uniform_ } from './init';
import { Module, runScript, runsTorchScript } from './module';
import type { Parameter } from './parameter';
import { keywords, python } from './repr';
import { Layer, returns, scriptModule } from './script-module';

const schema = z.object({ bias: boolean.default(true), ...factoryOptions });

/** Options of `nn.Linear`. */
export interface LinearOptions extends FactoryOptions {
  /** Whether it has a bias. Default true. */
  bias?: boolean;
}

/**
 * `y = x W^T + b`: input `[..., inFeatures]`, output `[..., outFeatures]`.
 * Parameters `weight` [outFeatures, inFeatures] and `bias` [outFeatures], both drawn from U(-k, k), k = 1/sqrt(inFeatures),
 * weight first (`torch.nn.Linear`).
 */
export class Linear extends Layer {
  /** Size of the inputs. */
  readonly inFeatures: number;
  /** Size of the outputs. */
  readonly outFeatures: number;
  /** [outFeatures, inFeatures]. */
  declare weight: Parameter;
  /** [outFeatures]; null without. */
  declare bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options?: LinearOptions) {
    const o = parseOptions('nn.Linear', schema, options);
    const width = parseArgument('nn.Linear', 'inFeatures', positiveInteger, inFeatures);
    const outputs = parseArgument('nn.Linear', 'outFeatures', positiveInteger, outFeatures);
    const weight = emptyParameter([outputs, width], o);
    const bias = o.bias ? emptyParameter([outputs], o) : null;
    resetLinear(weight, bias);
    super(
      scriptModule('Linear', {
        parameters: { weight, bias },
        source: returns('torch.linear(input, self.weight, self.bias)'),
      }),
      keywords({ in_features: `${width}`, out_features: `${outputs}`, bias: python(o.bias) }),
    );
    this.inFeatures = width;
    this.outFeatures = outputs;
  }
}

/**
 * `y_k = x1^T W_k x2 + b_k`: inputs `[..., in1Features]` and `[..., in2Features]`, output `[..., outFeatures]`. Parameters
 * `weight` [outFeatures, in1Features, in2Features] and `bias` [outFeatures], drawn from U(-k, k), k = 1/sqrt(in1Features)
 * (`torch.nn.Bilinear`).
 */
export class Bilinear extends Module {
  /** [outFeatures, in1Features, in2Features]. */
  declare weight: Parameter;
  /** [outFeatures]; null without. */
  declare bias: Parameter | null;

  constructor(in1Features: number, in2Features: number, outFeatures: number, options?: LinearOptions) {
    const o = parseOptions('nn.Bilinear', schema, options);
    const first = parseArgument('nn.Bilinear', 'in1Features', positiveInteger, in1Features);
    const second = parseArgument('nn.Bilinear', 'in2Features', positiveInteger, in2Features);
    const outputs = parseArgument('nn.Bilinear', 'outFeatures', positiveInteger, outFeatures);
    const weight = emptyParameter([outputs, first, second], o);
    const bias = o.bias ? emptyParameter([outputs], o) : null;
    const bound = 1 / Math.sqrt(first);
    for (const parameter of [weight, bias]) if (parameter) uniform_(parameter, { a: -bound, b: bound });
    super(
      scriptModule('Bilinear', {
        parameters: { weight, bias },
        source:
          'def forward(self, input1: Tensor, input2: Tensor) -> Tensor:\n' +
          '  return torch.bilinear(input1, input2, self.weight, self.bias)\n',
      }),
      keywords({
        in1_features: `${first}`,
        in2_features: `${second}`,
        out_features: `${outputs}`,
        bias: python(o.bias),
      }),
    );
  }

  /** @throws ERR_BUSY, ERR_TORCH */
  override forward(input1: Tensor, input2: Tensor): Tensor {
    return runScript(this, input1, input2) as Tensor;
  }
}
runsTorchScript(Bilinear.prototype.forward);
