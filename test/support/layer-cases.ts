/** The layers of `test/fixtures/record_nn.py`, under the same names. */
import { nn, ops, type Tensor } from '../../lib/index';

/** How to make a layer; how to call it, where inputs do not simply go to `forward`. */
export type LayerCase = [make: () => nn.Module<unknown>, call?: (layer: nn.Module<unknown>, ...inputs: Tensor[]) => unknown];

const cases: Record<string, LayerCase> = {};
/** Adds a case for each number of dimensions. */
function each(suffix: string, names: string, make: (dimensions: 1 | 2 | 3, type: Constructor) => nn.Module<unknown>): void {
  for (const dimensions of [1, 2, 3] as const) {
    const name = `${names}${dimensions}d`;
    cases[name + suffix] = [() => make(dimensions, (nn as unknown as Record<string, Constructor>)[name]!)];
  }
}
type Constructor = new (...args: unknown[]) => nn.Module<unknown>;

each('', 'Conv', (_, Layer) => new Layer(4, 2, 2));
each('-options', 'Conv', (_, Layer) => new Layer(4, 6, 3, { stride: 2, padding: 1, groups: 2, bias: false }));
each('', 'ConvTranspose', (_, Layer) => new Layer(4, 2, 2));
each('-options', 'ConvTranspose', (_, Layer) =>
  new Layer(4, 2, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, bias: false }));
each('', 'MaxPool', (_, Layer) => new Layer(2));
each('-options', 'MaxPool', (_, Layer) => new Layer(2, { stride: 1, padding: 1, dilation: 2, ceilMode: true }));
each('', 'AvgPool', (_, Layer) => new Layer(2));
each('-options', 'AvgPool', (_, Layer) =>
  new Layer(3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false }));
each('', 'AdaptiveAvgPool', (_, Layer) => new Layer(2));
each('', 'AdaptiveMaxPool', (_, Layer) => new Layer(3));
each('', 'BatchNorm', (_, Layer) => new Layer(4));
each('-cumulative', 'BatchNorm', (_, Layer) => new Layer(4, { eps: 1e-3, momentum: null }));
each('-plain', 'BatchNorm', (_, Layer) => new Layer(4, { affine: false, trackRunningStats: false }));
each('', 'InstanceNorm', (_, Layer) => new Layer(4));
each('-options', 'InstanceNorm', (_, Layer) => new Layer(4, { momentum: 0.3, affine: true, trackRunningStats: true }));
each('', 'Dropout', (_, Layer) => new Layer(0.4));
each('', 'ZeroPad', (_, Layer) => new Layer(1));
each('', 'ConstantPad', (dimensions, Layer) => new Layer([...Array(2 * dimensions).keys()], 3.5));
each('', 'ReflectionPad', (_, Layer) => new Layer(2));
each('', 'ReplicationPad', (_, Layer) => new Layer(2));
each('', 'CircularPad', (_, Layer) => new Layer(2));

for (const paddingMode of ['zeros', 'reflect', 'replicate', 'circular'] as const) {
  cases[`Conv2d-same-${paddingMode}`] = [
    () => new nn.Conv2d(4, 2, [3, 2], { padding: 'same', dilation: [1, 2], paddingMode }),
  ];
  cases[`Conv1d-${paddingMode}`] = [() => new nn.Conv1d(4, 2, 3, { padding: 2, stride: 2, paddingMode })];
}

