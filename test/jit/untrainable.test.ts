import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { jit, Naive, nn, ops, optim, type Tensor } from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { fixturePath } from '../support/fixtures';
import { onCpu } from '../support/on-cpu';
import { smallBenchmark } from '../support/small-runs';
import { warnings } from '../support/warnings';

const load = (name: string) => jit.load(fixturePath('torchscript', `${name}.pt`));
const x = () => ops.aten.ones!([2, 4]) as Tensor;

const parts: Record<string, jit.UntrainablePart[]> = {
  ...Object.fromEntries(
    ['frozen', 'frozen-optimized', 'frozen-vectors', 'frozen-mode-kept', 'frozen-version-kept'].map((name) => [
      name,
      [{ module: '', reason: 'frozen' } as const],
    ]),
  ),
  'quantized-dynamic': [
    { module: '0', reason: 'quantized' },
    { module: '2', reason: 'quantized' },
  ],
  'quantized-traced': [
    { module: '0', reason: 'quantized' },
    { module: '2', reason: 'quantized' },
  ],
  'quantized-body': [{ module: 'body.0', reason: 'quantized' }],
  'quantized-static': [
    { module: 'linear', reason: 'quantized' },
    { module: 'quant', reason: 'quantized' },
  ],
  'quantized-frozen': [{ module: '', reason: 'quantized' }],
};

describe('TorchScript that cannot be trained', () => {
  onCpu('quantised operators compute there alone, and what was frozen keeps its constants there');

  for (const [name, expected] of Object.entries(parts)) {
    it(`is told from other models, and predicts: ${name}`, async () => {
      let model!: jit.ScriptModule;
      const [warning, ...others] = await warnings(async () => (model = await load(name)));
      const byName = (a: jit.UntrainablePart, b: jit.UntrainablePart) => (a.module < b.module ? -1 : 1);
      assert.deepEqual(model.untrainableParts.sort(byName), expected);
      assert.match(warning!, /^WARN_UNTRAINABLE: jit\.load: the model .*predicts, but cannot be trained.*torch\.jit\.script\(model\)\.save/);
      assert.match(warning!, expected[0]!.reason === 'frozen' ? /was frozen in Python \(torch\.jit\.freeze, optimize_for_inference\)/ : /was quantized in Python/);
      assert.deepEqual(others, [], 'once a model');
      assert.deepEqual(model.eval().forward(x()).shape, [2, 4]);
    });
  }

  it('is no other: scripted, traced in either mode, with constants', async () => {
    for (const name of ['modes-script', 'modes-eval', 'modes-train', 'functional', 'attention-train', 'values', 'frozen-constants']) {
      let model!: jit.ScriptModule;
      const found = await warnings(async () => (model = await load(name)));
      assert.deepEqual(model.untrainableParts, [], name);
      assert.ok(!found.some((warning) => warning.startsWith('WARN_UNTRAINABLE')), name);
    }
    class Scaled extends nn.Module {
      override forward(input: Tensor): Tensor {
        return ops.aten.mul!(input, ops.aten.ones!([4, 4])) as Tensor;
      }
    }
    assert.deepEqual(jit.trace(new Scaled(), ops.aten.ones!([4, 4]) as Tensor).untrainableParts, []);
  });

  it('is refused by optimizers and strategies, with the reason', async () => {
    for (const name of ['frozen', 'frozen-optimized', 'frozen-vectors', 'frozen-mode-kept', 'quantized-dynamic', 'quantized-static', 'quantized-frozen']) {
      const model = await load(name);
      throwsWithCode(
        () => new optim.Adam(model.parameters()),
        'ERR_NO_PARAMETERS',
        /^optim\.Adam: expected at least one parameter, got none: .*frozen or quantized$/,
      );
      await rejectsWithCode(
        strategyOf(model, new nn.Linear(1, 1)).train(smallBenchmark().trainStream),
        'ERR_NO_PARAMETERS',
        /^train: expected a model with parameters, the model .*was (frozen|quantized) in Python/,
      );
    }
  });

  it('keeps a parameter that was preserved, which is trained', async () => {
    let model!: jit.ScriptModule;
    const [warning] = await warnings(async () => (model = await load('frozen-weight-kept')));
    assert.match(warning!, /was frozen in Python .*\(the parameters that it has left are trained\)/);
    assert.deepEqual(model.untrainableParts, [{ module: '', reason: 'frozen' }]);
    const [scale, ...others] = model.parameters();
    assert.deepEqual([others, scale!.toNumbers()], [[], [1, 1, 1, 1]]);
    await strategyOf(model, model).train(smallBenchmark().trainStream);
    assert.notDeepEqual(scale!.toNumbers(), [1, 1, 1, 1]);
  });

  it('trains where parameters are left that the loss depends on by floats', async () => {
    const model = await load('quantized-body');
    const before = model.parameters()[0]!.toNumbers();
    await strategyOf(model, model).train(smallBenchmark().trainStream);
    assert.notDeepEqual(model.parameters()[0]!.toNumbers(), before);
  });
});

function strategyOf(model: jit.ScriptModule, ofParameters: { parameters(): Tensor[] }): Naive {
  return new Naive({
    model,
    optimizer: new optim.SGD(ofParameters.parameters(), { lr: 0.1 }),
    criterion: new nn.CrossEntropyLoss(),
    trainMbSize: 4,
    evaluator: quietEvaluator(),
  });
}
