import { describe, it } from 'mocha';
import { type ErrorCode, nn, ops, type Tensor, tensor } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

const zeros = (...shape: number[]) => ops.aten.zeros!(shape) as Tensor;
const labels = (...values: number[]) => tensor(values, { dtype: 'int64' });
type Misuse = [what: string, make: () => unknown, code: ErrorCode, message: RegExp];
const wrong = (value: unknown) => value as never;

const constructors: Misuse[] = [
  ['Bilinear', () => new nn.Bilinear(1, 0, 1), 'ERR_INVALID_ARG_VALUE', /^nn\.Bilinear: expected in2Features to be a positive integer, got 0$/],
  ['Conv1d, a kernel of two numbers', () => new nn.Conv1d(1, 1, wrong([2, 2])), 'ERR_INVALID_ARG_VALUE', /^nn\.Conv1d: expected kernelSize.* an integer of at least 1, got/],
  ['Conv3d, a kernel of two numbers', () => new nn.Conv3d(1, 1, wrong([2, 2])), 'ERR_INVALID_ARG_VALUE', /three for depth, height and width/],
  ['Conv2d, padding in words', () => new nn.Conv2d(1, 1, 1, { padding: wrong('full') }), 'ERR_INVALID_ARG_VALUE', /expected padding to be .*"same" or "valid", got "full"$/],
  ['Conv2d, "same" with a stride', () => new nn.Conv2d(1, 1, 3, { padding: 'same', stride: 2 }), 'ERR_INVALID_ARG_VALUE', /stride 1 with padding "same", got \[2, 2\]/],
  ['Conv2d, paddingMode', () => new nn.Conv2d(1, 1, 3, { paddingMode: wrong('mirror') }), 'ERR_INVALID_ARG_VALUE', /one of zeros, reflect, replicate, circular, got "mirror"/],
  ['ConvTranspose1d, an option of Conv1d', () => new nn.ConvTranspose1d(1, 1, 2, wrong({ paddingMode: 'zeros' })), 'ERR_UNKNOWN_OPTION', /^nn\.ConvTranspose1d: unknown option "paddingMode"/],
  ['AvgPool1d, divisorOverride', () => new nn.AvgPool1d(2, wrong({ divisorOverride: 3 })), 'ERR_UNKNOWN_OPTION', /"divisorOverride"/],
  ['AdaptiveAvgPool2d', () => new nn.AdaptiveAvgPool2d(wrong([1, 2, 3])), 'ERR_INVALID_ARG_VALUE', /expected outputSize to be a positive integer or null, or 2 of these/],
  ['BatchNorm1d, momentum', () => new nn.BatchNorm1d(2, { momentum: -1 }), 'ERR_INVALID_ARG_VALUE', /momentum to be a number in \[0, 1\], got -1/],
  ['GroupNorm', () => new nn.GroupNorm(3, 4), 'ERR_INVALID_ARG_VALUE', /numGroups to divide numChannels, got 3 and 4/],
  ['LayerNorm', () => new nn.LayerNorm([]), 'ERR_INVALID_ARG_VALUE', /normalizedShape to be a positive integer, or an array of them/],
  ['Softmax', () => new nn.Softmax(wrong(1)), 'ERR_INVALID_ARG_TYPE', /^nn\.Softmax: expected options to be an object, got 1$/],
  ['LeakyReLU', () => new nn.LeakyReLU({ negativeSlope: wrong('1') }), 'ERR_INVALID_ARG_TYPE', /expected negativeSlope to be a number, got "1"/],
  ['CELU', () => new nn.CELU({ alpha: 0 }), 'ERR_INVALID_ARG_TYPE', /a number other than 0, got 0/],
  ['Threshold', () => new nn.Threshold(1, wrong(undefined)), 'ERR_INVALID_ARG_TYPE', /expected value to be a number, got undefined/],
  ['Upsample, neither', () => new nn.Upsample(), 'ERR_INVALID_ARG_VALUE', /one of size and scaleFactor, got neither/],
  ['Upsample, both', () => new nn.Upsample({ size: 2, scaleFactor: 2 }), 'ERR_INVALID_ARG_VALUE', /got both/],
  ['ReflectionPad2d', () => new nn.ReflectionPad2d([1, 2]), 'ERR_INVALID_ARG_VALUE', /an integer, or 4 for the sides/],
  ['Unflatten', () => new nn.Unflatten(1, wrong(4)), 'ERR_INVALID_ARG_TYPE', /unflattenedSize to be an array of sizes, got 4/],
  ['EmbeddingBag', () => new nn.EmbeddingBag(2, 2, { mode: 'max', sparse: true }), 'ERR_INVALID_ARG_VALUE', /neither scaleGradByFreq nor sparse with mode "max"/],
  ['LSTM', () => new nn.LSTM(2, 3, { projSize: 3 }), 'ERR_INVALID_ARG_VALUE', /projSize to be smaller than hiddenSize 3, got 3/],
  ['GRU, an option of LSTM', () => new nn.GRU(2, 3, wrong({ projSize: 1 })), 'ERR_UNKNOWN_OPTION', /^nn\.GRU: unknown option "projSize"/],
  ['RNN, nonlinearity', () => new nn.RNN(2, 3, { nonlinearity: wrong('gelu') }), 'ERR_INVALID_ARG_VALUE', /"tanh" or "relu", got "gelu"/],
  ['MultiheadAttention', () => new nn.MultiheadAttention(5, 2), 'ERR_INVALID_ARG_VALUE', /numHeads to divide embedDim, got 2 and 5/],
  ['TransformerEncoder', () => new nn.TransformerEncoder(wrong(new nn.Linear(1, 1)), 2), 'ERR_INVALID_ARG_TYPE', /encoderLayer to be an nn\.TransformerEncoderLayer, got a Linear/],
  ['Sequential, a name with a dot', () => new nn.Sequential({ 'a.b': new nn.ReLU() }), 'ERR_INVALID_ARG_VALUE', /names without a dot, got "a\.b"/],
  ['Sequential, something else under a name', () => new nn.Sequential({ a: wrong(3) }), 'ERR_INVALID_ARG_TYPE', /expected modules, got 3 under "a"/],
  ['TripletMarginLoss', () => new nn.TripletMarginLoss({ margin: 0 }), 'ERR_INVALID_ARG_VALUE', /margin to be a positive number, got 0/],
  ['MultiMarginLoss', () => new nn.MultiMarginLoss({ p: wrong(3) }), 'ERR_INVALID_ARG_VALUE', /expected p to be 1 or 2, got 3/],
  ['KLDivLoss, reduction', () => new nn.KLDivLoss({ reduction: wrong('batchMean') }), 'ERR_INVALID_ARG_VALUE', /got "batchMean"/],
  ['init.uniform_', () => nn.init.uniform_(zeros(2), { a: wrong('0') }), 'ERR_INVALID_ARG_TYPE', /^init\.uniform_: expected a to be a number, got "0"/],
  ['init.xavierUniform_, a vector', () => nn.init.xavierUniform_(zeros(3)), 'ERR_SHAPE', /at least 2 dimensions, got shape \[3\]/],
  ['init.kaimingNormal_, mode', () => nn.init.kaimingNormal_(zeros(2, 2), { mode: wrong('fan_in') }), 'ERR_INVALID_ARG_VALUE', /"fanIn" or "fanOut", got "fan_in"/],
  ['init.dirac_', () => nn.init.dirac_(zeros(3, 2, 1), { groups: 2 }), 'ERR_SHAPE', /multiple of groups 2/],
  ['init.eye_', () => nn.init.eye_(zeros(2, 2, 2)), 'ERR_SHAPE', /2 dimensions/],
  ['init.truncNormal_', () => nn.init.truncNormal_(zeros(2), { a: 1, b: 1 }), 'ERR_INVALID_ARG_VALUE', /a below b, got 1 and 1/],
  ['init.sparse_', () => nn.init.sparse_(zeros(2, 2), 2), 'ERR_INVALID_ARG_VALUE', /sparsity to be a number in \[0, 1\], got 2/],
  ['init.calculateGain', () => nn.init.calculateGain(wrong('swish')), 'ERR_INVALID_ARG_VALUE', /one of linear, .* got "swish"/],
];

