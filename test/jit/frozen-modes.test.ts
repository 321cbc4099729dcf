import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { jit, manualSeed, Naive, nn, ops, optim, type Tensor } from '../../lib/index';
import { quietEvaluator } from '../support/evaluators';
import { fixturePath } from '../support/fixtures';
import { testOnCpu } from '../support/on-cpu';
import { smallBenchmark } from '../support/small-runs';
import { warnings } from '../support/warnings';

const load = (name: string) => jit.load(fixturePath('torchscript', `${name}.pt`));

const places = [
  ['features.1', 'batch_norm'],
  ['features.3', 'feature_dropout'],
  ['norm', 'instance_norm'],
  ['lstm', 'lstm'],
  ['alpha', 'alpha_dropout'],
  ['out.1', 'dropout'],
];

describe('operators that a trace has frozen', () => {
  for (const mode of ['eval', 'train'] as const) {
    it(`are found in a model that was traced in ${mode} mode, each where it stands`, async () => {
      const model = await load(`modes-${mode}`);
      assert.deepEqual(
        model.frozenModes,
        places.map(([module, operator]) => ({ module, operator, mode })),
      );
    });
  }

  it('do not change with train and eval, which is what is reported', testOnCpu('a trace holds the device of what the model makes', async () => {
    const x = ops.aten.view!(ops.aten.arange!(32, { dtype: 'float32' }), [2, 1, 4, 4]) as Tensor;
    const seen = (model: jit.ScriptModule) => model.namedBuffers().get('norm.running_mean')!.toNumbers();
    const frozen = await load('modes-eval');
    const before = seen(frozen);
    frozen.train().forward(x);
    assert.deepEqual(seen(frozen), before);
    const scripted = await load('modes-script');
    manualSeed(0); // dropout before the norm may leave nothing over
    scripted.train().forward(x);
    assert.notDeepEqual(seen(scripted), before);
  }));

  it('are not there in a scripted model', async () => {
    assert.deepEqual((await load('modes-script')).frozenModes, []);
    assert.deepEqual((await load('values')).frozenModes, []);
    assert.deepEqual((await jit.load(fixturePath('models', 'affine.pt'))).frozenModes, []);
  });

  it('are reported where code asks for a mode, in functions too, and once', async () =>
    assert.deepEqual((await load('functional')).frozenModes, [{ module: '', operator: 'dropout', mode: 'eval' }]));

  it('are attention with dropout', async () =>
    assert.deepEqual((await load('attention-train')).frozenModes, [
      { module: '', operator: 'scaled_dot_product_attention', mode: 'train' },
    ]));

  it('draw a warning on loading where they are in eval mode and there is something to train', async () => {
    const [warning, ...others] = await warnings(() => load('modes-eval'));
    assert.deepEqual(others, []);
    assert.match(warning!, /^WARN_TRACED_IN_EVAL_MODE: jit\.load: .*batch_norm in "features\.1", .*lstm in "lstm".*1 more/);
    assert.match(warning!, /torch\.jit\.script\(model\).*torch\.jit\.trace in train mode.*training=False/);
    for (const name of ['modes-train', 'modes-script', 'attention-train', 'values']) {
      assert.deepEqual(await warnings(() => load(name)), [], name);
    }
  });

  it('draw a warning once when a strategy trains the model, and do not keep it from training', async () => {
    const model = await load('classifier-eval');
    await new Promise(setImmediate); // the warning of jit.load
    const before = model.parameters()[0]!.toNumbers();
    const strategy = new Naive({
      model,
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      criterion: new nn.CrossEntropyLoss(),
      trainMbSize: 2,
      evaluator: quietEvaluator(),
    });
    const train = () => strategy.train(smallBenchmark().trainStream);
    const [warning, ...others] = await warnings(train);
    assert.deepEqual(others, []);
    assert.match(warning!, /^WARN_TRACED_IN_EVAL_MODE: train: the model was traced in eval mode: dropout in "1" will not/);
    assert.deepEqual(await warnings(train), []);
    assert.notDeepEqual(model.parameters()[0]!.toNumbers(), before);
  });
});