Object.assign(cases, {
  Identity: [() => new nn.Identity()],
  Linear: [() => new nn.Linear(6, 3)],
  'Linear-no-bias': [() => new nn.Linear(7, 2, { bias: false })],
  Bilinear: [() => new nn.Bilinear(3, 2, 4)],
  'Conv2d-valid': [() => new nn.Conv2d(4, 2, 3, { padding: 'valid' })],
  'AvgPool2d-divisor': [() => new nn.AvgPool2d(2, { divisorOverride: 3 })],
  'AdaptiveAvgPool2d-null': [() => new nn.AdaptiveAvgPool2d([null, 2])],
  'BatchNorm1d-flat': [() => new nn.BatchNorm1d(6, { momentum: 0.3 })],
  LayerNorm: [() => new nn.LayerNorm(7)],
  'LayerNorm-options': [() => new nn.LayerNorm([4, 7], { eps: 1e-3, bias: false })],
  'LayerNorm-plain': [() => new nn.LayerNorm(7, { elementwiseAffine: false })],
  GroupNorm: [() => new nn.GroupNorm(2, 4)],
  'GroupNorm-plain': [() => new nn.GroupNorm(2, 4, { affine: false })],
  RMSNorm: [() => new nn.RMSNorm(7)],
  'RMSNorm-options': [() => new nn.RMSNorm([4, 7], { eps: 1e-2, elementwiseAffine: false })],
  LocalResponseNorm: [() => new nn.LocalResponseNorm(2, { alpha: 0.5, k: 2 })],
  'LocalResponseNorm-1d': [() => new nn.LocalResponseNorm(3)],
  Dropout: [() => new nn.Dropout(0.3)],
  AlphaDropout: [() => new nn.AlphaDropout(0.3)],
  FeatureAlphaDropout: [() => new nn.FeatureAlphaDropout(0.3)],
  ReLU: [() => new nn.ReLU()],
  ReLU6: [() => new nn.ReLU6()],
  LeakyReLU: [() => new nn.LeakyReLU({ negativeSlope: 0.2 })],
  ELU: [() => new nn.ELU({ alpha: 0.7 })],
  SELU: [() => new nn.SELU()],
  CELU: [() => new nn.CELU({ alpha: 2 })],
  GELU: [() => new nn.GELU()],
  'GELU-tanh': [() => new nn.GELU({ approximate: 'tanh' })],
  SiLU: [() => new nn.SiLU()],
  Mish: [() => new nn.Mish()],
  Sigmoid: [() => new nn.Sigmoid()],
  LogSigmoid: [() => new nn.LogSigmoid()],
  Tanh: [() => new nn.Tanh()],
  Tanhshrink: [() => new nn.Tanhshrink()],
  Hardtanh: [() => new nn.Hardtanh({ minVal: -0.5, maxVal: 1.5 })],
  Hardsigmoid: [() => new nn.Hardsigmoid()],
  Hardswish: [() => new nn.Hardswish()],
  Softplus: [() => new nn.Softplus({ beta: 2, threshold: 1 })],
  Softsign: [() => new nn.Softsign()],
  Softmax: [() => new nn.Softmax({ dim: 1 })],
  'Softmax-implicit': [() => new nn.Softmax()],
  LogSoftmax: [() => new nn.LogSoftmax({ dim: 0 })],
  Softmin: [() => new nn.Softmin({ dim: 1 })],
  GLU: [() => new nn.GLU()],
  Softshrink: [() => new nn.Softshrink()],
  Hardshrink: [() => new nn.Hardshrink({ lambd: 0.7 })],
  Threshold: [() => new nn.Threshold(0.1, -3.5)],
  PReLU: [() => new nn.PReLU()],
  'PReLU-channels': [() => new nn.PReLU({ numParameters: 4, init: 0.1 })],
  Flatten: [() => new nn.Flatten({ startDim: 2 })],
  Unflatten: [() => new nn.Unflatten(1, [2, -1])],
  PixelShuffle: [() => new nn.PixelShuffle(2)],
  PixelUnshuffle: [() => new nn.PixelUnshuffle(2)],
  Upsample: [() => new nn.Upsample({ scaleFactor: 2 })],
  'Upsample-size': [() => new nn.Upsample({ size: [7, 8], mode: 'bilinear', alignCorners: true })],
  'Upsample-bicubic': [() => new nn.Upsample({ scaleFactor: [1.5, 2], mode: 'bicubic' })],
  'Upsample-linear': [() => new nn.Upsample({ scaleFactor: 2, mode: 'linear' })],
  'Upsample-trilinear': [() => new nn.Upsample({ size: 4, mode: 'trilinear' })],
  Embedding: [() => new nn.Embedding(5, 3)],
  'Embedding-options': [() => new nn.Embedding(5, 3, { paddingIdx: -2, maxNorm: 1, scaleGradByFreq: true })],
  EmbeddingBag: [() => new nn.EmbeddingBag(5, 3)],
  'EmbeddingBag-sum': [() => new nn.EmbeddingBag(5, 3, { mode: 'sum', paddingIdx: 1 })],
  'EmbeddingBag-max': [() => new nn.EmbeddingBag(5, 3, { mode: 'max', maxNorm: 1.5 })],
} satisfies Record<string, LayerCase>);

