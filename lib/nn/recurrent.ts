import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { boolean, nonNegativeInteger, parseArgument, parseOptions, positiveInteger, unitInterval } from '../options';
import type { Tensor } from '../tensor/tensor';
import { emptyParameter, type FactoryOptions, factoryOptions } from './factory';
import { uniform_ } from './init';
import { Module, runScript, runsTorchScript } from './module';
import type { Parameter } from './parameter';
import { float, keywords, python } from './repr';
import { scriptModule } from './script-module';

const common = {
  numLayers: positiveInteger.default(1),
  bias: boolean.default(true),
  batchFirst: boolean.default(false),
  dropout: unitInterval.default(0),
  bidirectional: boolean.default(false),
  ...factoryOptions,
};
const nonlinearity = z.enum(['tanh', 'relu'], '"tanh" or "relu"').default('tanh');
const schemas = {
  RNN: z.object({ ...common, nonlinearity }),
  GRU: z.object(common),
  LSTM: z.object({ ...common, projSize: nonNegativeInteger.default(0) }),
};
const cell = { bias: boolean.default(true), ...factoryOptions };
const cellSchemas = {
  RNNCell: z.object({ ...cell, nonlinearity }),
  GRUCell: z.object(cell),
  LSTMCell: z.object(cell),
};

/** Options of `nn.GRU`, and of the other recurrent layers. */
export interface RecurrentOptions extends FactoryOptions {
  /** Layers one above the other. Default 1. */
  numLayers?: number;
  /** Default true. */
  bias?: boolean;
  /** Whether inputs and outputs are `[B, L, ...]` rather than `[L, B, ...]`. Default false. */
  batchFirst?: boolean;
  /** Probability of dropout between layers, in train mode. Default 0. */
  dropout?: number;
  /** Whether there is a second direction, from the end to the beginning. Default false. */
  bidirectional?: boolean;
}

/** Options of `nn.RNN`. */
export interface RNNOptions extends RecurrentOptions {
  /** "tanh" (default) or "relu". */
  nonlinearity?: 'tanh' | 'relu';
}

/** Options of `nn.LSTM`. */
export interface LSTMOptions extends RecurrentOptions {
  /** Width to which the output is projected; 0, the default: not at all. */
  projSize?: number;
}

interface Sizes extends Required<RecurrentOptions> {
  input: number;
  hidden: number;
  projSize: number;
}

/** The weights of all layers and directions in PyTorch's order, drawn from U(-k, k), k = 1/sqrt(hidden size). */
function newWeights(gates: number, o: Sizes): Record<string, Parameter> {
  const weights: Record<string, Parameter> = {};
  const directions = o.bidirectional ? ['', '_reverse'] : [''];
  const output = o.projSize || o.hidden;
  for (let layer = 0; layer < o.numLayers; layer++) {
    const width = layer === 0 ? o.input : output * directions.length;
    for (const direction of directions) {
      const name = (kind: string) => `${kind}_l${layer}${direction}`;
      weights[name('weight_ih')] = emptyParameter([gates * o.hidden, width], o);
      weights[name('weight_hh')] = emptyParameter([gates * o.hidden, output], o);
      if (o.bias) {
        weights[name('bias_ih')] = emptyParameter([gates * o.hidden], o);
        weights[name('bias_hh')] = emptyParameter([gates * o.hidden], o);
      }
      if (o.projSize > 0) weights[name('weight_hr')] = emptyParameter([o.projSize, o.hidden], o);
    }
  }
  draw(Object.values(weights), o.hidden);
  return weights;
}

function draw(parameters: Parameter[], hidden: number): void {
  const bound = 1 / Math.sqrt(hidden);
  for (const parameter of parameters) uniform_(parameter, { a: -bound, b: bound });
}

