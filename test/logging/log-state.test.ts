// Loggers that go on in another process: what is in their files is what a run without a break would have written.
import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  CSVLogger,
  EvaluationPlugin,
  forgettingMetrics,
  type Logger,
  lossMetrics,
  optim,
  SupervisedTemplate,
  type Tensor,
  tensor,
  TensorboardLogger,
  TextLogger,
} from '../../lib/index';
import { LogFile } from '../../lib/logging/log-file';
import { constant, answeringModel } from '../support/answering';
import { throwsWithCode } from '../support/assertions';
import { processTestTimeout, runProgram } from '../support/child-process';
import { collector } from '../support/evaluators';
import { comparable, hostileStates, throughFile } from '../support/states';
import { withTempFolder } from '../support/temp-folder';
import { warnings } from '../support/warnings';

type Stateful = Logger & Required<Pick<Logger, 'stateDict' | 'loadStateDict'>>;

/** What a program builds at its beginning. */
function built(logger: Stateful) {
  const { model, answer } = answeringModel();
  answer([0, 1, 2, 3]);
  const metrics = [accuracyMetrics({ epoch: true, experience: true }), lossMetrics({ epoch: true, experience: true, minibatch: true })];
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 2,
    evalMbSize: 2,
    evalEvery: 1,
    evaluator: new EvaluationPlugin(...metrics, forgettingMetrics({ experience: true }), { loggers: [logger] }),
  });
  const of = (...labels: number[]) => benchmarkFromDatasets({ train: labels.map(constant), test: labels.map(constant) });
  return { strategy, logger, benchmarks: [of(0, 1), of(2)] as [Benchmark, Benchmark] };
}
type Built = ReturnType<typeof built>;

const learn = (b: 0 | 1, i: number) => async (program: Built) => {
  const { trainStream, testStream } = program.benchmarks[b];
  await program.strategy.train(trainStream[i]!, { shuffle: false, evalStreams: testStream });
};
const evaluate = (b: 0 | 1) => (program: Built) => program.strategy.eval(program.benchmarks[b].testStream);
const steps = [evaluate(0), learn(0, 0), evaluate(0), learn(1, 0), evaluate(1), learn(0, 1), evaluate(0), evaluate(1)];

/** Runs all steps; or those before a place, one that is lost because the process is killed, and the rest in another program. */
async function run(make: () => Stateful, cut: number | null = null): Promise<void> {
  let program = built(make());
  for (const step of steps.slice(0, cut ?? steps.length)) await step(program);
  if (cut === null) return;
  await program.logger.flush?.();
  const { strategy } = program;
  const state = throughFile({
    evaluator: strategy.evaluator.stateDict(),
    clock: strategy.clock.stateDict(),
    model: Object.fromEntries(strategy.model.stateDict()),
  }) as any;
  await steps[cut]!(program);
  program = built(make());
  for (let times = 0; times < 2; times++) program.strategy.evaluator.loadStateDict(state.evaluator);
  program.strategy.clock.loadStateDict(state.clock);
  program.strategy.model.loadStateDict(state.model as Record<string, Tensor>);
  for (const step of steps.slice(cut)) await step(program);
}

/** Every file of a folder. */
async function contents(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).sort();
  return Promise.all(names.map((name) => readFile(path.join(folder, name), 'latin1')));
}

describe('loggers that go on from a state', () => {
  for (const [name, make] of [
    ['CSVLogger', (folder: string) => new CSVLogger(folder)],
    ['TensorboardLogger', (folder: string) => new TensorboardLogger(folder)],
  ] as const) {
    it(`${name}: the same bytes, wherever the run is cut`, async () => {
      const { now } = Date;
      Date.now = () => 1234567890123; // events have the time
      try {
        await withTempFolder(async (parent) => {
          const whole = path.join(parent, 'whole');
          await run(() => make(whole));
          const expected = await contents(whole);
          assert.equal(expected.length, name === 'CSVLogger' ? 2 : 1);
          for (let cut = 0; cut < steps.length; cut++) {
            const folder = path.join(parent, `cut ${cut}`);
            await run(() => make(folder), cut);
            const files = await contents(folder);
            // A logger that had written nothing by then has a file of its own.
            assert.deepEqual(name === 'TensorboardLogger' && cut === 0 ? files.slice(-1) : files, expected, `cut before step ${cut}`);
          }
        });
      } finally {
        Date.now = now;
      }
    });
  }

  it('TextLogger: values that have not been printed yet', () => {
    const [first, second] = [collector(), collector()];
    const [before, after] = [new TextLogger(first), new TextLogger(second)];
    before.logMetrics([{ name: 'b', value: 0.5, x: 1 }, { name: 'a', value: tensor([1, 2]), x: 1 }, { name: 'c', value: NaN, x: 1 }]); // prettier-ignore
    after.loadStateDict(throughFile(before.stateDict()));
    for (const logger of [before, after]) logger.afterEval({} as never);
    assert.equal(second.text, first.text);
    assert.match(second.text, /a = [^b]*b = 0\.5000\n.*c = nan/s);
    assert.deepEqual(after.stateDict(), { latest: {} });
  });
});

