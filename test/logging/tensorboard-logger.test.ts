// Event files, read back by code of the test's own and by TensorBoard's.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
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

const python = process.env.PYTHON ?? 'python3';

/** CRC-32C bit by bit (RFC 3720, appendix B.4 has test vectors). */
function crc32c(data: Buffer): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
  }
  return ~crc >>> 0;
}

const masked = (crc: number) => (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;

/** The data of each record, checksums compared. */
function records(file: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    assert.equal(file.readUInt32LE(at + 8), masked(crc32c(file.subarray(at, at + 8))), 'checksum of the length');
    const data = file.subarray(at + 12, at + 12 + length);
    assert.equal(data.length, length);
    assert.equal(file.readUInt32LE(at + 12 + length), masked(crc32c(data)), 'checksum of the data');
    found.push(data);
    at += 16 + length;
  }
  return found;
}

/** The fields of a protobuf message: numbers for 64-bit and 32-bit floats and varints, bytes for the rest. */
function fields(message: Buffer): Map<number, (number | Buffer)[]> {
  const found = new Map<number, (number | Buffer)[]>();
  let at = 0;
  const varint = () => {
    let [value, scale] = [0, 1];
    for (; message[at]! >= 128; at++, scale *= 128) value += (message[at]! - 128) * scale;
    return value + message[at++]! * scale;
  };
  while (at < message.length) {
    const key = varint();
    const take = (size: number) => message.subarray(at, (at += size));
    const readers = { 0: varint, 1: () => take(8).readDoubleLE(), 2: () => take(varint()), 5: () => take(4).readFloatLE() };
    const value = readers[(key & 7) as keyof typeof readers]();
    found.set(key >> 3, [...(found.get(key >> 3) ?? []), value]);
  }
  return found;
}

interface Event {
  tag: string;
  step: number;
  scalar?: number;
  histogram?: { min: number; max: number; num: number; sum: number; sumSquares: number; limits: number[]; counts: number[] };
}

const doublesOf = (bytes: Buffer) => Array.from({ length: bytes.length / 8 }, (_, i) => bytes.readDoubleLE(8 * i));

/** The events of the one file of a folder, the first record checked and left out. */
async function readEvents(folder: string): Promise<Event[]> {
  const names = (await readdir(folder)).filter((name) => name.includes('tfevents'));
  assert.equal(names.length, 1);
  assert.match(names[0]!, /^events\.out\.tfevents\.\d{10}\..+\.\d+\.\d+$/);
  const [first, ...rest] = records(await readFile(path.join(folder, names[0]!)));
  assert.equal(String(fields(first!).get(3)![0]), 'brain.Event:2');
  return rest.map((data) => {
    const event = fields(data);
    const wallTime = event.get(1)![0] as number;
    assert.ok(Math.abs(wallTime - Date.now() / 1000) < 3600);
    const value = fields(fields(event.get(5)![0] as Buffer).get(1)![0] as Buffer);
    const common = { tag: String(value.get(1)![0]), step: event.get(2)![0] as number };
    if (value.has(2)) return { ...common, scalar: value.get(2)![0] as number };
    const histogram = fields(value.get(5)![0] as Buffer);
    const [min, max, num, sum, sumSquares] = [1, 2, 3, 4, 5].map((field) => histogram.get(field)![0] as number);
    const [limits, counts] = [6, 7].map((field) => doublesOf(histogram.get(field)![0] as Buffer));
    const summary = { min: min!, max: max!, num: num!, sum: sum!, sumSquares: sumSquares! };
    return { ...common, histogram: { ...summary, limits: limits!, counts: counts! } };
  });
}

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
      const [{ histogram, tag, step }] = (await readEvents(folder)) as [Event];
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
