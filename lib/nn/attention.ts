import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, instanceOf, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import { Tensor } from '../tensor/tensor';
import { emptyParameter, type FactoryOptions, factoryOptions } from './factory';
import { xavierNormal_, xavierUniform_, zeros_ } from './init';
import { Linear } from './linear';
import { type AnyModule, Module, runScript, runsTorchScript } from './module';
import type { Parameter } from './parameter';
import { float } from './repr';
import { scriptModule } from './script-module';

const schema = z.object({
  dropout: unitInterval.default(0),
  bias: boolean.default(true),
  addBiasKv: boolean.default(false),
  addZeroAttn: boolean.default(false),
  kdim: positiveInteger.nullable().default(null),
  vdim: positiveInteger.nullable().default(null),
  batchFirst: boolean.default(false),
  ...factoryOptions,
});

/** Options of `nn.MultiheadAttention`. */
export interface MultiheadAttentionOptions extends FactoryOptions {
  /** Probability of dropout of the attention weights, in train mode. Default 0. */
  dropout?: number;
  /** Default true. */
  bias?: boolean;
  /** Whether a trained key and value are added to the others. Default false. */
  addBiasKv?: boolean;
  /** Whether a key and value of zeros are added. Default false. */
  addZeroAttn?: boolean;
  /** Width of keys. Default embedDim. */
  kdim?: number | null;
  /** Width of values. Default embedDim. */
  vdim?: number | null;
  /** Whether inputs and output are `[B, L, E]` rather than `[L, B, E]`. Default false. */
  batchFirst?: boolean;
}

/** @internal */
export const mask = instanceOf(Tensor, 'a Tensor or null').nullable().default(null);
const callSchema = z.object({
  keyPaddingMask: mask,
  needWeights: boolean.default(true),
  attnMask: mask,
  averageAttnWeights: boolean.default(true),
  isCausal: boolean.default(false),
});

/** Options of `nn.MultiheadAttention.forward`. */
export interface AttentionOptions {
  /** `[B, S]`: true (or -inf) where a key is not looked at. */
  keyPaddingMask?: Tensor | null;
  /** Whether the attention weights are returned. Default true. */
  needWeights?: boolean;
  /** `[L, S]` or `[B numHeads, L, S]`: true where attention is not allowed, or numbers that are added. */
  attnMask?: Tensor | null;
  /** Whether the weights are averaged over the heads. Default true. */
  averageAttnWeights?: boolean;
  /** Says that `attnMask` is the causal mask, which may then be computed faster. Default false. */
  isCausal?: boolean;
}

/** The projection at the end, under PyTorch's name. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention with several heads (`torch.nn.MultiheadAttention`; Vaswani et al., "Attention is all you need", 2017): queries
 * `[L, B, E]`, keys `[S, B, kdim]`, values `[S, B, vdim]` to `[L, B, E]` (batch first with `batchFirst`, no B without a
 * batch), and the weights `[B, L, S]`. Parameters `in_proj_weight` [3 E, E] (or `q_proj_weight`, `k_proj_weight`,
 * `v_proj_weight`), `in_proj_bias`, `out_proj.weight`, `out_proj.bias`, `bias_k`, `bias_v`.
 * @throws ERR_INVALID_ARG_VALUE where numHeads does not divide embedDim
 */
export class MultiheadAttention extends Module<[output: Tensor, weights: Tensor | null]> {
  /** The projection at the end: a module with a `weight` [embedDim, embedDim] and a `bias`, which are used in place of its forward. */
  declare outProj: AnyModule;
  /** [3 embedDim, embedDim]; null where keys or values have another width. */
  declare inProjWeight: Parameter | null;
  /** [3 embedDim]; null without bias. */
  declare inProjBias: Parameter | null;