const log = (logger: TensorboardLogger, ...values: number[]) =>
  logger.logMetrics(values.map((value) => ({ name: 'one', value, x: value })));

describe('files of logs', () => {
  const beginning = Buffer.from('begin\n');
  const open = (folder: string, isLate = false) => new LogFile('Test', path.join(folder, 'log'), beginning, isLate);
  const read = (folder: string) => readFile(path.join(folder, 'log'), 'utf8');

  it('cut off what was written behind the state, when something is appended', () =>
    withTempFolder(async (folder) => {
      const first = open(folder);
      first.append(Buffer.from('one\n'));
      const state = first.stateDict(); // of what waits too
      first.append(Buffer.from('two\n'));
      await first.sync();
      const second = open(folder);
      assert.equal(await read(folder), 'begin\none\ntwo\n');
      for (let times = 0; times < 2; times++) second.loadStateDict(throughFile(state) as typeof state);
      assert.equal(await read(folder), 'begin\none\ntwo\n');
      assert.deepEqual(second.stateDict(), state);
      second.append(Buffer.from('2\n'));
      await second.flush();
      assert.equal(await read(folder), 'begin\none\n2\n');
    }));

  it('go on in the same process, whatever waits to be written', () =>
    withTempFolder(async (folder) => {
      const file = open(folder);
      file.append(Buffer.from('one\n'));
      file.loadStateDict(file.stateDict());
      file.append(Buffer.from('two\n'));
      const state = file.stateDict();
      file.append(Buffer.from('three\n'));
      await Promise.resolve(); // the write is under way
      file.loadStateDict(state);
      file.append(Buffer.from('3\n'));
      await file.flush();
      assert.equal(await read(folder), 'begin\none\ntwo\n3\n');
    }));

  it('are longer than what the checksum is of', () =>
    withTempFolder(async (folder) => {
      const first = open(folder);
      for (let i = 0; i < 300; i++) first.append(Buffer.from(`${'x'.repeat(i)}\n`));
      await first.flush();
      const second = open(folder);
      assert.deepEqual(await warnings(() => second.loadStateDict(first.stateDict())), []);
      assert.deepEqual(second.stateDict(), first.stateDict());
    }));

  for (const [what, damage] of [
    ['gone', (file: string) => rm(file)],
    ['shorter', (file: string) => truncate(file, 8)],
    ['another', (file: string) => writeFile(file, 'begin\nTWO\nand more\n')],
  ] as const) {
    it(`begin anew, with one warning, where the file is ${what}`, () =>
      withTempFolder(async (folder) => {
        const first = open(folder);
        first.append(Buffer.from('one\n'));
        await first.flush();
        await damage(path.join(folder, 'log'));
        const second = open(folder);
        const seen = await warnings(() => {
          for (let times = 0; times < 2; times++) second.loadStateDict(first.stateDict());
        });
        assert.equal(seen.length, 1);
        assert.match(seen[0]!, /Test: ".*log" is not the file that the checkpoint was made with/);
        second.append(Buffer.from('two\n'));
        await second.flush();
        assert.equal(await read(folder), 'begin\ntwo\n');
      }));
  }

  it('that nothing was written to are those of an earlier run, which the first row replaces', () =>
    withTempFolder(async (folder) => {
      await writeFile(path.join(folder, 'log'), 'of an earlier run, and longer');
      const file = open(folder);
      assert.equal(file.stateDict().size, 0);
      await file.sync();
      const other = open(folder);
      assert.deepEqual(await warnings(() => other.loadStateDict(file.stateDict())), []);
      assert.equal(await read(folder), 'of an earlier run, and longer');
      other.append(Buffer.from('one\n'));
      await other.close();
      assert.equal(await read(folder), 'begin\none\n');
    }));

  it('are found to be none at once', () =>
    withTempFolder(async (folder) => {
      await mkdir(path.join(folder, 'log'));
      throwsWithCode(() => open(folder), 'ERR_LOG_WRITE', /^Test: cannot write ".*log": EISDIR/);
      await writeFile(path.join(folder, 'file'), '');
      throwsWithCode(() => open(path.join(folder, 'file'), true), 'ERR_LOG_WRITE', /^Test: cannot write ".*log": /);
      await open(path.join(folder, 'late'), true).sync();
      assert.deepEqual(await readdir(path.join(folder, 'late')), []);
    }));

  it('are replaced at process.exit too', async function () {
    this.timeout(processTestTimeout);
    await withTempFolder(async (folder) => {
      const file = path.join(folder, 'training_results.csv');
      await writeFile(file, 'of an earlier run\n'.repeat(100));
      const { code } = await runProgram('test/process/programs/logged.ts', [folder]);
      assert.equal(code, 7);
      const lines = (await readFile(file, 'utf8')).split('\n');
      assert.deepEqual([lines.length, lines[0]!.slice(0, 12), lines.at(-1)], [5, 'training_exp', '']);
    });
  });
});

