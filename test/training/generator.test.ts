// A strategy with a generator of its own.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, manualSeed, Naive, nn, optim, type Plugin, torch } from '../../lib/index';
import { assertTensorEqual, throwsWithCode } from '../support/assertions';
import { drawingModels, drawingRun } from '../support/drawing-runs';
import { quietEvaluator } from '../support/evaluators';
import { onCpu } from '../support/on-cpu';
import { smallBenchmark, smallModel } from '../support/small-runs';

const seeded = (seed: number) => new Generator({ device: 'cpu' }).manualSeed(seed);

function strategyWith(plugin: Plugin, generator: Generator | null) {
  const model = smallModel();
  const optimizer = new optim.SGD(model.parameters());
  return new Naive({ model, optimizer, plugins: [plugin], generator, trainMbSize: 4, evaluator: quietEvaluator() });
}

describe('generator of a strategy', () => {
  onCpu('a strategy\'s generator is one of the CPU, and replaces what draws there');

  for (const model of drawingModels) {
    it(`draws in place of the default one, which does not move: ${model}`, async () => {
      manualSeed(1);
      const expected = await drawingRun({ model, beforeTraining: () => manualSeed(3) });
      manualSeed(1);
      let before = torch.getRngState();
      const beforeTraining = () => void (before = torch.getRngState());
      assert.deepEqual(await drawingRun({ model, generator: seeded(3), beforeTraining }), expected);
      assertTensorEqual(torch.getRngState(), before);
    });
  }

  it('gives strategies that train side by side what they have alone, while others draw', async () => {
    const alone: unknown[] = [];
    for (const [i, model] of drawingModels.entries()) {
      manualSeed(2);
      alone.push(await drawingRun({ model, generator: seeded(i) }));
    }
    const others = setInterval(() => torch.rand([3]), 1);
    try {
      const together = drawingModels.map((model, i) => {
        manualSeed(2);
        return drawingRun({ model, generator: seeded(i) });
      });
      assert.deepEqual(await Promise.all(together), alone);
    } finally {
      clearInterval(others);
    }
  });

  it('is the default one for what is called, seeded by manualSeed there, and for nobody else', async () => {
    const generator = seeded(0);
    const found: unknown[] = [];
    const plugin: Plugin = {
      async beforeTraining() {
        found.push(torch.defaultGenerator === generator);
        await new Promise((resolve) => setTimeout(resolve, 2));
        found.push(torch.defaultGenerator === generator);
        manualSeed(11);
        found.push(torch.initialSeed(), generator.initialSeed());
        torch.setRngState(seeded(4).getState());
        found.push(torch.rand([1]).item());
        found.push(torch.rand([1], { generator: seeded(6) }).item());
      },
    };
    const outside = torch.defaultGenerator;
    manualSeed(5);
    const training = strategyWith(plugin, generator).train(smallBenchmark().trainStream);
    assert.equal(torch.defaultGenerator, outside);
    await training;
    assert.deepEqual(found, [true, true, 11n, 11n, torch.rand([1], { generator: seeded(4) }).item(), torch.rand([1], { generator: seeded(6) }).item()]);
    assert.equal(torch.defaultGenerator, outside);
    assert.equal(torch.initialSeed(), 5n);
  });

  it('draws for large operators too, which the compute thread runs', async () => {
    const drawn: number[] = [];
    const plugin: Plugin = {
      beforeTraining() {
        const large = torch.rand([2 ** 20]);
        drawn.push(torch.dropout(large, 0.5, true).sum().item<number>());
      },
    };
    const strategies = [8, 8, 9].map((seed) => strategyWith(plugin, seeded(seed)));
    const before = torch.getRngState();
    for (const strategy of strategies) await strategy.train(smallBenchmark().trainStream);
    assertTensorEqual(torch.getRngState(), before);
    assert.equal(drawn[0], drawn[1]);
    assert.notEqual(drawn[0], drawn[2]);
  });

  it('is put back where a hook throws', async () => {
    const strategy = strategyWith({ beforeTraining() { throw new Error('no'); } }, seeded(1)); // prettier-ignore
    await assert.rejects(strategy.train(smallBenchmark().trainStream));
    manualSeed(5);
    assert.equal(torch.initialSeed(), 5n);
    assert.equal(strategy.generator!.initialSeed(), 1n);
  });

  it('is null unless given', () => {
    assert.equal(strategyWith({}, null).generator, null);
    const generator = seeded(1);
    assert.equal(strategyWith({}, generator).generator, generator);
  });

  it('misuse: what is no generator', () => {
    throwsWithCode(() => strategyWith({}, nn as never), 'ERR_INVALID_ARG_TYPE', /^Naive: expected generator to be a Generator on the CPU or null/);
  });
});
