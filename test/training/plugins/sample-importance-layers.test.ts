// Importances of single samples for every layer of nn, beside one sample at a time.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, nn, type Tensor } from '../../../lib/index';
import { device } from '../../support/device';
import { assertSameImportance, measure, numbers, oneByOne, scramble } from '../../support/sample-importance';

type Call = (layer: never, h: Tensor) => Tensor;
interface Case {
  make: () => nn.Module<unknown>;
  /** Of a sample, behind a linear layer over the last dimension; default [4, 6]. */
  shape?: number[];
  call?: Call;
  /** One sample at a time: nothing else is known to be right, or samples do meet. */
  isSingle?: boolean;
}

const samples = 7;
const plain: Call = (layer: nn.Module, h) => layer.forward(h);

/** A layer between two linear ones. */
class Around extends nn.Module {
  readonly before: nn.Module;
  readonly after: nn.Module;

  constructor(readonly layer: nn.Module<unknown>, shape: number[], readonly call: Call) {
    super();
    this.before = new nn.Linear(shape.at(-1)!, shape.at(-1)!);
    const { shape: output } = call(layer.eval() as never, numbers(2, ...shape));
    this.after = new nn.Linear(output.slice(1).reduce((a, b) => a * b, 1), 3);
  }

  override forward(x: Tensor): Tensor {
    const h = this.call(this.layer as never, this.before.forward(x));
    return this.after.forward(h.reshape([x.shape[0]!, -1]));
  }
}

const tokens = (h: Tensor) => h.detach().mul(2).abs().floor().clamp(0, 4).to('int64');
const rows: Call = (layer: nn.Module, h) => layer.forward(tokens(h)).mul(h.unsqueeze(-1));
const sequence: Call = (layer: { forward(x: Tensor): [Tensor, unknown] }, h) => layer.forward(h.transpose(0, 1))[0].transpose(0, 1);
const batchFirst: Call = (layer: { forward(x: Tensor): [Tensor, unknown] }, h) => layer.forward(h)[0];
const self: Call = (layer: nn.MultiheadAttention, h) => layer.forward(h.transpose(0, 1), h.transpose(0, 1), h.transpose(0, 1))[0].transpose(0, 1);
const images = { 1: [4, 7], 2: [4, 7, 6], 3: [4, 5, 4, 6] } as const;

