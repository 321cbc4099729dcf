import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  hookNames,
  MASPlugin,
  ops,
  SupervisedTemplate,
  type Tensor,
  tensor,
} from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { firstImportance, firstWeights, linearRun, secondImportance, secondWeights } from '../../support/linear-mas';

const row = (values: number[]) => tensor([values]);

/** Loss before and behind MAS, and the gradients after backward, of every iteration of the second experience. */
function probes() {
  const seen = { before: [] as number[], behind: [] as number[], grads: [] as number[][] };
  return {
    seen,
    before: [{ beforeBackward: (s: SupervisedTemplate) => void seen.before.push(s.loss.item()) }],
    after: [
      {
        beforeBackward: (s: SupervisedTemplate) => void seen.behind.push(s.loss.item()),
        afterBackward: (s: SupervisedTemplate) => {
          if (s.clock.trainExpCounter > 0) seen.grads.push(s.model.parameters()[0]!.grad!.toNumbers());
        },
      },
    ],
  };
}

describe('MASPlugin', () => {
  describe('importance', () => {
    it('is the mean over mini-batches of the absolute gradient of the mean squared norm of the output', async () => {
      const { strategy, mas, stream } = linearRun();
      assert.equal(mas.importance, null);
      assert.equal(mas.params, null);
      await strategy.train(stream.at(0)!, { shuffle: false });
      assert.deepEqual([...mas.importance!.keys()], ['weight']);
      assertTensorClose(mas.importance!.get('weight')!, row(firstImportance));
      assertTensorEqual(mas.params!.get('weight')!, row(firstWeights));
    });

    it('does not depend on the order of mini-batches in training', async () => {
      const { strategy, mas, stream } = linearRun({ trainEpochs: 3 });
      await strategy.train(stream.at(0)!, { shuffle: true });
      assertTensorClose(mas.importance!.get('weight')!, row(firstImportance));
    });

    // alpha old + (1 - alpha) new, of (1.5, 2.5) and (6, 3).
    for (const [alpha, merged] of [
      [0, secondImportance],
      [0.25, [4.875, 2.875]],
      [0.5, [3.75, 2.75]],
      [1, firstImportance],
    ] as const) {
      it(`is merged with the earlier one: alpha ${alpha}`, async () => {
        const { mas, train } = linearRun({ mas: { alpha } });
        await train();
        assertTensorClose(mas.importance!.get('weight')!, row([...merged]));
        assertTensorEqual(mas.params!.get('weight')!, row(secondWeights));
      });
    }

    it('starts anew with another strategy', async () => {
      const first = linearRun();
      await first.train();
      const { strategy, stream } = linearRun();
      strategy.plugins.splice(1, 1, first.mas);
      await strategy.train(stream.at(0)!);
      assertTensorClose(first.mas.importance!.get('weight')!, row(firstImportance));
    });

    it('is a pass that leaves the last mini-batch’s gradients, and train mode whatever was set before', async () => {
      const modes: boolean[] = [];
      let grad: Tensor | null = null;
      const { model, strategy, stream, weight } = linearRun({
        before: [{ afterTrainingExp: (s) => void s.model.eval() }],
        after: [
          {
            afterTrainingExp: (s) => {
              modes.push(s.model.training);
              grad = weight.grad;
            },
          },
        ],
      });
      await strategy.train(stream.at(0)!);
      assert.deepEqual(modes, [true]);
      assert.equal(model.training, true);
      assertTensorClose(grad!, row([0, -4]));
    });

    it('reports its progress', async () => {
      const reports: string[] = [];
      const { train } = linearRun({
        onProgress: ({ phase, done, total }) => void (phase === 'importance' && reports.push(`${done}/${total}`)),
      });
      await train();
      assert.ok(reports.includes('2/2'), reports.join());
      assert.equal(reports.at(-1), '1/1');
    });
  });

  describe('penalty', () => {
    // Distance (0.5, -1), importance (1.5, 2.5): 1.5 * 0.25 + 2.5 * 1 = 2.875; gradient 2 (0.75, -2.5) = (1.5, -5).
    for (const [lambdaReg, penalty, gradient] of [
      [0, 0, [0, 0]],
      [1, 2.875, [1.5, -5]],
      [2, 5.75, [3, -10]],
    ] as const) {
      it(`is lambda times the weighted squared distance: lambda ${lambdaReg}`, async () => {
        const { seen, before, after } = probes();
        const { train } = linearRun({ mas: { lambdaReg }, before, after });
        await train();
        // The first experience has two iterations, the second one.
        assert.deepEqual(seen.before, [1, 1, 1]);
        assert.deepEqual(seen.behind, [1, 1, 1 + penalty]);
        assert.equal(seen.grads.length, 1);
        assertTensorClose(tensor(seen.grads[0]!), tensor([...gradient]));
      });
    }

    it('keeps the shape [1] of the loss', async () => {
      const shapes: number[][] = [];
      const { train } = linearRun({ after: [{ beforeBackward: (s) => void shapes.push(s.loss.shape) }] });
      await train();
      assert.deepEqual(shapes, [[1], [1], [1]]);
    });

    const halving: Record<string, (s: SupervisedTemplate) => void> = {
      'in place': (s) => void ops.aten.mul_!(s.loss, 0.5),
      'by a new tensor': (s) => {
        s.loss = ops.aten.mul!(s.loss, 0.5) as Tensor;
      },
    };
    for (const [how, scale] of Object.entries(halving)) {
      it(`has half the gradient where a hook behind MAS halves the loss ${how}`, async () => {
        const { seen, after } = probes();
        const { train } = linearRun({ mas: { lambdaReg: 2 }, after: [{ beforeBackward: scale }, ...after] });
        await train();
        assert.deepEqual(seen.behind, [0.5, 0.5, 0.5 * 6.75]);
        assertTensorClose(tensor(seen.grads[0]!), tensor([1.5, -5]));
      });
    }

    it('has no gradient where a hook behind MAS replaces the loss by another', async () => {
      const { seen, after } = probes();
      const replace = (s: SupervisedTemplate) => {
        s.loss = ops.aten.sum!(s.mbOutput, [0]) as Tensor;
      };
      const { train } = linearRun({ after: [{ beforeBackward: replace }, ...after] });
      await train();
      // d/dw of the sum of w.x over (2, 0) and (0, 1).
      assertTensorClose(tensor(seen.grads[0]!), tensor([2, 1]));
    });

    it('has no gradient where an override of backward takes none', async () => {
      const grads: (Tensor | null)[] = [];
      class NoBackward extends SupervisedTemplate {
        override backward() {}
      }
      const { train, weight } = linearRun({
        template: NoBackward,
        after: [{ afterBackward: () => void grads.push(weight.grad) }],
      });
      await train();
      assert.deepEqual(grads, [null, null, null]);
    });

    it('has its gradient where a hook behind MAS clears the gradients before backward', async () => {
      const { seen, after } = probes();
      const clear = (s: SupervisedTemplate) => s.optimizer.zeroGrad();
      const { train } = linearRun({ after: [{ beforeBackward: clear }, ...after] });
      await train();
      assertTensorClose(tensor(seen.grads[0]!), tensor([1.5, -5]));
    });

    it('may be added by an override that calls the hook itself', async () => {
      const elsewhere = new MASPlugin({ lambdaReg: 2 });
      class OwnOrder extends SupervisedTemplate {
        override async backward() {
          await elsewhere.beforeBackward(this);
          return super.backward();
        }
      }
      const { seen, after } = probes();
      const { strategy, train } = linearRun({ template: OwnOrder, after });
      // Only its consolidation is called as a hook.
      strategy.plugins.splice(1, 1, { afterTrainingExp: (s) => elsewhere.afterTrainingExp(s) });
      await train();
      assertTensorClose(tensor(seen.grads[0]!), tensor([3, -10]));
    });

    it('counts twice with two plugins', async () => {
      const { seen, after } = probes();
      const { train } = linearRun({ after: [new MASPlugin({ lambdaReg: 3 }), ...after] });
      await train();
      assert.equal(seen.behind.at(-1), 1 + 4 * 2.875);
      assertTensorClose(tensor(seen.grads[0]!), tensor([6, -20]));
    });

    it('is added to a loss that is exactly 0, which is a loss as any other', async () => {
      const { seen, before, after } = probes();
      const criterion = (output: Tensor) => output.sum().mul(0);
      for (const [plugins, zeros] of [
        [{ before, after }, [0, 0, 0]],
        // Without listeners iterations are joined.
        [{}, []],
      ] as const) {
        const { train, weight } = linearRun({ ...plugins, criterion, learningRate: 0.1 });
        await train();
        assert.deepEqual(seen.before.splice(0), zeros);
        assertTensorClose(weight, row([1.35, -2.5]));
      }
      assert.equal(seen.behind.at(-1), 2.875);
    });

    it('pulls the weights back towards where they were', async () => {
      const { train, weight } = linearRun({ learningRate: 0.1 });
      await train();
      // (1.5, -3) - 0.1 (1.5, -5)
      assertTensorClose(weight, row([1.35, -2.5]));
    });
  });

  describe('misuse', () => {
    it('fails where the plugin joins a strategy that has trained, which can go on without it', async () => {
      const { mas, strategy, stream } = linearRun();
      strategy.plugins.splice(1, 1);
      await strategy.train(stream.at(0)!);
      strategy.plugins.splice(1, 0, mas);
      await rejectsWithCode(
        strategy.train(stream.at(1)!),
        'ERR_MAS_NO_IMPORTANCE',
        /^MASPlugin.*expected importances.*none/,
      );
      assert.equal(strategy.clock.trainExpCounter, 1);
      strategy.plugins.splice(1, 1);
      await strategy.train(stream.at(1)!);
      assert.equal(strategy.clock.trainExpCounter, 2);
      assert.equal(strategy.model.training, true);
    });

    it('refuses a hook called outside of training, and the strategy stays usable', async () => {
      const { mas, strategy, train } = linearRun();
      await rejectsWithCode(mas.afterTrainingExp(strategy), 'ERR_CALL_ORDER', /^MASPlugin.afterTrainingExp: expected strategy.experience/);
      await train();
      assertTensorClose(mas.params!.get('weight')!, row(secondWeights));
    });
  });

  it('has all 26 hooks as functions, and is not made for distributed training', () => {
    const mas = new MASPlugin();
    assert.equal(hookNames.length, 26);
    for (const name of hookNames) assert.equal(typeof mas[name], 'function', name);
    assert.equal(mas.supportsDistributed, false);
    assert.deepEqual([mas.lambdaReg, mas.alpha, mas.verbose], [1, 0.5, false]);
    throwsWithCode(() => new MASPlugin({ alpha: 2 }), 'ERR_INVALID_ARG_VALUE', /alpha.*\[0, 1\].*got 2/);
  });
});