/** What `forward` does, for a batch or for one sequence; `hx` is absent, or a state for each layer and direction. */
function sequenceSource(name: string, operator: string, o: Sizes, weights: string[]): string {
  const isLstm = name === 'LSTM';
  const states = isLstm ? ['h', 'c'] : ['h'];
  const widths = isLstm ? [o.projSize || o.hidden, o.hidden] : [o.hidden];
  const count = o.numLayers * (o.bidirectional ? 2 : 1);
  const batchDim = o.batchFirst ? 0 : 1;
  const stateType = isLstm ? 'Tuple[Tensor, Tensor]' : 'Tensor';
  const zeros = states.map((s, i) => `    ${s} = torch.zeros([${count}, batch.size(${batchDim}), ${widths[i]}], dtype=input.dtype, device=input.device)\n`);
  const given = isLstm ? '    h, c = hx\n' : '    h = hx\n';
  const lifted = states.map((s) => `    ${s} = ${s} if is_batch else ${s}.unsqueeze(1)\n`);
  const checks = states.map(
    (s, i) =>
      `  assert ${s}.size() == [${count}, batch.size(${batchDim}), ${widths[i]}], "${name}: Expected hidden${isLstm ? `[${i}]` : ''} size {}, got {}".format([${count}, batch.size(${batchDim}), ${widths[i]}], ${s}.size())\n`,
  );
  const list = `[${weights.map((weight) => `self.${weight}`).join(', ')}]`;
  const rest = `${list}, ${python(o.bias)}, ${o.numLayers}, ${float(o.dropout)}, self.training, ${python(o.bidirectional)}, ${python(o.batchFirst)}`;
  const result = isLstm
    ? `  output, h, c = torch.lstm(batch, [h, c], ${rest})
  if is_batch:
    return output, (h, c)
  return output.squeeze(${batchDim}), (h.squeeze(1), c.squeeze(1))
`
    : `  output, h = torch.${operator}(batch, h, ${rest})
  if is_batch:
    return output, h
  return output.squeeze(${batchDim}), h.squeeze(1)
`;
  return `
def forward(self, input: Tensor, hx: Optional[${stateType}] = None) -> Tuple[Tensor, ${stateType}]:
  is_batch = input.dim() == 3
  assert is_batch or input.dim() == 2, "${name}: Expected input to be 2D or 3D, got {}D instead".format(input.dim())
  assert input.size(-1) == ${o.input}, "${name}: input.size(-1) must be equal to input_size. Expected ${o.input}, got {}".format(input.size(-1))
  batch = input if is_batch else input.unsqueeze(${batchDim})
  if hx is None:
${zeros.join('')}  else:
${given}${lifted.join('')}${checks.join('')}${result}`;
}

const lower = { RNN: 'rnn', GRU: 'gru', LSTM: 'lstm' };
const gatesOf = { RNN: 1, GRU: 3, LSTM: 4 };
type Kind = keyof typeof schemas;

abstract class Recurrent<State> extends Module<[output: Tensor, state: State]> {
  constructor(kind: Kind, inputSize: number, hiddenSize: number, options: unknown) {
    const input = parseArgument(`nn.${kind}`, 'inputSize', positiveInteger, inputSize);
    const hidden = parseArgument(`nn.${kind}`, 'hiddenSize', positiveInteger, hiddenSize);
    const parsed = parseOptions(`nn.${kind}`, schemas[kind], options) as Required<RNNOptions & LSTMOptions>;
    const o: Sizes = { ...parsed, input, hidden, projSize: parsed.projSize ?? 0 };
    if (o.projSize >= hidden) {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `nn.${kind}: expected projSize to be smaller than hiddenSize ${hidden}, got ${o.projSize}`,
      );
    }
    const weights = newWeights(gatesOf[kind], o);
    const operator = kind === 'RNN' ? `rnn_${parsed.nonlinearity}` : lower[kind];
    super(
      scriptModule(kind, { parameters: weights, source: sequenceSource(kind, operator, o, Object.keys(weights)) }),
      `${input}, ${hidden}` +
        Object.entries({
          proj_size: o.projSize > 0 ? `${o.projSize}` : undefined,
          num_layers: o.numLayers === 1 ? undefined : `${o.numLayers}`,
          bias: o.bias ? undefined : 'False',
          batch_first: o.batchFirst ? 'True' : undefined,
          dropout: o.dropout === 0 ? undefined : float(o.dropout),
          bidirectional: o.bidirectional ? 'True' : undefined,
        })
          .map(([name, value]) => (value === undefined ? '' : `, ${name}=${value}`))
          .join(''),
    );
  }
}

