import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'mocha';
import { cuda, getDefaultDevice, nn, ops, setDefaultDevice, tensor, type Tensor } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';

/** Every layer with parameters or buffers. */
const layers: Record<string, (options: nn.FactoryOptions) => nn.Module<unknown>> = {
  Linear: (o) => new nn.Linear(2, 3, o),
  Bilinear: (o) => new nn.Bilinear(2, 3, 4, o),
  Conv1d: (o) => new nn.Conv1d(2, 3, 2, o),
  Conv2d: (o) => new nn.Conv2d(2, 3, 2, o),
  Conv3d: (o) => new nn.Conv3d(2, 3, 2, o),
  ConvTranspose1d: (o) => new nn.ConvTranspose1d(2, 3, 2, o),
  ConvTranspose2d: (o) => new nn.ConvTranspose2d(2, 3, 2, o),
  ConvTranspose3d: (o) => new nn.ConvTranspose3d(2, 3, 2, o),
  BatchNorm1d: (o) => new nn.BatchNorm1d(2, o),
  BatchNorm2d: (o) => new nn.BatchNorm2d(2, o),
  BatchNorm3d: (o) => new nn.BatchNorm3d(2, o),
  InstanceNorm1d: (o) => new nn.InstanceNorm1d(2, { affine: true, trackRunningStats: true, ...o }),
  InstanceNorm2d: (o) => new nn.InstanceNorm2d(2, { affine: true, trackRunningStats: true, ...o }),
  InstanceNorm3d: (o) => new nn.InstanceNorm3d(2, { affine: true, trackRunningStats: true, ...o }),
  LayerNorm: (o) => new nn.LayerNorm(2, o),
  GroupNorm: (o) => new nn.GroupNorm(1, 2, o),
  RMSNorm: (o) => new nn.RMSNorm(2, o),
  PReLU: (o) => new nn.PReLU(o),
  Embedding: (o) => new nn.Embedding(2, 3, { paddingIdx: 0, ...o }),
  EmbeddingBag: (o) => new nn.EmbeddingBag(2, 3, o),
  RNN: (o) => new nn.RNN(2, 3, { bidirectional: true, ...o }),
  LSTM: (o) => new nn.LSTM(2, 3, { projSize: 1, ...o }),
  GRU: (o) => new nn.GRU(2, 3, o),
  RNNCell: (o) => new nn.RNNCell(2, 3, o),
  LSTMCell: (o) => new nn.LSTMCell(2, 3, o),
  GRUCell: (o) => new nn.GRUCell(2, 3, o),
  MultiheadAttention: (o) => new nn.MultiheadAttention(2, 1, { kdim: 3, addBiasKv: true, ...o }),
  TransformerEncoderLayer: (o) => new nn.TransformerEncoderLayer(2, 1, { dimFeedforward: 3, ...o }),
  TransformerEncoder: (o) =>
    new nn.TransformerEncoder(new nn.TransformerEncoderLayer(2, 1, { dimFeedforward: 3, ...o }), 2),
};
/** Dtypes and devices of a layer's tensors; the count of mini-batches aside, which is an integer at all times. */
const dtypes = (layer: nn.Module<unknown>) =>
  new Set([...layer.stateDict()].filter(([name]) => !name.endsWith('num_batches_tracked')).map(([, t]) => t.dtype));
const devices = (layer: nn.Module<unknown>) => new Set([...layer.stateDict().values()].map((t) => t.device));
const floatingPoint = ['float32', 'float64', 'float16', 'bfloat16'] as const;
const missingDevice = () => (cuda.isAvailable() ? `cuda:${cuda.deviceCount()}` : 'cuda');

