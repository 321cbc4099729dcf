import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, instanceOf, integer, parseArgument, parseOptions, positiveInteger } from '../options';
import { noGrad } from '../tensor/grad-mode';
import { Tensor } from '../tensor/tensor';
import { emptyParameter, type FactoryOptions, factoryOptions } from './factory';
import { normal_ } from './init';
import { Module, runScript, runsTorchScript } from './module';
import { Parameter } from './parameter';
import { float, keywords, python } from './repr';
import { Layer, scriptModule } from './script-module';

const positiveNumber = z.number('a positive number').positive('a positive number');
const common = {
  paddingIdx: integer.nullable().default(null),
  maxNorm: positiveNumber.nullable().default(null),
  normType: positiveNumber.default(2),
  scaleGradByFreq: boolean.default(false),
  sparse: boolean.default(false),
};
const schema = z.object({ ...common, ...factoryOptions });
const pretrainedSchema = z.object({ ...common, freeze: boolean.default(true) });
type Common = Omit<z.output<typeof pretrainedSchema>, 'freeze'>;
const bagSchema = z.object({
  ...common,
  ...factoryOptions,
  mode: z.enum(['sum', 'mean', 'max'], '"sum", "mean" or "max"').default('mean'),
  includeLastOffset: boolean.default(false),
});

/** Options of `nn.Embedding`. */
export interface EmbeddingOptions extends FactoryOptions {
  /** The row that gets no gradient, at first 0; counted from the end where negative. Default null: none. */
  paddingIdx?: number | null;
  /** Rows whose norm is larger are scaled to it, in place, when they are looked up. Default null: never. */
  maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  normType?: number;
  /** Whether gradients are divided by how often their row is looked up in the mini-batch. Default false. */
  scaleGradByFreq?: boolean;
  /** Whether the gradient of `weight` is a sparse tensor. Default false. */
  sparse?: boolean;
}

/** Options of `nn.EmbeddingBag`. */
export interface EmbeddingBagOptions extends EmbeddingOptions {
  /** What becomes of the rows of a bag: "mean" (default), "sum" or "max". */
  mode?: 'sum' | 'mean' | 'max';
  /** Whether `offsets` ends with the number of indices. Default false. */
  includeLastOffset?: boolean;
}

