// Runs that test/fixtures/record_evaluation.py recorded from Avalanche, with every metric at every level: names, x and
// values of the curves, what the loggers print, and the files that they write.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { before, describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  bwtMetrics,
  confusionMatrixMetrics,
  CSVLogger,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  InteractiveLogger,
  loadSafetensors,
  lossMetrics,
  type MetricArgument,
  Naive,
  ncBenchmark,
  nn,
  ops,
  optim,
  type Tensor,
  TensorDataset,
  TextLogger,
  timingMetrics,
} from '../../lib/index';
import { captured, collector } from '../support/evaluators';
import { fixturePath } from '../support/fixtures';
import { withTempFolder } from '../support/temp-folder';

interface Recorded {
  /** Without y where the values are times. */
  curves: Record<string, { x: number[]; y?: number[] }>;
  text: string;
  interactive: string;
  csv: Record<string, string>;
}

interface Recording {
  single: Recorded;
  multitask: Recorded;
  confusion: Record<'null' | 'true' | 'pred' | 'all', { name: string; x: number[]; y: number[][][] }>;
}

/** Losses depend on float32 training; accuracies are the same fractions. */
const tolerance = 1e-5;
const levels = { minibatch: true, epoch: true, epochRunning: true, experience: true, stream: true };
const ofEvaluation = { experience: true, stream: true };

const common = () => [
  accuracyMetrics({ ...levels, trainedExperience: true }),
  lossMetrics(levels),
  timingMetrics(levels),
];
const transfer = () => [
  forgettingMetrics(ofEvaluation),
  bwtMetrics(ofEvaluation),
  forwardTransferMetrics(ofEvaluation),
];

type Run = (strategy: Naive, benchmark: Benchmark) => Promise<void>;

const single: Run = async (strategy, { trainStream, testStream }) => {
  for (const experience of trainStream) {
    await strategy.train(experience, { evalStreams: [testStream], shuffle: false });
    await strategy.eval(testStream);
  }
};

const multitask: Run = async (strategy, { trainStream, testStream }) => {
  await strategy.eval(testStream.at(0)!);
  await strategy.train(trainStream, { evalStreams: [testStream, trainStream], shuffle: false });
  await strategy.eval(testStream);
  await strategy.eval(trainStream);
};

function withoutSeconds(text: string): string {
  return text.replaceAll(/(Time_\S+ = )\S+/g, '$1SECONDS');
}

describe('metrics and loggers, beside recorded runs', () => {
  let recording: Recording;
  let tensors: Map<string, Tensor>;

  before(async () => {
    recording = JSON.parse(await readFile(fixturePath('evaluation.json'), 'utf8')) as Recording;
    tensors = await loadSafetensors(fixturePath('evaluation.safetensors'));
  });

  function strategyWith(evaluator: EvaluationPlugin): Naive {
    const model = new nn.Sequential(new nn.Linear(6, 8), new nn.ReLU(), new nn.Linear(8, 6));
    for (const [name, parameter] of model.namedParameters()) {
      parameter.requiresGrad_(false);
      ops.aten.copy_!(parameter, tensors.get(`model.${name}`));
      parameter.requiresGrad_(true);
    }
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    return new Naive({ model, optimizer, trainMbSize: 4, trainEpochs: 2, evalEvery: 1, evaluator });
  }

  function benchmark(taskLabels: boolean): Benchmark {
    const dataset = (part: string) => new TensorDataset(tensors.get(`${part}.x`)!, tensors.get(`${part}.y`)!);
    return ncBenchmark(dataset('train'), dataset('test'), { nExperiences: 3, taskLabels, shuffle: false });
  }

  for (const [name, run, metrics] of [
    ['single', single, () => [...common(), ...transfer()]],
    ['multitask', multitask, common],
  ] as [name: 'single' | 'multitask', run: Run, metrics: () => MetricArgument[]][]) {
    describe(name, () => {
      let evaluator: EvaluationPlugin;
      let text: string;
      let interactive: string;
      const csv: Record<string, string> = {};

      before(() =>
        withTempFolder(async (folder) => {
          const file = collector();
          const loggers = [new TextLogger(file), new InteractiveLogger(), new CSVLogger(folder)];
          evaluator = new EvaluationPlugin(...metrics(), { loggers });
          interactive = await captured('stdout', () => run(strategyWith(evaluator), benchmark(name === 'multitask')));
          text = file.text;
          for (const entry of await readdir(folder)) csv[entry] = await readFile(path.join(folder, entry), 'utf8');
        }),
      );

      it('has the same metrics', () => {
        assert.deepEqual(Object.keys(evaluator.getAllMetrics()).sort(), Object.keys(recording[name].curves).sort());
        assert.deepEqual(Object.keys(evaluator.getLastMetrics()).sort(), Object.keys(recording[name].curves).sort());
      });

      it('has values at the same x', () => {
        const all = evaluator.getAllMetrics();
        for (const [metric, { x }] of Object.entries(recording[name].curves)) assert.deepEqual(all[metric]![0], x, metric);
      });

      it('has the same values', () => {
        const { curves } = evaluator.results;
        for (const [metric, { x, y }] of Object.entries(recording[name].curves)) {
          const values = curves[metric]!.y as number[];
          assert.equal(values.length, x.length);
          values.forEach((value, i) => {
            if (!y) return assert.ok(value >= 0 && value < 60, `${metric}: ${value} seconds`);
            const error = Math.abs(value - y[i]!);
            assert.ok(error <= tolerance * Math.abs(y[i]!), `${metric}[${i}]: expected ${y[i]}, got ${value}`);
          });
          assert.equal(evaluator.getLastMetrics()[metric], values.at(-1));
        }
      });

      it('prints the same text', () => {
        assert.equal(withoutSeconds(text), recording[name].text);
      });

      it('prints the same on stdout, where that is no terminal', () => {
        assert.equal(withoutSeconds(interactive), recording[name].interactive);
      });

      it('writes the same CSV files', () => {
        assert.deepEqual(csv, recording[name].csv);
      });
    });
  }

  for (const normalize of [null, 'true', 'pred', 'all'] as const) {
    it(`has the same confusion matrices; normalize: ${normalize}`, async () => {
      const metrics = confusionMatrixMetrics({ numClasses: normalize ? 7 : null, normalize, stream: true });
      const evaluator = new EvaluationPlugin(metrics, { loggers: [] });
      await single(strategyWith(evaluator), benchmark(false));
      const { name, x, y } = recording.confusion[`${normalize}`];
      assert.deepEqual(Object.keys(evaluator.results.curves), [name]);
      const curve = evaluator.results.toJSON().curves[name]!;
      assert.deepEqual(curve.x, x);
      assert.deepEqual(curve.y, y);
      const last = evaluator.getLastMetrics()[name] as Tensor;
      assert.deepEqual([last.dtype, last.shape], normalize ? ['float64', [7, 7]] : ['int64', [6, 6]]);
    });
  }
});
