// What a subclass overrides and what a hook changes is what training uses.
import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'mocha';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type Criterion,
  type Experience,
  manualSeed,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
  Tensor,
  tensor,
} from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode } from '../../support/assertions';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const lr = 0.25;
const crossEntropy = new nn.CrossEntropyLoss();

let model: nn.Module;
let experience: Experience;
let initial: Tensor[];

/** One experience of one mini-batch: a single step of SGD without momentum. */
function options(more: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplateOptions {
  return {
    model,
    optimizer: new optim.SGD(model.parameters(), { lr }),
    trainMbSize: 8,
    evalMbSize: 4,
    evaluator: null,
    ...more,
  };
}

const train = (strategy: SupervisedTemplate) => strategy.train(experience, { shuffle: false });
const copies = (tensors: Tensor[]) => tensors.map((item) => ops.aten.detach!(ops.aten.clone!(item)) as Tensor);
const times = (a: Tensor, factor: number) => ops.aten.mul!(a, factor) as Tensor;

/** The parameters are where one step along the gradient of `objective` leads from the initial ones. */
function assertStepAlong(objective: () => Tensor): void {
  const after = copies(model.parameters());
  model.parameters().forEach((parameter, i) => {
    parameter.requiresGrad_(false);
    ops.aten.copy_!(parameter, initial[i]);
    parameter.requiresGrad_(true);
  });
  new optim.SGD(model.parameters()).zeroGrad();
  objective().backward();
  model.parameters().forEach((parameter, i) => {
    const expected = ops.aten.sub!(initial[i], times(parameter.grad!, lr)) as Tensor;
    assertTensorClose(after[i]!, expected, undefined, `parameter ${i}`);
  });
}

const usual = () => crossEntropy.forward(model.forward(experience.dataset.x), experience.dataset.y);

describe('SupervisedTemplate', () => {
  beforeEach(() => {
    manualSeed(5);
    model = smallModel();
    initial = copies(model.parameters());
    experience = smallBenchmark().trainStream.at(0)!;
  });

  it('takes a step along the gradient of the criterion where nothing is overridden', async () => {
    await train(new SupervisedTemplate(options()));
    assertStepAlong(usual);
  });

  describe('overrides', () => {
    const scaledOutput = () =>
      crossEntropy.forward(times(model.forward(experience.dataset.x), 3), experience.dataset.y);

    it('takes the output of forward, in training and in evaluation', async () => {
      class Scaled extends SupervisedTemplate {
        override forward() {
          return times(this.model.forward(this.mbX!), 3);
        }
      }
      let evaluated: Tensor | undefined;
      const strategy = new Scaled(options({ plugins: [{ afterEvalForward: (s) => void (evaluated = s.mbOutput!) }] }));
      await strategy.eval(smallBenchmark().testStream.at(0)!);
      assertTensorClose(evaluated!, times(model.forward(smallBenchmark().testStream.at(0)!.dataset.x), 3));
      await train(strategy);
      assertStepAlong(scaledOutput);
    });

    it('waits for an asynchronous forward', async () => {
      class Slow extends SupervisedTemplate {
        override async forward() {
          await nextTurn();
          return times(await super.forward(), 3);
        }
      }
      await train(new Slow(options()));
      assertStepAlong(scaledOutput);
    });

    it('takes the loss of criterion, synchronous or not', async () => {
      const sumOfSquares = (output: Tensor) => ops.aten.mean!(ops.aten.mul!(output, output)) as Tensor;
      class Squares extends SupervisedTemplate {
        override async criterion() {
          await nextTurn();
          return sumOfSquares(this.mbOutput!);
        }
      }
      await train(new Squares(options()));
      assertStepAlong(() => sumOfSquares(model.forward(experience.dataset.x)));
    });

    it('leaves the gradients to backward', async () => {
      class Ascent extends SupervisedTemplate {
        override backward() {
          times(this.loss, -1).backward();
        }
      }
      await train(new Ascent(options()));
      assertStepAlong(() => times(usual(), -1));
    });

    it('leaves the parameters to optimizerStep', async () => {
      let steps = 0;
      class Frozen extends SupervisedTemplate {
        override optimizerStep() {
          steps++;
        }
      }
      await train(new Frozen(options({ trainEpochs: 3 })));
      assert.equal(steps, 3);
      model.parameters().forEach((parameter, i) => assertTensorEqual(parameter, initial[i]!));
    });

    it('honours a method that is put on one object', async () => {
      const strategy = new SupervisedTemplate(options());
      let calls = 0;
      strategy.optimizerStep = () => void calls++;
      await train(strategy);
      assert.equal(calls, 1);
      model.parameters().forEach((parameter, i) => assertTensorEqual(parameter, initial[i]!));
    });

    for (const [name, override] of Object.entries({
      forward: { forward: () => 3 },
      criterion: { criterion: () => null },
    })) {
      it(`refuses a ${name} that returns no tensor, and trains with one that does`, async () => {
        const strategy = Object.assign(new SupervisedTemplate(options()), override as object);
        await rejectsWithCode(
          train(strategy),
          'ERR_INVALID_ARG_TYPE',
          new RegExp(`^${name}: expected a Tensor.*got (3|null)`),
        );
        delete (strategy as Record<string, unknown>)[name];
        await train(strategy);
        assertStepAlong(usual);
      });
    }
  });

  describe('criterion of the user', () => {
    const absolute = (output: Tensor) => ops.aten.mean!(ops.aten.abs!(output)) as Tensor;
    const criteria: Record<string, Criterion> = {
      'a function': absolute,
      'an asynchronous function': async (output) => {
        await nextTurn();
        return absolute(output);
      },
      'an object with forward': { forward: absolute },
      'a subclass of CrossEntropyLoss': new (class extends nn.CrossEntropyLoss {
        override forward(output: Tensor) {
          return absolute(output);
        }
      })(),
    };
    for (const [kind, criterion] of Object.entries(criteria)) {
      it(`may be ${kind}`, async () => {
        await train(new SupervisedTemplate(options({ criterion })));
        assertStepAlong(() => absolute(model.forward(experience.dataset.x)));
      });
    }

    it('gets the output and the target of the mini-batch', async () => {
      const strategy: SupervisedTemplate = new SupervisedTemplate(
        options({
          criterion: (output, target) => {
            assert.ok(output.isSame(strategy.mbOutput!));
            assert.ok(target.isSame(strategy.mbY!));
            return crossEntropy.forward(output, target);
          },
        }),
      );
      await train(strategy);
      assertStepAlong(usual);
    });

    it('fails with ERR_CRITERION where it throws, its error being the cause', async () => {
      const cause = new Error('no such loss');
      const criterion = () => {
        throw cause;
      };
      const error = await rejectsWithCode(
        train(new SupervisedTemplate(options({ criterion }))),
        'ERR_CRITERION',
        /^criterion: .*no such loss/,
      );
      assert.equal(error.cause, cause);
    });
  });

  describe('loss in hooks', () => {
    const sumOfWeights = () => ops.aten.sum!(model.parameters()[0]) as Tensor;
    const withPenalty = () => ops.aten.add!(usual(), sumOfWeights()) as Tensor;

    it('may be added to in place', async () => {
      await train(
        new SupervisedTemplate(
          options({ plugins: [{ beforeBackward: (s) => void ops.aten.add_!(s.loss, sumOfWeights()) }] }),
        ),
      );
      assertStepAlong(withPenalty);
    });

    it('may be replaced', async () => {
      const replace: Plugin = {
        beforeBackward: (strategy) => {
          strategy.loss = ops.aten.add!(strategy.loss, sumOfWeights()) as Tensor;
        },
      };
      await train(new SupervisedTemplate(options({ plugins: [replace] })));
      assertStepAlong(withPenalty);
    });

    it('may be built on an output that a hook has replaced', async () => {
      const replace: Plugin = {
        afterForward: (strategy) => {
          strategy.mbOutput = times(strategy.mbOutput!, 3);
        },
      };
      await train(new SupervisedTemplate(options({ plugins: [replace] })));
      assertStepAlong(() => crossEntropy.forward(times(model.forward(experience.dataset.x), 3), experience.dataset.y));
    });

    it('has shape [1] in training, 0 before the criterion; and no dimension in evaluation', async () => {
      const seen: [string, number[], boolean][] = [];
      const look = (name: string) => (s: SupervisedTemplate) =>
        void seen.push([name, s.loss.shape, s.loss.item() !== 0]);
      const watch: Plugin = {
        beforeForward: look('beforeForward'),
        beforeBackward: look('beforeBackward'),
        afterUpdate: look('afterUpdate'),
        afterEvalIteration: look('afterEvalIteration'),
      };
      const strategy = new SupervisedTemplate(options({ plugins: [watch] }));
      await train(strategy);
      await strategy.eval(smallBenchmark().testStream.at(0)!);
      assert.deepEqual(seen, [
        ['beforeForward', [1], false],
        ['beforeBackward', [1], true],
        ['afterUpdate', [1], true],
        ['afterEvalIteration', [], true],
      ]);
      assertTensorEqual(strategy.loss, tensor([0]));
    });

    it('is the criterion’s value of that mini-batch', async () => {
      let loss = NaN;
      const expected = usual().item();
      await train(
        new SupervisedTemplate(options({ plugins: [{ afterBackward: (s) => void (loss = s.loss.item()) }] })),
      );
      assert.ok(Math.abs(loss - expected) < 1e-6);
    });
  });
});