describe('device and dtype of layers', () => {
  for (const [name, make] of Object.entries(layers)) {
    describe(`nn.${name}`, () => {
      it('makes its parameters and buffers in the dtype and on the device asked for', () => {
        assert.deepEqual(dtypes(make({})), new Set(['float32']));
        for (const dtype of floatingPoint) assert.deepEqual(dtypes(make({ dtype })), new Set([dtype]));
        assert.deepEqual(devices(make({ device: 'cpu' })), new Set(['cpu']));
        assert.ok(make({ dtype: 'float64' }).parameters().every((parameter) => parameter.requiresGrad && parameter.isLeaf));
      });

      it('refuses a dtype that holds no fractions or is none, and a device that is unknown or not there', () => {
        for (const dtype of ['int64', 'bool', 'complex64', 'double']) {
          const message = /^nn\.\w+: expected dtype to be one of float32, float64, float16, bfloat16, got "\w+"$/;
          throwsWithCode(() => make({ dtype: dtype as never }), 'ERR_INVALID_ARG_VALUE', message);
        }
        throwsWithCode(() => make({ device: 0 as never }), 'ERR_INVALID_ARG_TYPE', /^nn\.\w+: expected device to be a device name, got 0$/);
        for (const device of ['gpu', 'meta', 'cpu:1', '']) {
          throwsWithCode(() => make({ device }), 'ERR_DEVICE', /expected "cpu", "cuda" or "cuda:N", got "/);
        }
        throwsWithCode(() => make({ device: missingDevice() }), 'ERR_DEVICE', /got "cuda/);
      });
    });
  }

  it('is asked of layers without tensors too', () => {
    const nothing = { affine: false, trackRunningStats: false };
    throwsWithCode(() => new nn.BatchNorm1d(2, { ...nothing, device: 'gpu' }), 'ERR_DEVICE', /"gpu"/);
    throwsWithCode(() => new nn.LayerNorm(2, { elementwiseAffine: false, dtype: 'int8' }), 'ERR_INVALID_ARG_VALUE', /"int8"/);
  });

  it('a running count of mini-batches stays an integer', () => {
    const layer = new nn.BatchNorm1d(2, { dtype: 'float64' });
    layer.forward(tensor([[1, 2], [3, 4]], { dtype: 'float64' })); // prettier-ignore
    assertTensorEqual(layer.numBatchesTracked!, tensor([1], { dtype: 'int64' }).squeeze());
  });

  it('float64 is drawn with all its digits', () => {
    const { weight } = new nn.Linear(4, 4, { dtype: 'float64' });
    assert.ok(weight.toNumbers().some((value) => Math.fround(value) !== value));
  });

  it('copies of an encoder layer are where it is now', () => {
    const layer = new nn.TransformerEncoderLayer(2, 1, { dimFeedforward: 3 }).double();
    assert.deepEqual(dtypes(new nn.TransformerEncoder(layer, 2)), new Set(['float64']));
  });

  it('a given table keeps its own: Embedding.fromPretrained takes neither', () => {
    const table = ops.aten.ones!([2, 3], { dtype: 'float64' }) as Tensor;
    assert.equal(nn.Embedding.fromPretrained(table).weight.dtype, 'float64');
    for (const options of [{ dtype: 'float32' }, { device: 'cpu' }]) {
      throwsWithCode(() => nn.Embedding.fromPretrained(table, options as never), 'ERR_UNKNOWN_OPTION', /^nn\.Embedding\.fromPretrained: unknown option "d/);
    }
  });

  const usualDevice = getDefaultDevice();
  afterEach(() => setDefaultDevice(usualDevice));

  it('the default device holds what is made where none is named, and only that', function () {
    if (!cuda.isAvailable()) this.skip();
    for (const [name, make] of Object.entries(layers)) {
      setDefaultDevice('cuda');
      assert.deepEqual(devices(make({})), new Set(['cuda:0']), name);
      assert.deepEqual(devices(make({ device: 'cpu' })), new Set(['cpu']), name);
      setDefaultDevice('cpu');
      assert.deepEqual(devices(make({})), new Set(['cpu']), name);
      assert.deepEqual(devices(make({ device: 'cuda' })), new Set(['cuda:0']), name);
    }
  });
});