  constructor(embedDim: number, numHeads: number, options?: MultiheadAttentionOptions) {
    const name = 'nn.MultiheadAttention';
    const embed = parseArgument(name, 'embedDim', positiveInteger, embedDim);
    const heads = parseArgument(name, 'numHeads', positiveInteger, numHeads);
    const o = parseOptions(name, schema, options);
    if (embed % heads !== 0) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `${name}: expected numHeads to divide embedDim, got ${heads} and ${embed}`,
      );
    }
    const [kdim, vdim] = [o.kdim ?? embed, o.vdim ?? embed];
    const isPacked = kdim === embed && vdim === embed;
    const { bias, device, dtype } = o;
    const outProj = new NonDynamicallyQuantizableLinear(embed, embed, { bias, device, dtype });
    const parameters = {
      in_proj_weight: isPacked ? emptyParameter([3 * embed, embed], o) : null,
      q_proj_weight: isPacked ? null : emptyParameter([embed, embed], o),
      k_proj_weight: isPacked ? null : emptyParameter([embed, kdim], o),
      v_proj_weight: isPacked ? null : emptyParameter([embed, vdim], o),
      in_proj_bias: bias ? emptyParameter([3 * embed], o) : null,
      bias_k: o.addBiasKv ? emptyParameter([1, 1, embed], o) : null,
      bias_v: o.addBiasKv ? emptyParameter([1, 1, embed], o) : null,
    };
    const { in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight, in_proj_bias, bias_k, bias_v } = parameters;
    for (const weight of [in_proj_weight, q_proj_weight, k_proj_weight, v_proj_weight]) if (weight) xavierUniform_(weight);
    for (const zero of [in_proj_bias, outProj.bias]) if (zero) zeros_(zero);
    for (const extra of [bias_k, bias_v]) if (extra) xavierNormal_(extra);
    const children = { out_proj: outProj };
    const source = attentionSource(embed, heads, isPacked, o);
    super(scriptModule('MultiheadAttention', { children, parameters, source, readsChildren: true }));
  }

  /**
   * @returns the output, and the attention weights, null with `needWeights: false`
   * @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION
   */
  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    options?: AttentionOptions,
  ): [output: Tensor, weights: Tensor | null] {
    const o = parseOptions('nn.MultiheadAttention.forward', callSchema, options);
    const rest = [o.keyPaddingMask, o.needWeights, o.attnMask, o.averageAttnWeights, o.isCausal];
    return runScript(this, query, key, value, ...rest) as [Tensor, Tensor | null];
  }
}
runsTorchScript(MultiheadAttention.prototype.forward);