describe('a TensorboardLogger that goes on', () => {
  it('has a file of its own where that of the state is gone or differs, with a warning', () =>
    withTempFolder(async (folder) => {
      const first = new TensorboardLogger(folder);
      log(first, 1);
      await first.flush();
      const state = throughFile(first.stateDict()) as any;
      const file = path.join(folder, state.file as string);
      await writeFile(file, 'another');
      const second = new TensorboardLogger(folder);
      assert.equal((await warnings(() => [1, 2].forEach(() => second.loadStateDict(state)))).length, 1);
      log(second, 2);
      await second.close();
      assert.equal(await readFile(file, 'utf8'), 'another');
      assert.equal((await readdir(folder)).length, 2);
    }));

  it('cuts off events behind the state, and keeps those that came before', () =>
    withTempFolder(async (folder) => {
      const first = new TensorboardLogger(folder);
      log(first, 1, 2);
      await first.flush();
      const state = first.stateDict() as any;
      log(first, 3, 4, 5);
      await first.close();
      const second = new TensorboardLogger(folder);
      second.loadStateDict(throughFile(state));
      log(second, 6);
      await second.close();
      const [bytes] = await contents(folder);
      const each = (state.events.size - 56) / 2;
      assert.ok(bytes!.length > state.events.size && bytes!.length < state.events.size + 2 * each);
      assert.equal((second.stateDict() as any).file, state.file);
    }));
});

describe('states of loggers', () => {
  it('are refused without a change where they do not fit', () =>
    withTempFolder(async (folder) => {
      const csv = new CSVLogger(path.join(folder, 'csv'));
      const board = new TensorboardLogger(path.join(folder, 'board'));
      log(board, 1);
      await board.flush();
      const place = { size: 1, checksum: '' };
      for (const [logger, wrong] of [
        [new TextLogger(collector()), [[{ latest: { a: 'x' } }, /expected latest.a to be a number or a tensor, got "x"$/]]],
        [
          board,
          [
            [{ file: '../log', events: place }, /expected file to be the name of a file, without a folder, got "..\/log"$/],
            [{ file: 'log', events: { ...place, size: NaN } }, /expected events.size to be an integer of at least 0, got NaN$/],
            [{ file: 'log', events: { size: 1 } }, /Missing key\(s\) in state_dict: "events.checksum"\.$/],
          ],
        ],
        [
          csv,
          [
            [{ ...(csv.stateDict() as object), trained: { benchmark: 0 } }, /Missing key\(s\) in state_dict: "trained.stream", "trained.index"\.$/],
            [{ ...(csv.stateDict() as object), validation: { accuracy: null, loss: 'no' } }, /expected validation.loss to be a number or a tensor/],
          ],
        ],
      ] as [Stateful, [unknown, RegExp][]][]) {
        const before = comparable(logger.stateDict());
        const cases = hostileStates(logger.stateDict() as Record<string, unknown>).map(([, ...each]) => each);
        for (const [state, message] of [...cases, ...wrong]) {
          throwsWithCode(() => logger.loadStateDict(state as never), 'ERR_STATE_DICT', message);
          assert.deepEqual(comparable(logger.stateDict()), before);
        }
      }
      await Promise.all([csv.close(), board.close()]);
    }));
});