const cases: Record<string, Case[]> = {
  Linear: [{ make: () => new nn.Linear(6, 3) }, { make: () => new nn.Linear(6, 3, { bias: false }) }, { make: () => new nn.Linear(6, 3), shape: [6] }, { make: () => new nn.Linear(6, 3), shape: [2, 3, 6] }],
  Bilinear: [{ make: () => new nn.Bilinear(6, 6, 2), shape: [6], call: (layer: nn.Bilinear, h) => layer.forward(h, h.tanh()), isSingle: true }],
  LayerNorm: [{ make: () => new nn.LayerNorm(6) }, { make: () => new nn.LayerNorm([4, 6], { bias: false }) }, { make: () => new nn.LayerNorm(6), shape: [6] }],
  RMSNorm: [{ make: () => new nn.RMSNorm(6) }, { make: () => new nn.RMSNorm([4, 6]) }],
  GroupNorm: [{ make: () => new nn.GroupNorm(2, 4) }, { make: () => new nn.GroupNorm(4, 4), shape: [4, 3, 5] }],
  LocalResponseNorm: [{ make: () => new nn.LocalResponseNorm(2), shape: [4, 5, 6] }],
  Flatten: [{ make: () => new nn.Flatten() }],
  Unflatten: [{ make: () => new nn.Unflatten(1, [2, -1]) }],
  PixelShuffle: [{ make: () => new nn.PixelShuffle(2), shape: [4, 3, 5] }],
  PixelUnshuffle: [{ make: () => new nn.PixelUnshuffle(2), shape: [2, 4, 6] }],
  Upsample: [
    { make: () => new nn.Upsample({ scaleFactor: 2 }) },
    { make: () => new nn.Upsample({ size: [7, 8], mode: 'bilinear', alignCorners: true }), shape: [2, 3, 4] },
    { make: () => new nn.Upsample({ scaleFactor: [1.5, 2], mode: 'bicubic' }), shape: [2, 3, 4] },
    { make: () => new nn.Upsample({ size: 4, mode: 'trilinear' }), shape: [2, 3, 2, 4] },
  ],
  PReLU: [{ make: () => new nn.PReLU() }, { make: () => new nn.PReLU({ numParameters: 4, init: 0.1 }) }],
  Threshold: [{ make: () => new nn.Threshold(0.1, -3.5) }],
  Softmax: [{ make: () => new nn.Softmax({ dim: -1 }) }, { make: () => new nn.Softmax({ dim: 0 }), isSingle: true }],
  LogSoftmax: [{ make: () => new nn.LogSoftmax({ dim: -1 }) }],
  Softmin: [{ make: () => new nn.Softmin({ dim: -1 }) }],
  Embedding: [
    { make: () => new nn.Embedding(5, 3), call: rows },
    { make: () => new nn.Embedding(5, 3, { paddingIdx: -2, maxNorm: 1 }), call: rows },
    { make: () => new nn.Embedding(5, 3, { sparse: true }), call: rows },
    { make: () => new nn.Embedding(5, 3, { scaleGradByFreq: true }), call: rows, isSingle: true },
  ],
  EmbeddingBag: [{ make: () => new nn.EmbeddingBag(5, 3), call: (layer: nn.Module, h) => layer.forward(tokens(h).reshape([h.shape[0]!, -1])), isSingle: true }],
  RNN: [{ make: () => new nn.RNN(6, 4), call: sequence }, { make: () => new nn.RNN(6, 4, { batchFirst: true, numLayers: 2, bidirectional: true, nonlinearity: 'relu' }), call: batchFirst }],
  GRU: [{ make: () => new nn.GRU(6, 4), call: sequence }, { make: () => new nn.GRU(6, 4, { batchFirst: true, numLayers: 2, bidirectional: true }), call: batchFirst }],
  LSTM: [{ make: () => new nn.LSTM(6, 4), call: sequence, isSingle: true }, { make: () => new nn.LSTM(6, 4, { batchFirst: true, projSize: 2 }), call: batchFirst }],
  RNNCell: [{ make: () => new nn.RNNCell(6, 4), shape: [6] }],
  GRUCell: [{ make: () => new nn.GRUCell(6, 4), shape: [6] }],
  LSTMCell: [{ make: () => new nn.LSTMCell(6, 4), shape: [6], call: (layer: nn.LSTMCell, h) => layer.forward(h)[0] }],
  MultiheadAttention: [
    { make: () => new nn.MultiheadAttention(6, 2), call: self },
    { make: () => new nn.MultiheadAttention(6, 2, { batchFirst: true, addBiasKv: true, addZeroAttn: true }), call: (layer: nn.MultiheadAttention, h) => layer.forward(h, h.tanh(), h, { needWeights: false })[0] },
    { make: () => new nn.MultiheadAttention(6, 3, { batchFirst: true, kdim: 6, bias: false }), call: (layer: nn.MultiheadAttention, h) => layer.forward(h, h.tanh(), h)[0] },
  ],
  TransformerEncoderLayer: [
    { make: () => new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8, batchFirst: true }) },
    { make: () => new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8, activation: 'gelu', normFirst: true }), call: (layer: nn.Module, h) => layer.forward(h.transpose(0, 1)).transpose(0, 1) },
  ],
  TransformerEncoder: [
    { make: () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8, batchFirst: true }), 2, { norm: new nn.LayerNorm(6) }) },
    // The first dimension of a sequence-first layer that is fed with the batch first: samples attend to one another.
    { make: () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(6, 2, { dimFeedforward: 8 }), 1), isSingle: true },
  ],
};

