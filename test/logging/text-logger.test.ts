// What TextLogger and InteractiveLogger print beyond the recorded runs (test/evaluation/recorded.test.ts).
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'mocha';
import {
  EvaluationPlugin,
  InteractiveLogger,
  logging,
  type Plugin,
  type Tensor,
  tensor,
  TextLogger,
} from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';
import { captured, collector } from '../support/evaluators';
import { smallBenchmark } from '../support/small-runs';
import { assertUsable, smallStrategy } from '../support/survival';

/** What is printed for this value after an evaluation of nothing else. */
async function printed(value: number | Tensor): Promise<string> {
  const file = collector();
  const metric = { afterEval: () => [{ name: 'm', value }] };
  const evaluator = new EvaluationPlugin(metric, { loggers: [new TextLogger(file)] });
  await smallStrategy({ evaluator }).eval(smallBenchmark().testStream.at(0)!);
  const [, text] = /-- >> End of eval phase << --\n\tm = ([^]*)\n$/.exec(file.text)!;
  return text!;
}

describe('TextLogger', () => {
  for (const [value, text] of [
    [0, '0.0000'],
    [-0, '0.0000'],
    [1 / 3, '0.3333'],
    [2 / 3, '0.6667'],
    [-12345.67891, '-12345.6789'],
    // Half way, as Python's format rounds them: to the even digit.
    [1 / 32, '0.0312'],
    [3 / 32, '0.0938'],
    [-1 / 32, '-0.0312'],
    [5 / 32, '0.1562'],
    [1 + 7 / 32, '1.2188'],
    [2 ** 40 + 1 / 32, '1099511627776.0312'],
    [-1e21, '-1000000000000000000000.0000'],
    [NaN, 'nan'],
    [Infinity, 'inf'],
    [-Infinity, '-inf'],
  ] as const) {
    it(`prints ${value} as ${text}`, async () => {
      assert.equal(await printed(value), text);
    });
  }

  it('prints tensors on lines of their own', async () => {
    const counts = [
      [12, 0],
      [3, 4],
    ];
    assert.equal(await printed(tensor(counts, { dtype: 'int64' })), '\n[[12,  0],\n [ 3,  4]]');
    assert.equal(await printed(tensor([[0.5, 2 / 3]])), '\n[[0.5000, 0.6667]]');
    assert.equal(await printed(tensor([[[1], [2]]], { dtype: 'int64' })), '\n[[[1],\n  [2]]]');
    assert.equal(await printed(tensor(7, { dtype: 'int64' })), '\n7');
    assert.equal(await printed(tensor([])), '\n[]');
  });

  it('prints a value that came several times once, the latest, and each value only once', async () => {
    const file = collector();
    let value = 0;
    const metric = { afterTrainingIteration: () => [{ name: 'b', value: ++value }, { name: 'a', value: -value }] };
    const evaluator = new EvaluationPlugin(metric, { loggers: [new TextLogger(file)] });
    await smallStrategy({ evaluator, trainEpochs: 2 }).train(smallBenchmark().trainStream.at(0)!);
    assert.equal(
      file.text,
      [
        '-- >> Start of training phase << --',
        '-- Starting training on experience 0 (Task 0) from train stream --',
        'Epoch 0 ended.',
        '\ta = -2.0000',
        '\tb = 2.0000',
        'Epoch 1 ended.',
        '\ta = -4.0000',
        '\tb = 4.0000',
        '-- >> End of training phase << --',
        '',
      ].join('\n'),
    );
  });

  it('prints to stdout by default', async () => {
    const evaluator = new EvaluationPlugin({ loggers: [new TextLogger()] });
    const text = await captured('stdout', () => smallStrategy({ evaluator }).eval(smallBenchmark().testStream.at(0)!));
    assert.match(text, /^-- >> Start of eval phase << --\n-- Starting eval on experience 0 /);
  });

  it('misuse: a file that is none', () => {
    for (const file of [null, 3, 'log.txt', {}]) {
      const message = /^TextLogger: expected file to be a writable stream, got /;
      throwsWithCode(() => new TextLogger(file as never), 'ERR_INVALID_ARG_TYPE', message);
    }
    assert.equal(logging.TextLogger, TextLogger);
  });

  it('rejects the training where the file reports an error, instead of ending the process', async () => {
    const file = new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) });
    const strategy = smallStrategy({ evaluator: new EvaluationPlugin({ loggers: [new TextLogger(file)] }) });
    const call = strategy.train(smallBenchmark().trainStream);
    await rejectsWithCode(call, 'ERR_LOG_WRITE', /^TextLogger: cannot write: disk full$/);
    strategy.evaluator.active = false;
    await assertUsable(strategy);
  });
});

describe('InteractiveLogger', () => {
  /** What is written to stderr while a strategy trains and evaluates; a listener makes a job of every iteration. */
  async function bars(isTTY: boolean, plugin: Plugin = {}): Promise<string> {
    const evaluator = new EvaluationPlugin({ loggers: [new InteractiveLogger()] });
    const strategy = smallStrategy({ evaluator, plugins: [{ beforeForward: () => {} }, plugin] });
    const { trainStream, testStream } = smallBenchmark();
    const before = Object.getOwnPropertyDescriptor(process.stderr, 'isTTY');
    Object.defineProperty(process.stderr, 'isTTY', { value: isTTY, configurable: true });
    try {
      return await captured('stderr', () =>
        captured('stdout', async () => {
          await strategy.train(trainStream.at(0)!).catch(() => {});
          await strategy.eval(testStream.at(0)!);
        }),
      );
    } finally {
      if (before) Object.defineProperty(process.stderr, 'isTTY', before);
      else delete (process.stderr as { isTTY?: boolean }).isTTY;
    }
  }

  it('shows a bar for each epoch and each evaluated experience on a terminal, each ended with a line', async () => {
    const text = await bars(true);
    const lines = text.split('\n');
    assert.equal(lines.length, 3);
    const last = lines.map((line) => line.split('\r').at(-1)!);
    assert.match(last[0]!, /^train █+ 100% .* 2\/2 mini-batches/);
    assert.match(last[1]!, /^eval █+ 100% .* 1\/1 mini-batches/);
    assert.match(lines[0]!.split('\r')[1]!, /^train █+░+ 50% .* 1\/2 mini-batches/);
    assert.equal(last[2], '');
  });

  it('shows nothing on stderr where that is no terminal', async () => {
    assert.equal(await bars(false), '');
  });

  it('ends the bar of a training that failed when something else begins', async () => {
    const fail = () => {
      throw new Error('no');
    };
    const text = await bars(true, { afterTrainingEpoch: fail });
    assert.deepEqual(
      text.split('\n').map((line) => /^\r(\w+)/.exec(line)?.[1]),
      ['train', 'eval', undefined],
    );
  });
});
