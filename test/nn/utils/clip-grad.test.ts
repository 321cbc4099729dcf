import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { MASPlugin, nn, ops, optim, SupervisedTemplate, tensor, type Tensor } from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../../support/assertions';
import { fixturePath, loadFixture } from '../../support/fixtures';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const { norms, clipValue } = JSON.parse(readFileSync(fixturePath('optim', 'clipping.json'), 'utf8')) as {
  norms: { maxNorm: number; normType: number | 'Infinity'; norm: number }[];
  clipValue: number;
};

/** A parameter with this gradient. */
function withGradient(gradient: Tensor): Tensor {
  const parameter = (ops.aten.zeros_like!(gradient) as Tensor).requiresGrad_();
  (ops.aten.sum!(ops.aten.mul!(parameter, gradient)) as Tensor).backward();
  return parameter;
}

const gradients = (parameters: Tensor[]) =>
  ops.aten.cat!(parameters.map(({ grad }) => ops.aten.flatten!(grad) as Tensor)) as Tensor;

describe('nn.utils', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('optim/clipping');
  });
  const fresh = () => [0, 1, 2, 3].map((i) => withGradient(recorded(`gradient.${i}`)));

  norms.forEach(({ maxNorm, normType, norm }, i) => {
    it(`clipGradNorm_ with maxNorm ${maxNorm} and normType ${normType} gives PyTorch's norm and gradients`, () => {
      const parameters = [...fresh(), tensor([1]).requiresGrad_()];
      const total = nn.utils.clipGradNorm_(new Set(parameters), maxNorm, { normType: Number(normType) });
      assertTensorClose(total, tensor(norm));
      assertTensorClose(gradients(parameters.slice(0, 4)), recorded(`norm.${i}`));
    });
  });

  it('clipGradNorm_ takes one parameter, and 2 is its norm', () => {
    const p = withGradient(tensor([3, 4]));
    assert.equal(nn.utils.clipGradNorm_(p, 1).item(), 5);
    assertTensorClose(p.grad!, tensor([0.6, 0.8]));
  });

  it('clipGradNorm_ leaves gradients within the limit as they are', () => {
    const p = withGradient(tensor([3, 4]));
    nn.utils.clipGradNorm_([p], 6);
    assertTensorEqual(p.grad!, tensor([3, 4]));
  });

  it('clipGradNorm_ without gradients returns 0', () => {
    assertTensorEqual(nn.utils.clipGradNorm_([tensor([1]).requiresGrad_()], 1), tensor(0));
    assertTensorEqual(nn.utils.clipGradNorm_([], 1), tensor(0));
  });

  it('clipGradValue_ limits every element, and takes one parameter or many', () => {
    const parameters = fresh();
    nn.utils.clipGradValue_(parameters, clipValue);
    assertTensorEqual(gradients(parameters), recorded('value'));
    const p = withGradient(tensor([-5, 0.5]));
    nn.utils.clipGradValue_(p, 2);
    assertTensorEqual(p.grad!, tensor([-2, 0.5]));
    nn.utils.clipGradValue_([tensor([1]).requiresGrad_()], 1);
  });

  it('a NaN or infinite norm is refused where that is asked for, before anything changes', () => {
    for (const value of [NaN, Infinity]) {
      const p = withGradient(tensor([1, value]));
      throwsWithCode(
        () => nn.utils.clipGradNorm_(p, 1, { errorIfNonfinite: true }),
        'ERR_GRADIENT_NOT_FINITE',
        new RegExp(`^nn\\.utils\\.clipGradNorm_: expected gradients of finite norm, got ${value}$`),
      );
      assertTensorEqual(p.grad!, tensor([1, value]));
      assert.ok(!Number.isFinite(nn.utils.clipGradNorm_(p, 1).item()));
    }
  });

  it('a plugin clips what the optimizer of a strategy uses, the penalty of MAS included', async () => {
    const maxNorm = 0.05;
    const model = smallModel();
    const norms: number[] = [];
    const moves: number[] = [];
    const values = () => model.parameters().flatMap((p) => p.toNumbers());
    let before = values();
    const clip = {
      beforeUpdate: (strategy: SupervisedTemplate) => {
        before = values();
        norms.push(nn.utils.clipGradNorm_(strategy.model.parameters(), maxNorm).item());
      },
      afterUpdate: () => void moves.push(Math.hypot(...values().map((value, i) => value - before[i]!))),
    };
    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 1 }),
      trainMbSize: 2,
      plugins: [new MASPlugin({ lambdaReg: 1 }), clip],
      evaluator: null,
    });
    await strategy.train(smallBenchmark().trainStream);
    assert.equal(moves.length, 8);
    assert.ok(norms.some((norm) => norm > maxNorm));
    norms.forEach((norm, i) => {
      const expected = Math.min(norm, maxNorm);
      assert.ok(Math.abs(moves[i]! - expected) < 1e-5, `update ${i} moves by ${moves[i]} and not ${expected}`);
    });
  });

  it('misuse: limits and norms that are none, and something else than tensors', () => {
    const p = withGradient(tensor([3, 4]));
    const clip = (...args: unknown[]) => () => (nn.utils.clipGradNorm_ as any)(...args);
    throwsWithCode(clip([p], -1), 'ERR_INVALID_ARG_VALUE', /expected maxNorm to be a number of at least 0, got -1$/);
    throwsWithCode(clip([p], NaN), 'ERR_INVALID_ARG_VALUE', /maxNorm .* got NaN$/);
    throwsWithCode(clip([p]), 'ERR_INVALID_ARG_TYPE', /maxNorm .* got undefined$/);
    throwsWithCode(clip([p], 1, { normType: -1 }), 'ERR_INVALID_ARG_VALUE', /normType to be .* got -1$/);
    throwsWithCode(clip([p], 1, { norm: 2 }), 'ERR_UNKNOWN_OPTION', /unknown option "norm"/);
    throwsWithCode(clip([p, 3], 1), 'ERR_INVALID_ARG_TYPE', /expected a tensor or tensors .*, got 3 at index 1$/);
    throwsWithCode(clip(new nn.Linear(1, 1), 1), 'ERR_INVALID_ARG_TYPE', /\(model\.parameters\(\)\), got a Linear$/);
    throwsWithCode(() => nn.utils.clipGradValue_(p, -1), 'ERR_INVALID_ARG_VALUE', /clipValue .* got -1$/);
    assertTensorEqual(p.grad!, tensor([3, 4]));
  });
});
