import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { amp, autocast, manualSeed, nn, ops, optim, SupervisedTemplate, tensor, type Tensor, tidy } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { smallBenchmark, smallModel } from '../support/small-runs';

const recorded = JSON.parse(readFileSync(fixturePath('optim', 'scaler.json'), 'utf8')) as {
  gradients: (number | string)[];
  entries: { value: number; state: amp.GradScalerStateDict }[];
};
const toNumber = (gradient: number | string) => Number(String(gradient).replace('inf', 'Infinity'));
const loss = (p: Tensor, factor = 1) => ops.aten.sum!(ops.aten.mul!(p, factor)) as Tensor;

function setUp(options?: amp.GradScalerOptions) {
  const p = tensor([1, 1]).requiresGrad_();
  return { p, optimizer: new optim.SGD([p], { lr: 0.1 }), scaler: new amp.GradScaler(options) };
}

describe('amp.GradScaler', () => {
  it("has PyTorch's factor and parameters among gradients that overflow", () => {
    const { p, optimizer, scaler } = setUp({ initScale: 1024, growthFactor: 3, backoffFactor: 0.25, growthInterval: 3 });
    recorded.entries.forEach(({ value, state }, i) => {
      optimizer.zeroGrad();
      scaler.scale(loss(p, toNumber(recorded.gradients[i]!))).backward();
      scaler.step(optimizer);
      scaler.update();
      assertTensorClose(p, tensor([value, value]));
      assert.deepEqual(scaler.stateDict(), state);
      assert.equal(scaler.getScale(), state.scale);
    });
  });

  it('scales by 65536 at first; unscale_ gives the gradients back, for clipping', () => {
    const { p, optimizer, scaler } = setUp();
    assert.equal(scaler.getScale(), 65536);
    assertTensorEqual(scaler.scale(tensor(2)), tensor(131072));
    scaler.scale(loss(p, 3)).backward();
    assertTensorEqual(p.grad!, tensor([3 * 65536, 3 * 65536]));
    scaler.unscale_(optimizer);
    assertTensorEqual(p.grad!, tensor([3, 3]));
    nn.utils.clipGradNorm_(p, 1);
    scaler.step(optimizer);
    assertTensorClose(p, tensor([1 - 0.1 * Math.SQRT1_2, 1 - 0.1 * Math.SQRT1_2]));
  });

  it('scales each of several losses', () => {
    const [a, b] = new amp.GradScaler({ initScale: 4 }).scale([tensor(1), tensor([2])]);
    assertTensorEqual(a, tensor(4));
    assertTensorEqual(b, tensor([8]));
  });

  it('that is not enabled passes everything through', () => {
    const { p, optimizer, scaler } = setUp({ enabled: false });
    const value = loss(p, Infinity);
    assert.equal(scaler.scale(value), value);
    loss(p).backward();
    scaler.unscale_(optimizer);
    scaler.step(optimizer);
    scaler.step(optimizer);
    scaler.update();
    assertTensorClose(p, tensor([0.8, 0.8]));
    assert.deepEqual([scaler.getScale(), scaler.isEnabled(), scaler.stateDict()], [1, false, {}]);
    scaler.loadStateDict({});
  });

  it('update sets the factor that it is given', () => {
    const { p, scaler } = setUp();
    scaler.scale(loss(p));
    scaler.update(8);
    assert.equal(scaler.getScale(), 8);
  });

  it('goes on from a state dict, before and after its first use', () => {
    const state = { scale: 32, growth_factor: 4, backoff_factor: 0.5, growth_interval: 2, _growth_tracker: 1 };
    for (const used of [false, true]) {
      const { p, optimizer, scaler } = setUp();
      if (used) scaler.scale(loss(p));
      scaler.loadStateDict(new Map(Object.entries(state)));
      assert.deepEqual(scaler.stateDict(), state);
      scaler.scale(loss(p)).backward();
      scaler.step(optimizer);
      scaler.update();
      assert.deepEqual(scaler.stateDict(), { ...state, scale: 128, _growth_tracker: 0 });
    }
  });

  it('of two optimizers steps the one whose gradients are finite, and backs off', () => {
    const { p, optimizer, scaler } = setUp({ initScale: 4 });
    const q = tensor([1]).requiresGrad_();
    const other = new optim.SGD([q], { lr: 1 });
    scaler.scale(loss(p)).backward();
    scaler.scale(loss(q, Infinity)).backward();
    for (const each of [optimizer, other]) scaler.step(each);
    scaler.update();
    assertTensorClose(p, tensor([0.9, 0.9]));
    assertTensorEqual(q, tensor([1]));
    assert.equal(scaler.getScale(), 2);
  });

  it('keeps its factor through calls of tidy', () => {
    const { p, optimizer, scaler } = setUp({ initScale: 4, growthInterval: 1 });
    for (const scale of [8, 16]) {
      tidy(() => scaler.scale(loss(p)).backward());
      tidy(() => scaler.unscale_(optimizer));
      tidy(() => scaler.step(optimizer));
      tidy(() => scaler.update());
      assert.equal(scaler.getScale(), scale);
    }
  });

  it('serves in a strategy: override forward, backward and optimizerStep', async () => {
    class Mixed extends SupervisedTemplate {
      readonly scaler = new amp.GradScaler({ initScale: 256 });

      override forward() {
        return autocast('cpu', { dtype: 'bfloat16' }, () => this.model.forward(this.mbX!));
      }

      override backward() {
        this.scaler.scale(this.loss).backward();
      }

      override optimizerStep() {
        this.scaler.step(this.optimizer);
        this.scaler.update();
      }
    }
    const train = async (type: typeof SupervisedTemplate) => {
      manualSeed(3);
      const model = smallModel();
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      const strategy = new type({ model, optimizer, trainMbSize: 4, trainEpochs: 3, evaluator: null });
      await strategy.train(smallBenchmark().trainStream);
      return model.parameters();
    };
    const plain = await train(SupervisedTemplate);
    for (const [i, p] of (await train(Mixed)).entries()) {
      assertTensorClose(p, plain[i]!, { relative: 0.05, absolute: 0.01 });
    }
  });

  it('misuse: calls out of turn', () => {
    const { p, optimizer, scaler } = setUp();
    throwsWithCode(() => scaler.step(optimizer), 'ERR_CALL_ORDER', /^amp\.GradScaler: step: expected a call of scale before$/);
    throwsWithCode(() => scaler.unscale_(optimizer), 'ERR_CALL_ORDER', /unscale_: expected a call of scale before$/);
    throwsWithCode(() => scaler.update(), 'ERR_CALL_ORDER', /update: expected a call of scale before$/);
    scaler.scale(loss(p)).backward();
    throwsWithCode(() => scaler.update(), 'ERR_CALL_ORDER', /update: expected a step of an optimizer before$/);
    scaler.unscale_(optimizer);
    throwsWithCode(() => scaler.unscale_(optimizer), 'ERR_CALL_ORDER', /unscale_: expected one call .* two updates$/);
    scaler.step(optimizer);
    throwsWithCode(() => scaler.step(optimizer), 'ERR_CALL_ORDER', /step: expected one call .* two updates$/);
    throwsWithCode(() => scaler.unscale_(optimizer), 'ERR_CALL_ORDER', /unscale_/);
    scaler.update();
    assertTensorClose(p, tensor([0.9, 0.9]));
  });

  it('misuse: options, arguments and states that are none; gradients in float16', () => {
    for (const options of [{ initScale: 0 }, { growthFactor: 1 }, { backoffFactor: 1 }, { growthInterval: 0 }]) {
      throwsWithCode(() => new amp.GradScaler(options), 'ERR_INVALID_ARG_VALUE', /^amp\.GradScaler: expected /);
    }
    throwsWithCode(() => new amp.GradScaler({ device: 'cpu' } as never), 'ERR_UNKNOWN_OPTION', /"device"/);
    const { p, optimizer, scaler } = setUp();
    throwsWithCode(() => scaler.scale(3 as never), 'ERR_INVALID_ARG_TYPE', /^scale: expected a Tensor, got 3$/);
    throwsWithCode(() => scaler.step({} as never), 'ERR_INVALID_ARG_TYPE', /^step: expected optimizer to be an Optimizer/);
    scaler.scale(loss(p));
    throwsWithCode(() => scaler.update(0), 'ERR_INVALID_ARG_VALUE', /^update: expected newScale to be a number above 0, got 0$/);
    throwsWithCode(() => scaler.loadStateDict({}), 'ERR_STATE_DICT', /got scale undefined$/);
    const half = (ops.aten.to!(tensor([1]), { dtype: 'float16' }) as Tensor).requiresGrad_();
    (ops.aten.sum!(half) as Tensor).backward();
    throwsWithCode(() => scaler.unscale_(new optim.SGD([half])), 'ERR_UNSUPPORTED_DTYPE', /^unscale_: .* got float16$/);
    scaler.unscale_(optimizer);
  });
});
