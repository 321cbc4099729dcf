// The CSV files beyond the recorded runs (test/evaluation/recorded.test.ts): missing values, folders, errors, the end.
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { accuracyMetrics, CSVLogger, EvaluationPlugin, forgettingMetrics, lossMetrics } from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { processTestTimeout, runProgram } from '../support/child-process';
import { smallBenchmark } from '../support/small-runs';
import { assertUsable, smallStrategy } from '../support/survival';
import { withTempFolder } from '../support/temp-folder';

const read = (folder: string, name: string) => readFile(path.join(folder, `${name}_results.csv`), 'utf8');
const trainingHeader = 'training_exp,epoch,training_accuracy,val_accuracy,training_loss,val_loss\n';
const evalHeader = 'eval_exp,training_exp,eval_accuracy,eval_loss,forgetting\n';

describe('CSVLogger', () => {
  it('writes 0 for what is not measured, and None before any training', () =>
    withTempFolder(async (folder) => {
      const metrics = { afterEvalExp: () => [{ name: 'Loss_Exp/x', value: 0.25 }] };
      const strategy = smallStrategy({ evaluator: new EvaluationPlugin(metrics, { loggers: [new CSVLogger(folder)] }) });
      const { trainStream, testStream } = smallBenchmark();
      await strategy.eval(testStream);
      await strategy.train(trainStream.at(1)!);
      await strategy.eval(testStream.at(0)!);
      assert.equal(await read(folder, 'training'), `${trainingHeader}1,0,0,0,0,0\n`);
      assert.equal(await read(folder, 'eval'), `${evalHeader}0,None,0,0.2500,0\n1,None,0,0.2500,0\n0,1,0,0.2500,0\n`);
    }));

  it('takes evaluations by hooks for part of the training, and those behind a failed training not', () =>
    withTempFolder(async (folder) => {
      const metrics = { afterEvalExp: () => [{ name: 'Loss_Exp/x', value: 0.5 }] };
      let fails = true;
      const { trainStream, testStream } = smallBenchmark();
      const strategy = smallStrategy({
        evaluator: new EvaluationPlugin(metrics, { loggers: [new CSVLogger(folder)] }),
        plugins: [
          {
            beforeTrainingEpoch: async (s) => {
              await s.eval(testStream.at(0)!);
              if (fails) throw new Error('no');
            },
          },
        ],
      });
      await assert.rejects(strategy.train(trainStream.at(0)!, { evalStreams: [] }));
      assert.equal(await read(folder, 'eval'), evalHeader);
      await strategy.eval(testStream.at(1)!);
      assert.equal(await read(folder, 'eval'), `${evalHeader}1,0,0,0.5000,0\n`);
      fails = false;
      await strategy.train(trainStream.at(0)!, { evalStreams: [] });
      assert.equal(await read(folder, 'training'), `${trainingHeader}0,0,0,0,0,0.5000\n`);
    }));

  it('makes the folder, and overwrites files that are there', () =>
    withTempFolder(async (parent) => {
      const folder = path.join(parent, 'a', 'b');
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, 'eval_results.csv'), 'old\nolder\n');
      const strategy = smallStrategy({ evaluator: new EvaluationPlugin(lossMetrics(), { loggers: [new CSVLogger(folder)] }) });
      assert.equal(await read(folder, 'training'), trainingHeader);
      // Of an earlier run, which may be gone on with: it is there until there is something to put in its place.
      assert.equal(await read(folder, 'eval'), 'old\nolder\n');
      await strategy.eval(smallBenchmark().testStream.at(0)!);
      assert.equal(await read(folder, 'eval'), `${evalHeader}0,None,0,0,0\n`);
    }));

  it('writes each row before the training goes on, and loses none at process.exit', async function () {
    this.timeout(processTestTimeout);
    await withTempFolder(async (folder) => {
      const { code, stderr } = await runProgram('test/process/programs/logged.ts', [folder]);
      assert.deepEqual([code, stderr], [7, '']);
      const rows = (await read(folder, 'training')).split('\n').slice(1, -1);
      assert.deepEqual(
        rows.map((row) => row.split(',').slice(0, 2)),
        [0, 1, 2].map((epoch) => ['0', String(epoch)]),
      );
    });
  });

  it('fails with a code where the folder cannot be made', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'file');
      await writeFile(file, '');
      throwsWithCode(() => new CSVLogger(file), 'ERR_LOG_WRITE', /^CSVLogger: cannot write ".*training_results\.csv": /);
      throwsWithCode(() => new CSVLogger(path.join(file, 'below')), 'ERR_LOG_WRITE', /^CSVLogger: cannot write "/);
      if (process.platform === 'linux') {
        // The system says of /proc what it says of a folder that is missing.
        throwsWithCode(() => new CSVLogger('/proc/nobody/may'), 'ERR_LOG_WRITE', /^CSVLogger: cannot write "\/proc.*ENOENT/);
      }
      throwsWithCode(() => new CSVLogger('a\0b'), 'ERR_LOG_WRITE', /^CSVLogger: cannot write "a\\u0000b/);
    }));

  it('rejects the training where a row cannot be written', () =>
    withTempFolder(async (parent) => {
      const folder = path.join(parent, 'csv');
      const metrics = [accuracyMetrics({ epoch: true }), lossMetrics({ epoch: true }), forgettingMetrics()];
      const logger = new CSVLogger(folder);
      const strategy = smallStrategy({ evaluator: new EvaluationPlugin(...metrics, { loggers: [logger] }) });
      await rm(folder, { recursive: true });
      const { trainStream } = smallBenchmark();
      await rejectsWithCode(strategy.train(trainStream), 'ERR_LOG_WRITE', /^CSVLogger: cannot write ".*ENOENT/);
      await rejectsWithCode(strategy.train(trainStream), 'ERR_LOG_WRITE', /^CSVLogger: cannot write ".*ENOENT/);
      await mkdir(folder);
      await Promise.all(['training', 'eval'].map((name) => writeFile(path.join(folder, `${name}_results.csv`), '')));
      await assertUsable(strategy);
    }));

  it('refuses rows once it is closed', () =>
    withTempFolder(async (folder) => {
      const logger = new CSVLogger(folder);
      const strategy = smallStrategy({ evaluator: new EvaluationPlugin({ loggers: [logger] }) });
      await strategy.train(smallBenchmark().trainStream.at(0)!);
      await logger.close();
      await logger[Symbol.asyncDispose]();
      const message = /^CSVLogger: cannot write ".*": it has been closed$/;
      await rejectsWithCode(strategy.train(smallBenchmark().trainStream), 'ERR_LOG_WRITE', message);
    }));

  it('misuse: a folder that is none', () => {
    const message = /^CSVLogger: expected folder to be the name of a folder, got /;
    throwsWithCode(() => new CSVLogger(3 as never), 'ERR_INVALID_ARG_TYPE', message);
    throwsWithCode(() => new CSVLogger(null as never), 'ERR_INVALID_ARG_TYPE', message);
    throwsWithCode(() => new CSVLogger(''), 'ERR_INVALID_ARG_VALUE', message);
  });
});