type Constructor = new (...args: unknown[]) => nn.Module<unknown>;
/** Layers of one, two and three dimensions. */
const each = (names: string, make: (Layer: Constructor, dimensions: 1 | 2 | 3) => Case[]): void => {
  for (const dimensions of [1, 2, 3] as const) {
    const Layer = (nn as unknown as Record<string, Constructor>)[`${names}${dimensions}d`]!;
    cases[`${names}${dimensions}d`] = make(Layer, dimensions).map((one) => ({ shape: [...images[dimensions]], ...one }));
  }
};
each('Conv', (Layer) => [
  { make: () => new Layer(4, 2, 2) },
  { make: () => new Layer(4, 6, 3, { stride: 2, padding: 1, groups: 2, bias: false }) },
  { make: () => new Layer(4, 4, 2, { padding: 2, dilation: 2, groups: 4 }) },
  { make: () => new Layer(4, 2, 3, { padding: 'same', paddingMode: 'circular' }) },
  { make: () => new Layer(4, 3, 1) },
]);
each('ConvTranspose', (Layer) => [
  { make: () => new Layer(4, 2, 2) },
  { make: () => new Layer(4, 2, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2, bias: false }) },
  { make: () => new Layer(4, 3, 2, { dilation: 2 }) },
]);
each('BatchNorm', (Layer, dimensions) => [{ make: () => new Layer(4) }, ...(dimensions === 1 ? [{ make: () => new Layer(6), shape: [6] }] : [])]);
each('InstanceNorm', (Layer) => [{ make: () => new Layer(4, { affine: true }) }, { make: () => new Layer(4, { affine: true, trackRunningStats: true }) }]);
each('MaxPool', (Layer) => [{ make: () => new Layer(2) }]);
each('AvgPool', (Layer) => [{ make: () => new Layer(2) }]);
each('AdaptiveAvgPool', (Layer) => [{ make: () => new Layer(2) }]);
each('AdaptiveMaxPool', (Layer) => [{ make: () => new Layer(3) }]);
each('Dropout', (Layer) => [{ make: () => new Layer(0.4) }]);
for (const padding of ['ZeroPad', 'ReflectionPad', 'ReplicationPad', 'CircularPad']) each(padding, (Layer) => [{ make: () => new Layer(1) }]);
each('ConstantPad', (Layer) => [{ make: () => new Layer(1, 3.5) }]);
for (const name of ['AlphaDropout', 'Dropout', 'FeatureAlphaDropout', 'CELU', 'ELU', 'GELU', 'GLU', 'Hardshrink', 'Hardsigmoid', 'Hardswish', 'Hardtanh', 'LeakyReLU', 'LogSigmoid', 'Mish', 'ReLU', 'ReLU6', 'SELU', 'SiLU', 'Sigmoid', 'Softplus', 'Softshrink', 'Softsign', 'Tanh', 'Tanhshrink', 'Identity']) {
  cases[name] = [{ make: () => new (nn as unknown as Record<string, Constructor>)[name]!() }];
}

/** Has no forward of its own, or is no part of a model. */
const none = ['Layer', 'Loss', 'PairLoss', 'ModuleDict', 'ModuleList', 'ParameterList', 'Sequential'];

describe('importances of samples, layer by layer', () => {
  it('every layer of nn is compared', () => {
    const layers = Object.entries(nn).filter(([name, value]) => typeof value === 'function' && value.prototype instanceof nn.Module && !name.endsWith('Loss'));
    assert.deepEqual(Object.keys(cases).sort(), layers.map(([name]) => name).filter((name) => !none.includes(name)).sort());
  });

  for (const [name, variants] of Object.entries(cases)) {
    it(`nn.${name} equals one sample at a time`, async () => {
      for (const [at, { make, shape = [4, 6], call = plain, isSingle = false }] of variants.entries()) {
        manualSeed(1);
        const model = scramble(new Around(make(), shape, call));
        const x = numbers(samples, ...shape);
        const expected = await oneByOne(model, x);
        const { importance, isTogether } = await measure(model, x, { batchSize: 3 });
        // A layer of several operators may be another one elsewhere.
        if (device === 'cpu') assert.equal(isTogether, !isSingle, `${name} ${at}: measured in mini-batches`);
        assertSameImportance(importance, expected);
        assert.ok([...expected.values()].every((omega) => omega.isfinite().all().item()), `${name}: finite`);
      }
    });
  }
});
