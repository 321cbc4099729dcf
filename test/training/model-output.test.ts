import { describe, it } from 'mocha';
import { jit, Naive, nn, optim, type Tensor } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { fixturePath } from '../support/fixtures';
import { smallBenchmark } from '../support/small-runs';

const load = (name: string) => jit.load<Tensor>(fixturePath('torchscript', `output-${name}.pt`));

function train(model: nn.Module): Promise<unknown> {
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
  const strategy = new Naive({ model, optimizer, criterion: new nn.CrossEntropyLoss(), trainMbSize: 2, evaluator: quietEvaluator() });
  return strategy.train(smallBenchmark().trainStream);
}

const cases: Record<string, [got: string, python: string, javascript: string]> = {
  tuple: ['a tuple of 2 (a tensor of float32 [2, 3], a tensor of float32 [2, 4])', '[0]', '[0]'],
  nested: ['a tuple of 2 (Int, a tuple of 2 (a tensor of float32 [2, 3], None))', '[1][0]', '[1][0]'],
  list: [`a list of 10 [a tensor of float32 [2, 3]${', a tensor of float32 [2, 4]'.repeat(5)}, ...]`, '[0]', '[0]'],
  dict: ['a dict of 2 {"out": a tensor of float32 [2, 3], "aux": a tensor of float32 [2, 4]}', '["out"]', '.get("out")'],
  named: ['a tuple of 2 (Int, a tensor of float32 [2, 3])', '[1]', '[1]'],
};

const quoted = (text: string) => text.replace(/[[\](){}.$*+?|\\^]/g, '\\$&');

describe('a model that returns more than the tensor that is trained', () => {
  for (const [name, [got, python, javascript]] of Object.entries(cases)) {
    it(`is refused, with what it returns and how that tensor is picked: ${name}`, async () => {
      const expected = `^forward: expected the model to return one tensor, got ${quoted(got)}\\. .*${quoted(`return self.model(x)${python}\``)}.*${quoted(`return this.model.forward(x)${javascript}\``)}$`;
      await rejectsWithCode(train(await load(name)), 'ERR_MODEL_OUTPUT', new RegExp(expected));
    });
  }

  it('has nothing to pick where there is no tensor', async () => {
    await rejectsWithCode(train(await load('number')), 'ERR_MODEL_OUTPUT', /^forward: expected the model to return one tensor, got Double$/);
  });

  it('is trained as the message says', async () => {
    class Logits extends nn.Module {
      readonly model: jit.ScriptModule<Map<string, Tensor>>;
      constructor(model: jit.ScriptModule<Map<string, Tensor>>) {
        super();
        this.model = model;
      }
      override forward(x: Tensor): Tensor {
        return this.model.forward(x).get('out')!;
      }
    }
    const model = new Logits((await load('dict')) as never);
    await rejectsWithCode(train(model), 'ERR_LABEL_RANGE', /./); // three outputs, four classes: the logits are at the criterion
  });

  it('is refused where it is TypeScript, with what to return', async () => {
    class Pair extends nn.Module {
      layer = new nn.Linear(4, 4);
      override forward(x: Tensor): Tensor {
        return [this.layer.forward(x), x] as never;
      }
    }
    await rejectsWithCode(train(new Pair()), 'ERR_INVALID_ARG_TYPE', /^forward: expected a Tensor, got an array of 2: return the one that is trained/);
  });
});
