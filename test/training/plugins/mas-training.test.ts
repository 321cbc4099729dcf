// MAS on models that are trained: its gradient by finite differences, and what it leaves alone.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  jit,
  loadSafetensors,
  manualSeed,
  MAS,
  type MASOptions,
  MASPlugin,
  Naive,
  nn,
  optim,
  SupervisedTemplate,
  TensorDataset,
} from '../../../lib/index';
import { processTestTimeout, runProgram } from '../../support/child-process';
import { fixturePath } from '../../support/fixtures';
import { constantLoss } from '../../support/linear-mas';
import {
  classes,
  features,
  numbersOf,
  setValues,
  smallBenchmark,
  smallDataset,
  smallModel,
} from '../../support/small-runs';

async function trained(
  Strategy: new (options: MASOptions) => SupervisedTemplate,
  options: Partial<MASOptions>,
  experiences: number,
) {
  manualSeed(1);
  const model = smallModel();
  const strategy = new Strategy({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 }),
    trainMbSize: 4,
    trainEpochs: 2,
    evaluator: null,
    ...options,
  });
  await strategy.train(smallBenchmark().trainStream.slice(0, experiences), { shuffle: false });
  return numbersOf(model.namedParameters());
}

describe('MAS', () => {
  it('has the gradient of its penalty: central differences', async () => {
    // The penalty is quadratic, so a central difference is its derivative up to rounding, however large the step.
    const h = 0.25;
    const tolerance = { relative: 1e-3, absolute: 1e-4 };
    manualSeed(2);
    const model = smallModel();
    const parameters = model.parameters();
    const sizes = parameters.map((parameter) => parameter.numel());
    const coordinates = sizes.flatMap((size, p) => Array.from({ length: size }, (_, i) => ({ p, i })));
    // Iteration 0 reads the gradient; then two iterations for each coordinate, one step up and one step down.
    const iterations = 1 + 2 * coordinates.length;
    const penalties: number[] = [];
    let gradient: number[] = [];
    let base: number[][] = [];

    const strategy = new SupervisedTemplate({
      model,
      optimizer: new optim.SGD(parameters, { lr: 0 }),
      criterion: constantLoss,
      evaluator: null,
      plugins: [
        new MASPlugin({ lambdaReg: 2 }),
        {
          beforeTrainingExp: ({ clock }) => {
            if (clock.trainExpCounter === 0) return;
            base = parameters.map((parameter) =>
              parameter.toNumbers().map((value, i) => value + 0.5 * Math.cos(i + 1)),
            );
          },
          beforeForward: ({ clock }) => {
            if (clock.trainExpCounter === 0) return;
            const values = base.map((row) => [...row]);
            if (clock.trainExpIterations > 0) {
              const { p, i } = coordinates[(clock.trainExpIterations - 1) >> 1]!;
              values[p]![i]! += clock.trainExpIterations % 2 === 1 ? h : -h;
            }
            parameters.forEach((parameter, p) => setValues(parameter, values[p]!));
          },
          afterBackward: ({ clock, loss }) => {
            if (clock.trainExpCounter === 0) return;
            penalties.push(loss.item() - 1);
            if (clock.trainExpIterations === 0)
              gradient = parameters.flatMap((parameter) => parameter.grad!.toNumbers());
          },
        },
      ],
    });
    const { trainStream } = benchmarkFromDatasets({
      train: [smallDataset(8, [0, 1]), smallDataset(iterations, [2, 3])],
    });
    await strategy.train(trainStream);

    assert.equal(gradient.length, features * 5 + 5 + 5 * classes + classes);
    assert.ok(penalties[0]! > 0.01);
    for (const [k, expected] of gradient.entries()) {
      const difference = (penalties[2 * k + 1]! - penalties[2 * k + 2]!) / (2 * h);
      const allowed = tolerance.absolute + tolerance.relative * Math.abs(expected);
      assert.ok(
        Math.abs(difference - expected) <= allowed,
        `coordinate ${k}: gradient ${expected}, difference ${difference}`,
      );
    }
  });

  it('changes nothing in the first experience', async () => {
    assert.deepEqual(await trained(MAS, { lambdaReg: 100 }, 1), await trained(Naive, {}, 1));
    assert.notDeepEqual(await trained(MAS, { lambdaReg: 100 }, 2), await trained(Naive, {}, 2));
  });

  it('changes nothing at all with lambda 0', async () => {
    assert.deepEqual(await trained(MAS, { lambdaReg: 0 }, 2), await trained(Naive, {}, 2));
  });

  it('keeps important weights closer to where they were, the larger lambda is', async () => {
    const after = await trained(MAS, { lambdaReg: 0 }, 1);
    const distance = async (lambdaReg: number) => {
      const later = await trained(MAS, { lambdaReg }, 2);
      return Math.hypot(
        ...Object.keys(after).flatMap((name) => after[name]!.map((value, i) => later[name]![i]! - value)),
      );
    };
    assert.ok((await distance(1)) < (await distance(0)));
    assert.ok((await distance(4)) < (await distance(1)));
  });

  it('does not touch the plugins that it is given, and comes behind them', () => {
    const model = new nn.Linear(2, 2);
    const plugins = [{ beforeTraining: () => {} }];
    const strategy = new MAS({ model, optimizer: new optim.SGD(model.parameters()), plugins });
    assert.equal(plugins.length, 1);
    assert.equal(strategy.plugins[0], plugins[0]);
    assert.ok(strategy.plugins[1] instanceof MASPlugin);
    assert.equal(strategy.plugins.length, 5);
  });

  it('moves BatchNorm’s running statistics once more for each mini-batch of the importance pass', async () => {
    const folder = fixturePath('parity', 'cnn-bn-adam');
    const data = await loadSafetensors(`${folder}/data.safetensors`);
    const dataset = new TensorDataset(data.get('exp0.x')!, data.get('exp0.y')!);
    const { trainStream } = benchmarkFromDatasets({ train: [dataset] });
    const trainMbSize = 32;
    const batches = Math.ceil(dataset.length / trainMbSize);
    const run = async (Strategy: new (options: MASOptions) => SupervisedTemplate) => {
      const model = await jit.load(`${folder}/model.pt`);
      const beforePass: Record<string, number[]>[] = [];
      const strategy = new Strategy({
        model,
        optimizer: new optim.SGD(model.parameters()),
        trainMbSize,
        evaluator: null,
        plugins: [{ afterTrainingExp: (s) => void beforePass.push(numbersOf(s.model.namedBuffers())) }],
      });
      await strategy.train(trainStream);
      return { beforePass: beforePass[0]!, after: numbersOf(model.namedBuffers()), training: model.training };
    };
    const mas = await run(MAS);
    const naive = await run(Naive);
    assert.deepEqual(naive.after, naive.beforePass);
    assert.equal(mas.training, true);
    for (const [name, values] of Object.entries(mas.after)) {
      assert.notDeepEqual(values, mas.beforePass[name], name);
      if (!name.endsWith('num_batches_tracked')) continue;
      assert.deepEqual(mas.beforePass[name], [batches]);
      assert.deepEqual(values, [2 * batches]);
    }
  });

  it('tells its progress on a standard error that is no terminal in plain lines, and only if verbose', async function () {
    this.timeout(processTestTimeout);
    const quiet = await runProgram('test/process/programs/verbose-mas.ts');
    assert.deepEqual(quiet, { code: 0, signal: null, stdout: 'done\n', stderr: '' });
    const verbose = await runProgram('test/process/programs/verbose-mas.ts', ['verbose']);
    assert.deepEqual([verbose.code, verbose.stdout], [0, 'done\n']);
    // One line at most for each quarter of each of the two passes; the last quarter always has one.
    const lines = verbose.stderr.split('\n').slice(0, -1);
    for (const line of lines) assert.match(line, /^MAS importance: \d+\/10 mini-batches \(\d+\.\d s\)$/);
    assert.equal(lines.filter((line) => line.includes('10/10')).length, 2);
    assert.ok(lines.length >= 2 && lines.length <= 8, verbose.stderr);
  });
});