/**
 * `h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)` (`torch.nn.RNN`): input `[L, B, inputSize]` (`[B, L, inputSize]` with
 * `batchFirst`, `[L, inputSize]` without a batch), output `[L, B, D hiddenSize]` and the last state
 * `[D numLayers, B, hiddenSize]`, D being 2 with `bidirectional`. Parameters `weight_ih_l0`, `weight_hh_l0`, `bias_ih_l0`,
 * `bias_hh_l0`, `weight_ih_l0_reverse`, ..., drawn from U(-k, k), k = 1/sqrt(hiddenSize).
 */
export class RNN extends Recurrent<Tensor> {
  constructor(inputSize: number, hiddenSize: number, options?: RNNOptions) {
    super('RNN', inputSize, hiddenSize, options);
  }

  /** @param hx the first state; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, hx: Tensor | null = null): [output: Tensor, hidden: Tensor] {
    return runScript(this, input, hx) as [Tensor, Tensor];
  }
}
runsTorchScript(RNN.prototype.forward);

/** Gated recurrent units (`torch.nn.GRU`), shapes as in `RNN`; rows of a weight are the gates r, z, n. */
export class GRU extends Recurrent<Tensor> {
  constructor(inputSize: number, hiddenSize: number, options?: RecurrentOptions) {
    super('GRU', inputSize, hiddenSize, options);
  }

  /** @param hx the first state; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, hx: Tensor | null = null): [output: Tensor, hidden: Tensor] {
    return runScript(this, input, hx) as [Tensor, Tensor];
  }
}
runsTorchScript(GRU.prototype.forward);

/** Long short-term memory (`torch.nn.LSTM`), shapes as in `RNN`; rows of a weight are the gates i, f, g, o. */
export class LSTM extends Recurrent<[hidden: Tensor, cell: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options?: LSTMOptions) {
    super('LSTM', inputSize, hiddenSize, options);
  }

  /** @param hx the first hidden and cell state; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(
    input: Tensor,
    hx: readonly [hidden: Tensor, cell: Tensor] | null = null,
  ): [output: Tensor, state: [hidden: Tensor, cell: Tensor]] {
    return runScript(this, input, hx) as [Tensor, [Tensor, Tensor]];
  }
}
runsTorchScript(LSTM.prototype.forward);

abstract class Cell<State = Tensor> extends Module<State> {
  /** [gates hiddenSize, inputSize]. */
  declare weightIh: Parameter;
  /** [gates hiddenSize, hiddenSize]. */
  declare weightHh: Parameter;
  /** [gates hiddenSize]; null without. */
  declare biasIh: Parameter | null;
  /** [gates hiddenSize]; null without. */
  declare biasHh: Parameter | null;