const recurrent = {
  '': {},
  '-options': { numLayers: 2, bidirectional: true, batchFirst: true, dropout: 0.3 },
  '-no-bias': { bias: false },
  '-one': {},
};
for (const [suffix, options] of Object.entries(recurrent)) {
  cases[`RNN${suffix}`] = [() => new nn.RNN(3, 4, options)];
  cases[`LSTM${suffix}`] = [() => new nn.LSTM(3, 4, options)];
  cases[`GRU${suffix}`] = [() => new nn.GRU(3, 4, options)];
}
const withStates = (layer: nn.Module<unknown>, x: Tensor, h: Tensor, c: Tensor) => (layer).forward(x, [h, c]);
const attention = (layer: nn.Module<unknown>) => layer as nn.MultiheadAttention;

Object.assign(cases, {
  RNNCell: [() => new nn.RNNCell(3, 4)],
  LSTMCell: [() => new nn.LSTMCell(3, 4)],
  GRUCell: [() => new nn.GRUCell(3, 4)],
  'RNN-relu': [() => new nn.RNN(3, 4, { nonlinearity: 'relu' })],
  'GRU-state': [() => new nn.GRU(3, 4, { numLayers: 2 })],
  'LSTM-projection': [() => new nn.LSTM(3, 4, { projSize: 2, numLayers: 2 }), withStates],
  'RNNCell-relu': [() => new nn.RNNCell(3, 4, { bias: false, nonlinearity: 'relu' })],
  'LSTMCell-state': [() => new nn.LSTMCell(3, 4), withStates],
  MultiheadAttention: [() => new nn.MultiheadAttention(4, 2), (layer, x) => attention(layer).forward(x, x, x)],
  'MultiheadAttention-masks': [
    () => new nn.MultiheadAttention(4, 2, { dropout: 0.2, bias: false }),
    (layer, x, keyPaddingMask, attnMask) =>
      attention(layer).forward(x, x, x, { keyPaddingMask, attnMask, averageAttnWeights: false }),
  ],
  'MultiheadAttention-cross': [
    () => new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 6, addBiasKv: true, addZeroAttn: true, batchFirst: true }),
  ],
  'MultiheadAttention-fast': [
    () => new nn.MultiheadAttention(4, 2, { batchFirst: true }),
    (layer, x, attnMask) => attention(layer).forward(x, x, x, { attnMask, isCausal: true, needWeights: false })[0],
  ],
  'MultiheadAttention-one': [
    () => new nn.MultiheadAttention(4, 2),
    (layer, x, y) => attention(layer).forward(x, y, y),
  ],
  TransformerEncoderLayer: [() => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 })],
  'TransformerEncoderLayer-options': [
    () =>
      new nn.TransformerEncoderLayer(4, 2, {
        dimFeedforward: 8,
        dropout: 0.3,
        activation: 'gelu',
        batchFirst: true,
        normFirst: true,
        bias: false,
      }),
    (layer, x, srcKeyPaddingMask) => (layer as nn.TransformerEncoderLayer).forward(x, { srcKeyPaddingMask }),
  ],
  TransformerEncoder: [
    () =>
      new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 8 }), 2, {
        norm: new nn.LayerNorm(4),
      }),
    (layer, x, mask) => (layer).forward(x, { mask }),
  ],
} satisfies Record<string, LayerCase>);

