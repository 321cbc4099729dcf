import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { amp, autocast, isAutocastEnabled, nn, ops, optim, SupervisedTemplate, tensor, type Tensor } from '../../lib/index';
import { onCpu } from '../support/on-cpu';
import { assertTensorClose, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { smallBenchmark, smallModel } from '../support/small-runs';

const recorded = JSON.parse(readFileSync(fixturePath('optim', 'autocast.json'), 'utf8')) as Record<
  string,
  Record<'bfloat16' | 'float16', string>
>;
const ramp = (...shape: number[]) => {
  const count = shape.reduce((a, b) => a * b, 1);
  return tensor(Float32Array.from({ length: count }, (_, i) => (i + 1) / count), { shape, device: 'cpu' });
};
const x = ramp(4, 3);
const w = ramp(3, 3);
const operands: Record<string, unknown[]> = {
  mm: [x, w],
  matmul: [x, w],
  linear: [x, w],
  addmm: [tensor([0, 0, 0], { device: 'cpu' }), x, w],
  conv2d: [ramp(1, 1, 4, 4), ramp(1, 1, 2, 2)],
  relu: [x],
  add: [x, x],
  sum: [x],
  softmax: [x, -1],
  log_softmax: [x, -1],
  mse_loss: [x, x],
  exp: [x],
  linalg_vector_norm: [x],
  smooth_l1_loss: [x, x],
};
const product = () => ops.aten.mm!(x, w) as Tensor;

describe('autocast', () => {
  onCpu('autocast for "cpu" is about what is computed there');

  for (const dtype of ['bfloat16', 'float16'] as const) {
    it(`gives operators the dtypes of PyTorch's with ${dtype} on the CPU`, () => {
      const dtypes = autocast('cpu', { dtype }, () =>
        Object.entries(recorded).map(([name]) => {
          const short = ['mse_loss', 'smooth_l1_loss'].includes(name);
          const given = operands[name]!.map((value) => (short ? ops.aten.to!(value as Tensor, { dtype }) : value));
          return [name, (ops.aten[name]!(...(given as Tensor[])) as Tensor).dtype];
        }),
      );
      assert.deepEqual(dtypes, Object.entries(recorded).map(([name, types]) => [name, types[dtype]]));
    });
  }

  it('computes in bfloat16 on the CPU unless told otherwise, with values near those of float32', () => {
    const short = autocast('cpu', product);
    assert.equal(short.dtype, 'bfloat16');
    assertTensorClose(ops.aten.to!(short, { dtype: 'float32' }), product(), { relative: 0.01, absolute: 0.01 });
  });

  it('reaches the layers of a model and leaves its parameters and their gradients in float32', () => {
    const model = new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 2));
    const output = autocast('cpu', () => model.forward(x));
    assert.equal(output.dtype, 'bfloat16');
    assert.equal(model.forward(x).dtype, 'float32');
    const loss = autocast('cpu', () => new nn.CrossEntropyLoss().forward(output, tensor([0, 1, 0, 1], { dtype: 'int64' })));
    assert.equal(loss.dtype, 'float32');
    loss.backward();
    for (const p of model.parameters()) assert.deepEqual([p.dtype, p.grad!.dtype], ['float32', 'float32']);
  });

  it('ends with the function, also with one that throws, and returns what it returns', () => {
    assert.equal(autocast('cpu', () => isAutocastEnabled('cpu')), true);
    assert.equal(isAutocastEnabled('cpu'), false);
    const error = new Error('from inside');
    assert.throws(() => autocast('cpu', () => { throw error; }), error);
    assert.equal(isAutocastEnabled('cpu'), false);
    assert.equal(product().dtype, 'float32');
  });

  it('may be nested: switched off inside, with another dtype, and then as before', () => {
    const dtypes = autocast('cpu', () => [
      product().dtype,
      autocast('cpu', { enabled: false }, () => product().dtype),
      autocast('cpu', { dtype: 'float16' }, () => product().dtype),
      product().dtype,
    ]);
    assert.deepEqual(dtypes, ['bfloat16', 'float32', 'float16', 'bfloat16']);
    assert.equal(autocast('cpu', () => product().dtype), 'bfloat16');
  });

  it('sees parameters that have changed since it was left: casts are kept no longer', () => {
    const p = tensor([[1]]).requiresGrad_();
    const double = () => autocast('cpu', () => (ops.aten.mm!(tensor([[2]]), p) as Tensor).item());
    assert.equal(double(), 2);
    ops.aten.fill_!(ops.aten.detach!(p), 3);
    assert.equal(double(), 6);
  });

  it('for CUDA leaves tensors on the CPU alone', () => {
    assert.equal(autocast('cuda', () => product().dtype), 'float32');
    assert.equal(autocast('cuda', () => isAutocastEnabled('cpu')), false);
  });

  it('serves in the forward pass of a strategy: override forward and criterion', async () => {
    const seen: string[] = [];
    class Mixed extends SupervisedTemplate {
      override forward() {
        const output = autocast('cpu', () => this.model.forward(this.mbX!));
        seen.push(output.dtype);
        return output;
      }
    }
    const model = smallModel();
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.5 });
    const strategy = new Mixed({ model, optimizer, trainMbSize: 4, trainEpochs: 20, evaluator: null });
    const { trainStream } = smallBenchmark();
    const losses: number[] = [];
    strategy.plugins.push({ afterUpdate: (s: SupervisedTemplate) => void losses.push(s.loss.item()) });
    await strategy.train(trainStream.at(0)!);
    assert.deepEqual([...new Set(seen)], ['bfloat16']);
    assert.ok(losses.at(-1)! < losses[0]!);
    for (const p of model.parameters()) assert.equal(p.dtype, 'float32');
  });

  it('is also amp.autocast', () => {
    assert.equal(amp.autocast, autocast);
  });

  it('misuse: devices, dtypes and functions that are none; an async function', () => {
    const call = (...args: unknown[]) => () => (autocast as any)(...args);
    throwsWithCode(call('gpu', product), 'ERR_INVALID_ARG_VALUE', /^autocast: expected deviceType to be "cpu" or "cuda", got "gpu"$/);
    throwsWithCode(call('cpu', { dtype: 'int8' }, product), 'ERR_INVALID_ARG_VALUE', /dtype to be "bfloat16" or "float16", got "int8"$/);
    throwsWithCode(call('cpu', { type: 1 }, product), 'ERR_UNKNOWN_OPTION', /unknown option "type"/);
    throwsWithCode(call('cpu', {}), 'ERR_INVALID_ARG_TYPE', /expected fn to be a function that is not async, got an object$/);
    throwsWithCode(call('cpu'), 'ERR_INVALID_ARG_TYPE', /got undefined$/);
    let called = false;
    const late = async () => void (called = true);
    throwsWithCode(call('cpu', late), 'ERR_INVALID_ARG_TYPE', /not async, got an async function$/);
    assert.equal(called, false);
    assert.equal(isAutocastEnabled('cpu'), false);
  });
});
