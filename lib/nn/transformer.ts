import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../errors';
import { boolean, instanceOf, nonNegativeNumber, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { mask, MultiheadAttention } from './attention';
import { ModuleList } from './containers';
import { Dropout } from './dropout';
import { type FactoryOptions, factoryOptions } from './factory';
import { Linear } from './linear';
import { type AnyModule, isScripted, Module, runScript, runsTorchScript } from './module';
import { LayerNorm } from './normalization';
import { scriptModule } from './script-module';

const schema = z.object({
  dimFeedforward: positiveInteger.default(2048),
  dropout: unitInterval.default(0.1),
  activation: z.enum(['relu', 'gelu'], '"relu" or "gelu"').default('relu'),
  layerNormEps: nonNegativeNumber.default(1e-5),
  batchFirst: boolean.default(false),
  normFirst: boolean.default(false),
  bias: boolean.default(true),
  ...factoryOptions,
});

/** Options of `nn.TransformerEncoderLayer`. */
export interface TransformerEncoderLayerOptions extends FactoryOptions {
  /** Width of the hidden layer behind attention. Default 2048. */
  dimFeedforward?: number;
  /** Probability of dropout, in train mode. Default 0.1. */
  dropout?: number;
  /** Of the hidden layer: "relu" (default) or "gelu". */
  activation?: 'relu' | 'gelu';
  /** Default 1e-5. */
  layerNormEps?: number;
  /** Whether input and output are `[B, L, E]` rather than `[L, B, E]`. Default false. */
  batchFirst?: boolean;
  /** Whether normalisation comes before attention and hidden layer rather than behind. Default false. */
  normFirst?: boolean;
  /** Default true. */
  bias?: boolean;
}

const maskSchema = z.object({ srcMask: mask, srcKeyPaddingMask: mask, isCausal: boolean.default(false) });

/** Masks of `nn.TransformerEncoderLayer.forward` and `nn.TransformerEncoder.forward`. */
export interface EncoderLayerMasks {
  /** `[L, L]` or `[B nhead, L, L]`: true where attention is not allowed, or numbers that are added. */
  srcMask?: Tensor | null;
  /** `[B, L]`: true where a position is not looked at. */
  srcKeyPaddingMask?: Tensor | null;
  /** Says that `srcMask` is the causal mask. Default false. */
  isCausal?: boolean;
}

/**
 * Self-attention and a hidden layer, each with a shortcut and layer normalisation (`torch.nn.TransformerEncoderLayer`):
 * `[L, B, dModel]` to the same shape. Children `self_attn`, `linear1`, `dropout`, `linear2`, `norm1`, `norm2`, `dropout1`,
 * `dropout2`. Eval mode computes what train mode does, without PyTorch's fused kernel: equal but for rounding.
 */
export class TransformerEncoderLayer extends Module {
  /** The attention. */
  declare selfAttn: AnyModule;
  /** The first layer behind it. */
  declare linear1: AnyModule;
  /** Between the two layers. */
  declare dropout: AnyModule;
  /** The second layer. */
  declare linear2: AnyModule;
  /** The normalisation at the attention. */
  declare norm1: AnyModule;
  /** The normalisation at the layers. */
  declare norm2: AnyModule;
  /** Behind the attention. */
  declare dropout1: AnyModule;
  /** Behind the layers. */
  declare dropout2: AnyModule;

  constructor(dModel: number, nhead: number, options?: TransformerEncoderLayerOptions) {
    const name = 'nn.TransformerEncoderLayer';
    const width = parseArgument(name, 'dModel', positiveInteger, dModel);
    const heads = parseArgument(name, 'nhead', positiveInteger, nhead);
    const o = parseOptions(name, schema, options);
    const { dropout, batchFirst, normFirst, layerNormEps: eps, bias, device, dtype } = o;
    const common = { bias, device, dtype };
    const children = {
      self_attn: new MultiheadAttention(width, heads, { dropout, batchFirst, ...common }),
      linear1: new Linear(width, o.dimFeedforward, common),
      dropout: new Dropout(dropout),
      linear2: new Linear(o.dimFeedforward, width, common),
      norm1: new LayerNorm(width, { eps, ...common }),
      norm2: new LayerNorm(width, { eps, ...common }),
      dropout1: new Dropout(dropout),
      dropout2: new Dropout(dropout),
    };
    const attention = (x: string) =>
      `self.dropout1.forward(self.self_attn.forward(${x}, ${x}, ${x}, src_key_padding_mask, False, src_mask, True, is_causal)[0])`;
    const hidden = (x: string) =>
      `self.dropout2.forward(self.linear2.forward(self.dropout.forward(torch.${o.activation}(self.linear1.forward(${x})))))`;
    const body = normFirst
      ? `  y = self.norm1.forward(x)\n  x = x + ${attention('y')}\n  return x + ${hidden('self.norm2.forward(x)')}\n`
      : `  x = self.norm1.forward(x + ${attention('x')})\n  return self.norm2.forward(x + ${hidden('x')})\n`;
    const source = `
def forward(self, src: Tensor, src_mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
            is_causal: bool = False) -> Tensor:
  x = src
${body}`;
    const act = (x: Tensor) => ops.aten[o.activation]!(x) as Tensor;
    super(
      scriptModule<TransformerEncoderLayer>('TransformerEncoderLayer', {
        children,
        source,
        forward: (self, src: Tensor, attnMask: Tensor | null, keyPaddingMask: Tensor | null, isCausal: boolean) => {
          const options = { attnMask, keyPaddingMask, isCausal, needWeights: false };
          const attention = (x: Tensor) =>
            self.dropout1.forward((self.selfAttn.forward(x, x, x, options) as [Tensor, unknown])[0]) as Tensor;
          const hidden = (x: Tensor) =>
            self.dropout2.forward(self.linear2.forward(self.dropout.forward(act(self.linear1.forward(x) as Tensor)))) as Tensor;
          const norm1 = (x: Tensor) => self.norm1.forward(x) as Tensor;
          const norm2 = (x: Tensor) => self.norm2.forward(x) as Tensor;
          const x = normFirst ? src.add(attention(norm1(src))) : norm1(src.add(attention(src)));
          return normFirst ? x.add(hidden(norm2(x))) : norm2(x.add(hidden(x)));
        },
      }),
    );
  }

  /** @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION */
  override forward(src: Tensor, options?: EncoderLayerMasks): Tensor {
    const o = parseOptions('nn.TransformerEncoderLayer.forward', maskSchema, options);
    return runScript(this, src, o.srcMask, o.srcKeyPaddingMask, o.isCausal) as Tensor;
  }
}
runsTorchScript(TransformerEncoderLayer.prototype.forward);

const encoderSchema = z.object({ norm: instanceOf(Module, 'a Module or null').nullable().default(null) });
const encoderMaskSchema = z.object({ mask, srcKeyPaddingMask: mask, isCausal: boolean.default(false) });

/**
 * Encoder layers one behind the other (`torch.nn.TransformerEncoder`): copies `layers.0`, `layers.1`, ... of a layer, all
 * with its initial values, and `norm` behind them where it is given.
 */
export class TransformerEncoder extends Module {
  /** The layers in their order. */
  declare layers: ModuleList<AnyModule>;
  /** null: none. */
  declare norm: AnyModule | null;

  constructor(encoderLayer: TransformerEncoderLayer, numLayers: number, options?: { norm?: Module | null }) {
    const name = 'nn.TransformerEncoder';
    const count = parseArgument(name, 'numLayers', positiveInteger, numLayers);
    const { norm } = parseOptions(name, encoderSchema, options);
    if (!(encoderLayer instanceof TransformerEncoderLayer) || !isScripted(encoderLayer) || (norm && !isScripted(norm))) {
      const layerIsRight = encoderLayer instanceof TransformerEncoderLayer && isScripted(encoderLayer);
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        layerIsRight
          ? `${name}: expected norm to be a layer of nn, got ${describeValue(norm)}`
          : `${name}: expected encoderLayer to be an nn.TransformerEncoderLayer, got ${describeValue(encoderLayer)}; put layers of your own in an nn.ModuleList`,
      );
    }
    const layers = new ModuleList(Array.from({ length: count }, () => encoderLayer.clone()));
    super(
      scriptModule<TransformerEncoder>('TransformerEncoder', {
        children: { layers, norm },
        source: (children) => encoderSource((children.get('layers') as ModuleList).length, children.get('norm') !== null),
        forward: (self, src: Tensor, srcMask: Tensor | null, srcKeyPaddingMask: Tensor | null, isCausal: boolean) => {
          const options = { srcMask, srcKeyPaddingMask, isCausal };
          const output = [...self.layers].reduce((x: unknown, layer) => layer.forward(x, options), src);
          return self.norm ? self.norm.forward(output) : output;
        },
      }),
    );
  }

  /**
   * @param options `mask` as `srcMask` of a layer, `srcKeyPaddingMask`, `isCausal`
   * @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION
   */
  override forward(
    src: Tensor,
    options?: { mask?: Tensor | null; srcKeyPaddingMask?: Tensor | null; isCausal?: boolean },
  ): Tensor {
    const o = parseOptions('nn.TransformerEncoder.forward', encoderMaskSchema, options);
    return runScript(this, src, o.mask, o.srcKeyPaddingMask, o.isCausal) as Tensor;
  }
}
runsTorchScript(TransformerEncoder.prototype.forward);

const encoderSource = (layers: number, hasNorm: boolean) => `
def forward(self, src: Tensor, mask: Optional[Tensor] = None, src_key_padding_mask: Optional[Tensor] = None,
            is_causal: bool = False) -> Tensor:
  output = src
${Array.from(
  { length: layers },
  (_, i) => `  output = getattr(self.layers, "${i}").forward(output, mask, src_key_padding_mask, is_causal)\n`,
).join('')}  return ${hasNorm ? 'self.norm.forward(output)' : 'output'}
`;