const weight = () => ops.aten.linspace!(0.5, 2, 6) as Tensor;
const losses: Record<string, (reduction: nn.Reduction) => nn.Module<unknown>> = {
  CrossEntropyLoss: (reduction) => new nn.CrossEntropyLoss({ reduction }),
  'CrossEntropyLoss-options': (reduction) =>
    new nn.CrossEntropyLoss({ reduction, weight: weight(), ignoreIndex: 3, labelSmoothing: 0.1 }),
  NLLLoss: (reduction) => new nn.NLLLoss({ reduction, weight: weight(), ignoreIndex: 2 }),
  MSELoss: (reduction) => new nn.MSELoss({ reduction }),
  L1Loss: (reduction) => new nn.L1Loss({ reduction }),
  SmoothL1Loss: (reduction) => new nn.SmoothL1Loss({ reduction, beta: 0.5 }),
  'SmoothL1Loss-0': (reduction) => new nn.SmoothL1Loss({ reduction, beta: 0 }),
  HuberLoss: (reduction) => new nn.HuberLoss({ reduction, delta: 0.7 }),
  BCELoss: (reduction) => new nn.BCELoss({ reduction, weight: weight() }),
  BCEWithLogitsLoss: (reduction) =>
    new nn.BCEWithLogitsLoss({ reduction, weight: weight(), posWeight: ops.aten.flip!(weight(), [0]) as Tensor }),
  KLDivLoss: (reduction) => new nn.KLDivLoss({ reduction }),
  'KLDivLoss-log': (reduction) => new nn.KLDivLoss({ reduction, logTarget: true }),
  HingeEmbeddingLoss: (reduction) => new nn.HingeEmbeddingLoss({ reduction, margin: 0.5 }),
  MultiLabelMarginLoss: (reduction) => new nn.MultiLabelMarginLoss({ reduction }),
  SoftMarginLoss: (reduction) => new nn.SoftMarginLoss({ reduction }),
  MultiLabelSoftMarginLoss: (reduction) => new nn.MultiLabelSoftMarginLoss({ reduction, weight: weight() }),
  MultiMarginLoss: (reduction) => new nn.MultiMarginLoss({ reduction, p: 2, margin: 0.7, weight: weight() }),
  PoissonNLLLoss: (reduction) => new nn.PoissonNLLLoss({ reduction }),
  'PoissonNLLLoss-options': (reduction) =>
    new nn.PoissonNLLLoss({ reduction, logInput: false, full: true, eps: 1e-3 }),
  CosineEmbeddingLoss: (reduction) => new nn.CosineEmbeddingLoss({ reduction, margin: 0.2 }),
  MarginRankingLoss: (reduction) => new nn.MarginRankingLoss({ reduction, margin: 0.3 }),
  TripletMarginLoss: (reduction) => new nn.TripletMarginLoss({ reduction, margin: 0.8, swap: true }),
  GaussianNLLLoss: (reduction) => new nn.GaussianNLLLoss({ reduction, full: true }),
  'GaussianNLLLoss-short': (reduction) => new nn.GaussianNLLLoss({ reduction }),
  CTCLoss: (reduction) => new nn.CTCLoss({ reduction, zeroInfinity: true }),
};
for (const [name, make] of Object.entries(losses)) {
  for (const reduction of ['mean', 'sum', 'none'] as const) cases[`${name}-${reduction}`] = [() => make(reduction)];
}
cases['KLDivLoss-batchmean'] = [() => new nn.KLDivLoss({ reduction: 'batchmean' })];

const double = { dtype: 'float64' } as const;
Object.assign(cases, {
  'Linear-float64': [() => new nn.Linear(6, 3, double)],
  'Conv2d-float64': [() => new nn.Conv2d(4, 2, 2, double)],
  'BatchNorm2d-float64': [() => new nn.BatchNorm2d(4, double)],
  'Embedding-float64': [() => new nn.Embedding(5, 3, { paddingIdx: 1, ...double })],
  'LSTM-float64': [() => new nn.LSTM(3, 4, double)],
  'MultiheadAttention-float64': [
    () => new nn.MultiheadAttention(4, 2, { addBiasKv: true, ...double }),
    (layer, x, y) => attention(layer).forward(x, y, y),
  ],
} satisfies Record<string, LayerCase>);

export const layerCases: Readonly<Record<string, LayerCase>> = cases;

const { init } = nn;
/** The initialisers of `record_nn.py`, under the same names. */
export const initCases: Readonly<Record<string, (tensor: Tensor) => Tensor>> = {
  uniform_: (t) => init.uniform_(t, { a: -1, b: 2 }),
  normal_: (t) => init.normal_(t, { mean: 1, std: 2 }),
  trunc_normal_: (t) => init.truncNormal_(t),
  'trunc_normal_-tail': (t) => init.truncNormal_(t, { a: 2, b: 3 }),
  constant_: (t) => init.constant_(t, 0.3),
  ones_: (t) => init.ones_(t),
  zeros_: (t) => init.zeros_(t),
  eye_: (t) => init.eye_(t),
  dirac_: (t) => init.dirac_(t, { groups: 2 }),
  'dirac_-3d': (t) => init.dirac_(t),
  xavier_uniform_: (t) => init.xavierUniform_(t, { gain: 1.5 }),
  xavier_normal_: (t) => init.xavierNormal_(t),
  kaiming_uniform_: (t) => init.kaimingUniform_(t, { a: 0.1, mode: 'fanOut' }),
  kaiming_normal_: (t) => init.kaimingNormal_(t, { nonlinearity: 'relu' }),
  orthogonal_: (t) => init.orthogonal_(t, { gain: 2 }),
  'orthogonal_-wide': (t) => init.orthogonal_(t),
  sparse_: (t) => init.sparse_(t, 0.4),
};
