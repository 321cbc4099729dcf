// Event files, read back by code of the test's own and by TensorBoard's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  confusionMatrixMetrics,
  EvaluationPlugin,
  lossMetrics,
  type MetricArgument,
  tensor,
  TensorboardLogger,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { processTestTimeout, runProgram } from '../support/child-process';
import { smallBenchmark } from '../support/small-runs';
import { smallStrategy } from '../support/survival';
import { withTempFolder } from '../support/temp-folder';
import { crc32c, type LoggedEvent, readEvents } from '../support/tensorboard-events';

const python = process.env.PYTHON ?? 'python3';

/** A small run in which everything is logged, and the curves that it had. */
async function loggedRun(folder: string, ...metrics: MetricArgument[]) {
  const logger = new TensorboardLogger(folder);
  const evaluator = new EvaluationPlugin(...metrics, { loggers: [logger] });
  const strategy = smallStrategy({ evaluator, trainEpochs: 2 });
  const { trainStream, testStream } = smallBenchmark();
  await strategy.train(trainStream);
  await strategy.eval(testStream);
  return { logger, strategy, curves: evaluator.results.curves };
}

const everyLevel = [
  accuracyMetrics({ minibatch: true, epoch: true, experience: true, stream: true }),
  lossMetrics({ minibatch: true }),
];

describe('TensorboardLogger', () => {
  it('the checksum of the test is that of RFC 3720', () => {
    assert.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa);
    assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283);
  });

  it('has written every value with its step when train and eval have resolved', () =>
    withTempFolder(async (folder) => {
      const { curves } = await loggedRun(folder, ...everyLevel);
      const read: Record<string, { x: number[]; y: number[] }> = {};
      for (const { tag, step, scalar } of await readEvents(folder)) {
        read[tag] ??= { x: [], y: [] };
        read[tag].x.push(step);
        read[tag].y.push(scalar!);
      }
      const expected = Object.entries(curves).map(([name, { x, y }]) => [
        name,
        { x, y: y.map((value) => Math.fround(value as number)) },
      ]);
      assert.deepEqual(read, Object.fromEntries(expected));
      assert.equal(read['Loss_MB/train_phase/train_stream/Task000']!.x.length, 8);
    }));

  it('writes tensors as histograms', () =>
    withTempFolder(async (folder) => {
      const values = [-2, 0, 0, 0.5, 3, 3, 1e300];
      const metric = { afterEval: () => [{ name: 'many', value: tensor(new Float64Array(values)) }] };
      await loggedRun(folder, metric);
      const [{ histogram, tag, step }] = (await readEvents(folder)) as [LoggedEvent];
      const { limits, counts, ...summary } = histogram!;
      assert.deepEqual([tag, step], ['many', 8]);
      assert.deepEqual(summary, { min: -2, max: 1e300, num: 7, sum: 1e300, sumSquares: Infinity });
      assert.equal(limits.length, counts.length);
      assert.deepEqual(limits, [...limits].sort((a, b) => a - b));
      const inBuckets = limits.map(
        (limit, i) => values.filter((v) => v < limit && v >= (limits[i - 1] ?? -Infinity)).length,
      );
      assert.deepEqual(counts, inBuckets);
      assert.deepEqual([counts[0], counts.at(-1)], [0, 1]);
    }));

  it('loses nothing at process.exit in the middle of an epoch', async function () {
    this.timeout(processTestTimeout);
    await withTempFolder(async (folder) => {
      const { code, stderr } = await runProgram('test/process/programs/logged.ts', [folder]);
      assert.deepEqual([code, stderr], [7, '']);
      const losses = (await readEvents(folder)).filter(({ tag }) => tag.startsWith('Loss_MB'));
      assert.deepEqual(
        losses.map(({ step }) => step),
        Array.from({ length: 14 }, (_, i) => i),
      );
    });
  });

  it('has a file of its own beside another logger of the same folder, in another thread too', async function () {
    this.timeout(processTestTimeout);
    await withTempFolder(async (folder) => {
      const loggers = [new TensorboardLogger(folder), new TensorboardLogger(folder)];
      assert.deepEqual(await readdir(folder), []); // until there is something to write
      for (const logger of loggers) logger.logMetrics([{ name: 'one', value: 1, x: 0 }]);
      await Promise.all(loggers.map((logger) => logger.close()));
      assert.equal((await readdir(folder)).length, 2);
      const threads = path.join(folder, 'threads');
      const { code, stderr } = await runProgram('test/process/programs/logging-worker.ts', [threads]);
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal((await readdir(threads)).length, 2);
    });
  });

  it('fails with a code where the folder cannot be made, a file cannot be written, and after close', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'file');
      await writeFile(file, '');
      throwsWithCode(() => new TensorboardLogger(file), 'ERR_LOG_WRITE', /^TensorboardLogger: cannot write ".*tfevents/);
      const { logger, strategy } = await loggedRun(path.join(folder, 'events'), ...everyLevel);
      await rm(path.join(folder, 'events'), { recursive: true });
      const { testStream } = smallBenchmark();
      await rejectsWithCode(strategy.eval(testStream), 'ERR_LOG_WRITE', /^TensorboardLogger: cannot write ".*ENOENT/);
      await logger.close().catch(() => {});
      await rejectsWithCode(strategy.eval(testStream), 'ERR_LOG_WRITE', /: it has been closed$/);
      const message = /^TensorboardLogger: expected dir to be the name of a folder, got 3$/;
      throwsWithCode(() => new TensorboardLogger(3 as never), 'ERR_INVALID_ARG_TYPE', message);
    }));

  it('TensorBoard reads the same values', function () {
    this.timeout(processTestTimeout);
    if (spawnSync(python, ['-c', 'import tensorboard']).status !== 0) {
      console.warn(`      SKIPPED: ${python} has no tensorboard (set PYTHON to one that has)`);
      this.skip();
    }
    return withTempFolder(async (folder) => {
      const { curves } = await loggedRun(folder, ...everyLevel, confusionMatrixMetrics({ stream: true }));
      const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0, "histograms": 0}).Reload()
scalars = {tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
fields = ("min", "max", "num", "sum", "sum_squares", "bucket_limit", "bucket")
histogram = lambda e: [e.step, *(getattr(e.histogram_value, field) for field in fields)]
h = {tag: [histogram(e) for e in events.Histograms(tag)] for tag in events.Tags()["histograms"]}
print(json.dumps({"scalars": scalars, "histograms": h}))
`;
      const { status, stdout, stderr } = spawnSync(python, ['-c', script, folder], { encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      const read = JSON.parse(stdout) as Record<'scalars' | 'histograms', Record<string, any[][]>>;
      const confusion = 'ConfusionMatrix_Stream/eval_phase/test_stream';
      const { [confusion]: matrix, ...numbers } = curves;
      const expected = Object.entries(numbers).map(([name, { x, y }]) => [
        name,
        x.map((step, i) => [step, Math.fround(y[i] as number)]),
      ]);
      assert.deepEqual(read.scalars, Object.fromEntries(expected));
      assert.equal(matrix!.y.length, 1);
      const [[step, min, , num, sum, , limits, counts]] = read.histograms[confusion] as [any[]];
      assert.deepEqual([step, min, num, sum], [8, 0, 16, 8]);
      assert.equal(limits.length, counts.length);
      assert.equal(counts.reduce((total: number, count: number) => total + count, 0), 16);
    });
  });
});
