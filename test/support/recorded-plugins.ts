// Runs of the reference that `test/fixtures/record_plugins.py` recorded, to be replayed with a plugin of ours.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import {
  accuracyMetrics,
  benchmarkFromDatasets,
  EvaluationPlugin,
  type Experience,
  lossMetrics,
  Naive,
  nn,
  noGrad,
  ops,
  optim,
  type Plugin,
  type Tensor,
  TensorDataset,
} from '../../lib/index';
import { relativeNorm } from './assertions';
import { fixturePath, loadFixture } from './fixtures';

export interface RecordedRun {
  lrs: number[];
  trainEpochs: number;
  evalEvery: number;
  pevalMode: 'epoch' | 'iteration';
  together: boolean;
  plugin: object;
  experiences: { epochs: number; iterations: number }[];
}

/** The cases of one kind: their names without it. */
export function recordedCases<T extends RecordedRun>(kind: 'schedule' | 'stop'): Map<string, T> {
  const all = JSON.parse(readFileSync(fixturePath('plugins.json'), 'utf8')) as Record<string, T>;
  const names = Object.keys(all).filter((name) => name.startsWith(`${kind}.`));
  return new Map(names.map((name) => [name, all[name]!]));
}

/** Largest relative error of a tensor: float32, a few dozen updates. */
export const tolerance = 1e-5;

/**
 * Trains as recorded, with the plugin that `make` returns; `after` is called when an experience has been learned.
 * Parameters after each experience and the numbers of epochs and iterations are checked here.
 */
export async function replay(
  name: string,
  run: RecordedRun,
  make: (optimizer: optim.SGD) => Plugin,
  { plugins = [], after = () => {} }: { plugins?: Plugin[]; after?: (experience: number) => void } = {},
): Promise<void> {
  const recorded = await loadFixture('plugins');
  const layers = [new nn.Linear(3, 4), new nn.Linear(4, 3)] as const;
  const model = new nn.Sequential(layers[0], new nn.ReLU(), layers[1]);
  noGrad(() => model.namedParameters().forEach((p, key) => void ops.aten.copy_!(p, recorded(`initial.${key}`))));
  const groups = run.lrs.map((lr, i) => ({ params: layers[i]!.parameters(), lr }));
  const optimizer = run.lrs.length > 1 ? new optim.SGD(groups) : new optim.SGD(model.parameters(), { lr: run.lrs[0]! });
  const levels = { experience: true, stream: true };
  let experience = 0;
  const check: Plugin = {
    afterTrainingExp: ({ clock }) => {
      const { epochs, iterations } = run.experiences[experience]!;
      assert.deepEqual(
        [clock.trainExpEpochs, clock.trainExpIterations],
        [epochs, iterations],
        `experience ${experience}`,
      );
      for (const [key, p] of model.namedParameters()) {
        const expected = recorded(`${name}.exp${experience}.param.${key}`).toNumbers();
        const error = relativeNorm(p.toNumbers(), expected);
        assert.ok(error < tolerance, `${key} after experience ${experience}: ${error}`);
      }
      after(experience++);
    },
  };
  const strategy = new Naive({
    model,
    optimizer,
    trainMbSize: 4,
    evalMbSize: 4,
    trainEpochs: run.trainEpochs,
    evalEvery: run.evalEvery,
    pevalMode: run.pevalMode,
    evaluator: new EvaluationPlugin(accuracyMetrics(levels), lossMetrics(levels)),
    plugins: [make(optimizer), ...plugins, check],
  });
  const { trainStream, testStream } = recordedBenchmark(recorded);
  for (const part of run.together ? [[...trainStream]] : [...trainStream].map((one): Experience[] => [one])) {
    await strategy.train(part, { evalStreams: [testStream], shuffle: false });
  }
  assert.equal(experience, 3);
}

function recordedBenchmark(recorded: (name: string) => Tensor) {
  const datasets = (part: string) =>
    [0, 1, 2].map((k) => new TensorDataset(recorded(`${part}${k}.x`), recorded(`${part}${k}.y`), { taskLabels: 0 }));
  return benchmarkFromDatasets({ train: datasets('exp'), test: datasets('test') });
}

/** What was warned about while `run` ran. */
export async function warningsOf(run: () => unknown): Promise<string[]> {
  const warnings: string[] = [];
  const listen = (warning: Error) => void (warning.name === 'ContinualTorchWarning' && warnings.push(warning.message));
  process.on('warning', listen);
  try {
    await run();
    // Warnings come with the next tick.
    await new Promise(setImmediate);
  } finally {
    process.off('warning', listen);
  }
  return warnings;
}