/** The padding row counted from 0; -1 for none. */
function paddingRow(operation: string, paddingIdx: number | null, rows: number): number {
  if (paddingIdx === null) return -1;
  if (paddingIdx >= -rows && paddingIdx < rows) return paddingIdx < 0 ? rows + paddingIdx : paddingIdx;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected paddingIdx to be within numEmbeddings ${rows}, got ${paddingIdx}`,
  );
}

function newWeight(rows: number, width: number, padding: number, o: Required<FactoryOptions>): Parameter {
  const weight = emptyParameter([rows, width], o);
  normal_(weight);
  if (padding >= 0) noGrad(() => weight.select(0, padding).zero_());
  return weight;
}

const renormalise = ({ maxNorm, normType }: Common) =>
  maxNorm === null
    ? ''
    : `  torch.embedding_renorm_(self.weight.detach(), input.contiguous(), ${float(maxNorm)}, ${float(normType)})\n`;

const shown = (o: Common, padding: number) => ({
  padding_idx: padding < 0 ? undefined : `${padding}`,
  max_norm: o.maxNorm === null ? undefined : float(o.maxNorm),
  norm_type: o.normType === 2 ? undefined : float(o.normType),
  scale_grad_by_freq: o.scaleGradByFreq ? 'True' : undefined,
});

/** A given weight, made by `fromPretrained`, takes the place of a drawn one. */
let pretrained: Parameter | null = null;

/**
 * Rows of a table (`torch.nn.Embedding`): indices, int64 or int32 of any shape `[...]`, to `[..., embeddingDim]`. Parameter
 * `weight` [numEmbeddings, embeddingDim], drawn from N(0, 1).
 * @throws ERR_TORCH in `forward` for an index outside the table
 */
export class Embedding extends Layer {
  /** [numEmbeddings, embeddingDim]. */
  declare weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options?: EmbeddingOptions) {
    const rows = parseArgument('nn.Embedding', 'numEmbeddings', positiveInteger, numEmbeddings);
    const width = parseArgument('nn.Embedding', 'embeddingDim', positiveInteger, embeddingDim);
    const o = parseOptions('nn.Embedding', schema, options);
    const padding = paddingRow('nn.Embedding', o.paddingIdx, rows);
    super(
      scriptModule('Embedding', {
        parameters: { weight: pretrained ?? newWeight(rows, width, padding, o) },
        source:
          `def forward(self, input: Tensor) -> Tensor:\n${renormalise(o)}` +
          `  return torch.embedding(self.weight, input, ${padding}, ${python(o.scaleGradByFreq)}, ${python(o.sparse)})\n`,
      }),
      `${rows}, ${width}` + suffix({ ...shown(o, padding), sparse: o.sparse ? 'True' : undefined }),
    );
  }

  /**
   * A layer with a given table, which it shares (`torch.nn.Embedding.from_pretrained`).
   * @param embeddings `[numEmbeddings, embeddingDim]`
   * @param options those of the constructor but `device` and `dtype`, and `freeze` (default true): the table is not trained
   * @throws ERR_INVALID_ARG_TYPE, ERR_SHAPE, ERR_UNKNOWN_OPTION
   */
  static fromPretrained(
    embeddings: Tensor,
    options?: Omit<EmbeddingOptions, keyof FactoryOptions> & { freeze?: boolean },
  ): Embedding {
    const operation = 'nn.Embedding.fromPretrained';
    const { freeze, ...others } = parseOptions(operation, pretrainedSchema, options);
    const { shape } = parseArgument(operation, 'embeddings', instanceOf(Tensor, 'a Tensor'), embeddings);
    if (shape.length !== 2) {
      throw new ContinualTorchError('ERR_SHAPE', `${operation}: expected 2 dimensions, got shape [${shape.join(', ')}]`);
    }
    pretrained = new Parameter(embeddings, { requiresGrad: !freeze });
    try {
      return new Embedding(shape[0]!, shape[1]!, others);
    } finally {
      pretrained = null;
    }
  }
}

const suffix = (values: Record<string, string | undefined>) => {
  const text = keywords(values);
  return text === '' ? '' : `, ${text}`;
};

/**
 * Sums, means or maxima of rows of a table (`torch.nn.EmbeddingBag`): indices `[B, n]`, a bag each row, or `[n]` with the
 * position at which each bag begins in `offsets` [B], to `[B, embeddingDim]`. Parameter `weight` as in `Embedding`.
 */
export class EmbeddingBag extends Module {
  /** [numEmbeddings, embeddingDim]. */
  declare weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options?: EmbeddingBagOptions) {
    const rows = parseArgument('nn.EmbeddingBag', 'numEmbeddings', positiveInteger, numEmbeddings);
    const width = parseArgument('nn.EmbeddingBag', 'embeddingDim', positiveInteger, embeddingDim);
    const o = parseOptions('nn.EmbeddingBag', bagSchema, options);
    const padding = paddingRow('nn.EmbeddingBag', o.paddingIdx, rows);
    if (o.mode === 'max' && (o.scaleGradByFreq || o.sparse)) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        'nn.EmbeddingBag: expected neither scaleGradByFreq nor sparse with mode "max"',
      );
    }
    const mode = ['sum', 'mean', 'max'].indexOf(o.mode);
    const call = (last: string) =>
      `torch.embedding_bag(self.weight, indices, starts, ${python(o.scaleGradByFreq)}, ${mode}, ${python(o.sparse)}, weights, ${last}, ${padding < 0 ? 'None' : padding})[0]`;
    const source = `
def forward(self, input: Tensor, offsets: Optional[Tensor] = None, per_sample_weights: Optional[Tensor] = None) -> Tensor:
  weights = per_sample_weights
  if weights is not None:
    assert ${o.mode === 'sum' ? 'True' : 'False'}, "EmbeddingBag: expected mode sum with per_sample_weights"
    assert input.size() == weights.size(), "EmbeddingBag: expected a weight for each index"
${renormalise(o)}  if input.dim() == 2:
    assert offsets is None, "EmbeddingBag: expected no offsets with an input of 2 dimensions"
    starts = torch.arange(0, input.numel(), input.size(1), dtype=input.dtype, device=input.device)
    indices = input.reshape([-1])
    if weights is not None:
      weights = weights.reshape([-1])
    return ${call('False')}
  assert input.dim() == 1, "EmbeddingBag: expected an input of 1 or 2 dimensions, got {}".format(input.dim())
  assert offsets is not None, "EmbeddingBag: expected offsets with an input of 1 dimension"
  assert input.numel() == 0 or offsets.numel() > ${o.includeLastOffset ? 1 : 0}, "EmbeddingBag: expected at least one bag for {} indices, got none".format(input.numel())
  indices = input
  starts = offsets
  return ${call(python(o.includeLastOffset))}
`;
    super(
      scriptModule('EmbeddingBag', { parameters: { weight: newWeight(rows, width, padding, o) }, source }),
      `${rows}, ${width}` +
        suffix({
          max_norm: shown(o, padding).max_norm,
          norm_type: shown(o, padding).norm_type,
          scale_grad_by_freq: shown(o, padding).scale_grad_by_freq,
          mode: python(o.mode),
          padding_idx: shown(o, padding).padding_idx,
        }),
    );
  }

  /**
   * @param offsets int64 `[B]`, for indices of one dimension
   * @param perSampleWeights a factor for each index, with mode "sum"
   * @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE
   */
  override forward(input: Tensor, offsets: Tensor | null = null, perSampleWeights: Tensor | null = null): Tensor {
    return runScript(this, input, offsets, perSampleWeights) as Tensor;
  }
}
runsTorchScript(EmbeddingBag.prototype.forward);