/** `torch.nn.functional.multi_head_attention_forward` for one set of options. Dtype 11 is bool. */
function attentionSource(embed: number, heads: number, isPacked: boolean, o: z.output<typeof schema>): string {
  const width = embed / heads;
  const separate = isPacked
    ? 'w = self.in_proj_weight.chunk(3)\n    w_q, w_k, w_v = w[0], w[1], w[2]'
    : 'w_q, w_k, w_v = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight';
  const biases = o.bias
    ? '\n    b = self.in_proj_bias.chunk(3)\n    q, k, v = torch.linear(query, w_q, b[0]), torch.linear(key, w_k, b[1]), torch.linear(value, w_v, b[2])'
    : '\n    q, k, v = torch.linear(query, w_q, None), torch.linear(key, w_k, None), torch.linear(value, w_v, None)';
  const together = `
  if is_self:
    packed = torch.linear(query, self.in_proj_weight, self.in_proj_bias)
    packed = packed.unflatten(-1, [3, ${embed}]).unsqueeze(0).transpose(0, -2).squeeze(-2).contiguous()
    q, k, v = packed[0], packed[1], packed[2]
  else:
    ${separate}${biases}`;
  const widened = `
  if mask is not None:
    mask = torch.constant_pad_nd(mask, [0, 1])
  if padding is not None:
    padding = torch.constant_pad_nd(padding, [0, 1])`;
  return `
def canonical_mask(self, mask: Optional[Tensor], dtype: int, name: str) -> Optional[Tensor]:
  if mask is None:
    return None
  if mask.is_floating_point():
    return mask
  assert mask.dtype == 11, "MultiheadAttention: expected {} of bool or floating-point numbers".format(name)
  return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, float("-inf"))

def forward(self, query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Optional[Tensor] = None,
            need_weights: bool = True, attn_mask: Optional[Tensor] = None, average_attn_weights: bool = True,
            is_causal: bool = False) -> Tuple[Tensor, Optional[Tensor]]:
  is_self = ${isPacked ? 'query is key and key is value' : 'False'}
  is_batch = query.dim() == 3
  assert is_batch or query.dim() == 2, "MultiheadAttention: expected a query of 2 or 3 dimensions, got {}".format(query.dim())
  assert key.dim() == query.dim() and value.dim() == query.dim(), "MultiheadAttention: expected query, key and value of as many dimensions"
  assert query.size(-1) == ${embed}, "MultiheadAttention: expected a query of width ${embed}, got {}".format(query.size(-1))
  if is_batch:
    ${o.batchFirst ? 'query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)' : 'pass'}
  else:
    query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
    if key_padding_mask is not None:
      key_padding_mask = key_padding_mask.unsqueeze(0)
  length, batch, source = query.size(0), query.size(1), key.size(0)
  assert key.size(0) == value.size(0) and key.size(1) == value.size(1), "MultiheadAttention: expected keys and values of the same length and batch"
  padding = self.canonical_mask(key_padding_mask, query.dtype, "key_padding_mask")
  assert not is_causal or attn_mask is not None, "MultiheadAttention: Need attn_mask if specifying the is_causal hint."
  mask = self.canonical_mask(attn_mask, query.dtype, "attn_mask")
  if is_causal and padding is None and not need_weights:
    mask = None
  else:
    is_causal = False
  if mask is not None:
    if mask.dim() == 2:
      mask = mask.unsqueeze(0)
    assert mask.dim() == 3 and mask.size(1) == length and mask.size(2) == source, "MultiheadAttention: expected attn_mask of shape [{}, {}], got {}".format(length, source, mask.size())
${isPacked ? together.slice(1) : `  if True:\n    ${separate}${biases}`}
${o.addBiasKv ? `  k = torch.cat([k, self.bias_k.repeat([1, batch, 1])])\n  v = torch.cat([v, self.bias_v.repeat([1, batch, 1])])${widened}` : ''}
  q = q.view([length, batch * ${heads}, ${width}]).transpose(0, 1)
  k = k.view([k.size(0), batch * ${heads}, ${width}]).transpose(0, 1)
  v = v.view([v.size(0), batch * ${heads}, ${width}]).transpose(0, 1)
${o.addZeroAttn ? `  nothing = torch.zeros([batch * ${heads}, 1, ${width}], dtype=k.dtype, device=k.device)\n  k = torch.cat([k, nothing], 1)\n  v = torch.cat([v, nothing], 1)${widened}` : ''}
  source = k.size(1)
  if padding is not None:
    assert padding.dim() == 2 and padding.size(0) == batch and padding.size(1) == source, "MultiheadAttention: expected key_padding_mask of shape [{}, {}], got {}".format(batch, source, padding.size())
    spread = padding.view([batch, 1, 1, source]).expand([-1, ${heads}, -1, -1]).reshape([batch * ${heads}, 1, source])
    if mask is None:
      mask = spread
    else:
      mask = mask + spread
  weights : Optional[Tensor] = None
  if need_weights:
    scaled = q * ${float(Math.sqrt(1 / width))}
    if mask is not None:
      attention = torch.baddbmm(mask, scaled, k.transpose(-2, -1))
    else:
      attention = torch.bmm(scaled, k.transpose(-2, -1))
    attention = torch.softmax(attention, -1)
    attention = torch.dropout(attention, ${float(o.dropout)}, self.training)
    output = torch.bmm(attention, v).transpose(0, 1).reshape([length * batch, ${embed}])
    attention = attention.view([batch, ${heads}, length, source])
    if average_attn_weights:
      attention = attention.mean(1)
    weights = attention if is_batch else attention.squeeze(0)
  else:
    if mask is not None:
      if mask.size(0) == 1:
        mask = mask.unsqueeze(0)
      else:
        mask = mask.view([batch, ${heads}, -1, source])
    q = q.view([batch, ${heads}, length, ${width}])
    k = k.view([batch, ${heads}, source, ${width}])
    v = v.view([batch, ${heads}, source, ${width}])
    output = torch.scaled_dot_product_attention(q, k, v, mask, ${float(o.dropout)} if self.training else 0.0, is_causal)
    output = output.permute([2, 0, 1, 3]).reshape([batch * length, ${embed}])
  output = torch.linear(output, self.out_proj.weight, self.out_proj.bias).view([length, batch, ${embed}])
  if not is_batch:
    return output.squeeze(1), weights
  return ${o.batchFirst ? 'output.transpose(1, 0)' : 'output'}, weights
`;
}
