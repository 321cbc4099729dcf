import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import {
  type Benchmark,
  classIncrementalBenchmark,
  type Experience,
  manualSeed,
  NCBenchmark,
  ncBenchmark,
  NIBenchmark,
  niBenchmark,
  newInstancesBenchmark,
  ops,
  taskIncrementalBenchmark,
  type TensorDataset,
} from '../../lib/index';
import { fixturePath } from '../support/fixtures';
import { numbered } from '../support/numbered';

type Labels = number[] | number[][];
type Classes = 'classesInThisExperience' | 'previousClasses' | 'classesSeenSoFar' | 'futureClasses';
interface Recorded extends Record<Classes, number[] | null> {
  currentExperience: number;
  samples: number[];
  labels: number[];
  taskLabels: number[] | null;
  taskLabelsOfSamples: number[];
}
interface Case {
  name: string;
  generator: keyof typeof generators;
  data: { train: Labels; test: Labels };
  options: never;
  streams: { train: Recorded[]; test: Recorded[] };
  extras: object;
  next: number[];
}
const { cases } = JSON.parse(readFileSync(fixturePath('benchmarks.json'), 'utf8')) as { cases: Case[] };

const generators = {
  ncBenchmark,
  niBenchmark,
  newInstancesBenchmark: newInstancesBenchmark as (train: any, test: any, options: never) => Benchmark,
  classIncrementalBenchmark: (train: any, test: any, options: never): Benchmark =>
    classIncrementalBenchmark({ train, test }, options),
  taskIncrementalBenchmark: (train: any, test: any, options: never): Benchmark =>
    taskIncrementalBenchmark(classIncrementalBenchmark({ train, test }, options)),
};

/** As record_benchmarks.py numbers the samples: on from one dataset to the next. */
function numberedDatasets(labels: Labels): TensorDataset | TensorDataset[] {
  if (typeof labels[0] === 'number') return numbered(labels as number[]);
  let first = 0;
  return (labels as number[][]).map((each) => numbered(each, (first += each.length) - each.length));
}

const samplesOf = ({ dataset: { x, indices } }: Experience) => {
  const all = x.toNumbers();
  return (indices?.toNumbers() ?? [...all.keys()]).map((i) => all[i]);
};
const sorted = (values: readonly number[]) => values.toSorted((a, b) => a - b);

function assertAsRecorded(benchmark: Benchmark, { generator, streams }: Case): void {
  // The reference keeps these generators' classes as sets, which have no order to compare.
  const asList =
    generator === 'ncBenchmark' || generator === 'niBenchmark' ? (list: readonly number[]) => list : sorted;
  for (const [name, experiences] of Object.entries(streams)) {
    const stream = benchmark.stream(name);
    assert.equal(stream.length, experiences.length);
    for (const [i, expected] of experiences.entries()) {
      const experience = stream.at(i)!;
      const where = `${name} ${i}`;
      assert.equal(experience.currentExperience, expected.currentExperience, where);
      assert.deepEqual(samplesOf(experience), expected.samples, `samples of ${where}`);
      assert.deepEqual(experience.dataset.labels(), expected.labels, `labels of ${where}`);
      assert.deepEqual(
        experience.dataset.taskLabels,
        expected.taskLabelsOfSamples,
        `task labels of samples of ${where}`,
      );
      if (expected.taskLabels) assert.deepEqual(experience.taskLabels, expected.taskLabels, `task labels of ${where}`);
      for (const classes of [
        'classesInThisExperience',
        'previousClasses',
        'classesSeenSoFar',
        'futureClasses',
      ] as const) {
        if (!expected[classes]) continue;
        assert.deepEqual(asList(experience[classes]), asList(expected[classes]), `${classes} of ${where}`);
      }
    }
  }
}

describe('benchmarks, as Avalanche makes them of the same data', () => {
  for (const recorded of cases) {
    it(`${recorded.generator}: ${recorded.name}`, () => {
      const { generator, data, options, extras, next } = recorded;
      const [train, test] = [numberedDatasets(data.train), numberedDatasets(data.test)];
      manualSeed(0);
      const benchmark = generators[generator](train, test, options);
      assert.deepEqual(ops.aten.randperm!(20, { dtype: 'int64' }).toNumbers(), next, 'what is drawn afterwards');
      assertAsRecorded(benchmark, recorded);
      for (const [name, value] of Object.entries(extras)) {
        assert.deepEqual(benchmark[name as keyof Benchmark], value, name);
      }

      if (!(benchmark instanceof NCBenchmark || benchmark instanceof NIBenchmark)) return;
      const reproducibilityData = JSON.parse(JSON.stringify(benchmark.getReproducibilityData())) as never;
      const { oneDatasetPerExp } = options as { oneDatasetPerExp?: boolean };
      const again = generators[generator](train, test, {
        reproducibilityData,
        ...(oneDatasetPerExp && { oneDatasetPerExp }),
      } as never);
      assertAsRecorded(again, recorded);
    });
  }
});