const calls: Misuse[] = [
  ['BatchNorm1d, an image', () => new nn.BatchNorm1d(2).forward(zeros(1, 2, 3, 3)), 'ERR_TORCH', /expected an input \[B, C\] or \[B, C, L\], got 4 dimensions/],
  ['InstanceNorm2d, other channels', () => new nn.InstanceNorm2d(3, { affine: true }).forward(zeros(1, 2, 2, 2)), 'ERR_TORCH', /expected 3 channels, got 2/],
  ['LayerNorm, another width', () => new nn.LayerNorm(3).forward(zeros(2, 4)), 'ERR_TORCH', /normalized_shape/],
  ['Dropout1d, a vector', () => new nn.Dropout1d().forward(zeros(3)), 'ERR_TORCH', /2 or 3 dimensions, got 1/],
  ['Upsample, a matrix', () => new nn.Upsample({ scaleFactor: 2 }).forward(zeros(2, 2)), 'ERR_TORCH', /3, 4, 5 dimensions for mode nearest, got 2/],
  ['LSTM, another width', () => new nn.LSTM(2, 3).forward(zeros(4, 1, 5)), 'ERR_TORCH', /input\.size\(-1\) must be equal to input_size\. Expected 2, got 5/],
  ['LSTM, another state', () => new nn.LSTM(2, 3).forward(zeros(4, 1, 2), [zeros(1, 1, 3), zeros(1, 1, 4)]), 'ERR_TORCH', /Expected hidden\[1\] size \[1, 1, 3\], got \[1, 1, 4\]/],
  ['LSTM, a state that is no pair', () => new nn.LSTM(2, 3).forward(zeros(4, 1, 2), wrong(zeros(1, 1, 3))), 'ERR_INVALID_ARG_TYPE', /expected "hx" to be/],
  ['GRUCell, another width', () => new nn.GRUCell(2, 3).forward(zeros(1, 5)), 'ERR_TORCH', /an input of 2 features, got 5/],
  ['MultiheadAttention, an unknown option', () => new nn.MultiheadAttention(2, 1).forward(zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 2), wrong({ mask: null })), 'ERR_UNKNOWN_OPTION', /"mask"; expected among keyPaddingMask/],
  ['MultiheadAttention, a mask of another shape', () => new nn.MultiheadAttention(2, 1).forward(zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 2), { attnMask: zeros(3, 3) }), 'ERR_TORCH', /attn_mask of shape \[1, 1\], got \[1, 3, 3\]/],
  ['MultiheadAttention, causal without a mask', () => new nn.MultiheadAttention(2, 1).forward(zeros(1, 1, 2), zeros(1, 1, 2), zeros(1, 1, 2), { isCausal: true }), 'ERR_TORCH', /Need attn_mask/],
  ['EmbeddingBag, no offsets', () => new nn.EmbeddingBag(2, 2).forward(labels(0, 1)), 'ERR_TORCH', /expected offsets with an input of 1 dimension/],
  ['EmbeddingBag, an index outside', () => new nn.EmbeddingBag(2, 2).forward(labels(5), labels(0)), 'ERR_TORCH', /./],
  ['BCELoss, another shape', () => new nn.BCELoss().forward(zeros(2, 2), zeros(2)), 'ERR_TORCH', /expected a target of the input's size \[2, 2\], got \[2\]/],
  ['GaussianNLLLoss, a negative variance', () => new nn.GaussianNLLLoss().forward(zeros(2), zeros(2), tensor([1, -1])), 'ERR_TORCH', /no negative variance/],
  ['NLLLoss, a class outside', () => new nn.NLLLoss().forward(zeros(1, 2), labels(2)), 'ERR_TORCH', /out of bounds/],
  ['CTCLoss, a class outside', () => new nn.CTCLoss().forward(zeros(4, 1, 3), labels(1, 3).reshape(1, 2), [4], [2]), 'ERR_TORCH', /expected targets in \[0, 3\)/],
  ['CTCLoss, a negative class among joined targets', () => new nn.CTCLoss().forward(zeros(4, 1, 3), labels(1, -1), [4], [2]), 'ERR_TORCH', /expected targets in \[0, 3\)/],
  ['Bilinear, one input', () => new nn.Bilinear(1, 1, 1).forward(zeros(1, 1), wrong(undefined)), 'ERR_INVALID_ARG_TYPE', /expected "input2" to be Tensor, got nothing/],
];

describe('misuse of layers', () => {
  for (const [what, make, code, message] of [...constructors, ...calls]) {
    it(what, () => void throwsWithCode(make, code, message));
  }
});