  constructor(kind: Kind, inputSize: number, hiddenSize: number, options: unknown) {
    const name = `${kind}Cell` as const;
    const input = parseArgument(`nn.${name}`, 'inputSize', positiveInteger, inputSize);
    const hidden = parseArgument(`nn.${name}`, 'hiddenSize', positiveInteger, hiddenSize);
    const o = parseOptions(`nn.${name}`, cellSchemas[name], options) as Required<CellOptions> & { nonlinearity?: string };
    const rows = gatesOf[kind] * hidden;
    const parameters = {
      weight_ih: emptyParameter([rows, input], o),
      weight_hh: emptyParameter([rows, hidden], o),
      bias_ih: o.bias ? emptyParameter([rows], o) : null,
      bias_hh: o.bias ? emptyParameter([rows], o) : null,
    };
    draw(Object.values(parameters).filter((parameter) => parameter !== null), hidden);
    const operator = `${kind === 'RNN' ? `rnn_${o.nonlinearity}` : lower[kind]}_cell`;
    super(
      scriptModule(name, { parameters, source: cellSource(kind, operator, input, hidden) }),
      `${input}, ${hidden}` +
        [keywords({ bias: o.bias ? undefined : 'False', nonlinearity: o.nonlinearity && o.nonlinearity !== 'tanh' ? o.nonlinearity : undefined })]
          .map((text) => (text === '' ? '' : `, ${text}`))
          .join(''),
    );
  }
}

function cellSource(kind: Kind, operator: string, input: number, hidden: number): string {
  const isLstm = kind === 'LSTM';
  const type = isLstm ? 'Tuple[Tensor, Tensor]' : 'Tensor';
  const weights = 'self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh';
  const zeros = (name: string) => `    ${name} = torch.zeros([batch.size(0), ${hidden}], dtype=input.dtype, device=input.device)\n`;
  const lifted = (name: string) => `    ${name} = ${name} if is_batch else ${name}.unsqueeze(0)\n`;
  return `
def forward(self, input: Tensor, hx: Optional[${type}] = None) -> ${type}:
  is_batch = input.dim() == 2
  assert is_batch or input.dim() == 1, "${kind}Cell: Expected input to be 1D or 2D, got {}D instead".format(input.dim())
  assert input.size(-1) == ${input}, "${kind}Cell: expected an input of ${input} features, got {}".format(input.size(-1))
  batch = input if is_batch else input.unsqueeze(0)
  if hx is None:
${zeros('h')}${isLstm ? zeros('c') : ''}  else:
${isLstm ? '    h, c = hx\n' : '    h = hx\n'}${lifted('h')}${isLstm ? lifted('c') : ''}${
    isLstm
      ? `  h, c = torch.lstm_cell(batch, [h, c], ${weights})
  if is_batch:
    return (h, c)
  return (h.squeeze(0), c.squeeze(0))
`
      : `  h = torch.${operator}(batch, h, ${weights})
  return h if is_batch else h.squeeze(0)
`
  }`;
}

/** Options of `nn.LSTMCell` and `nn.GRUCell`. */
export interface CellOptions extends FactoryOptions {
  /** Default true. */
  bias?: boolean;
}

/** One step of an `RNN` (`torch.nn.RNNCell`): input `[B, inputSize]` or `[inputSize]`, state `[B, hiddenSize]`. */
export class RNNCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options?: CellOptions & { nonlinearity?: 'tanh' | 'relu' }) {
    super('RNN', inputSize, hiddenSize, options);
  }

  /** The next state. @param hx the state; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return runScript(this, input, hx) as Tensor;
  }
}
runsTorchScript(RNNCell.prototype.forward);

/** One step of a `GRU` (`torch.nn.GRUCell`), shapes as in `RNNCell`. */
export class GRUCell extends Cell {
  constructor(inputSize: number, hiddenSize: number, options?: CellOptions) {
    super('GRU', inputSize, hiddenSize, options);
  }

  /** The next state. @param hx the state; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    return runScript(this, input, hx) as Tensor;
  }
}
runsTorchScript(GRUCell.prototype.forward);

/** One step of an `LSTM` (`torch.nn.LSTMCell`), shapes as in `RNNCell`. */
export class LSTMCell extends Cell<[hidden: Tensor, cell: Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options?: CellOptions) {
    super('LSTM', inputSize, hiddenSize, options);
  }

  /** The next states. @param hx the states; default zeros. @throws ERR_BUSY, ERR_TORCH, ERR_INVALID_ARG_TYPE */
  override forward(input: Tensor, hx: readonly [hidden: Tensor, cell: Tensor] | null = null): [hidden: Tensor, cell: Tensor] {
    return runScript(this, input, hx) as [Tensor, Tensor];
  }
}
runsTorchScript(LSTMCell.prototype.forward);
