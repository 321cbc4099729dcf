// How far a call has come, for those who listen.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import {
  accuracyMetrics,
  type AnyExperience,
  benchmarkFromDatasets,
  EvaluationPlugin,
  getDefaultDevice,
  InteractiveLogger,
  IterableDataset,
  type Logger,
  MASPlugin,
  optim,
  type PassProgress,
  type Sample,
  SupervisedTemplate,
  type SupervisedTemplateOptions,
} from '../../lib/index';
import { progressLine } from '../../lib/progress-display';
import { LatestEvents } from '../../lib/training/iteration/latest-events';
import { rejectsWithCode } from '../support/assertions';
import { captured } from '../support/evaluators';
import { smallBenchmark, smallModel } from '../support/small-runs';

const { trainStream, testStream } = smallBenchmark({ train: 12, evaluation: 4 });

function makeStrategy(options: Partial<SupervisedTemplateOptions> = {}): SupervisedTemplate {
  const model = smallModel();
  return new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
    trainMbSize: 4,
    evalMbSize: 2,
    trainEpochs: 2,
    evaluator: null,
    ...options,
  });
}

/** A hook in the iteration: then there is an event for each. */
const separate = { beforeForward: () => {}, beforeEvalForward: () => {} };

type Where = Omit<PassProgress, 'loss' | 'rate' | 'timeLeft'>;
const whereOf = ({ phase, done, total, experience, experiences, experienceIndex, epoch, epochs, iteration }: PassProgress): Where => ({
  phase, done, total, experience, experiences, experienceIndex, epoch, epochs, iteration,
}); // prettier-ignore

async function collected(events: AsyncIterable<PassProgress>): Promise<PassProgress[]> {
  const all: PassProgress[] = [];
  for await (const event of events) all.push(event);
  return all;
}

describe('events of progress', () => {
  it('say where a call is: phase, experience, epoch and iteration', async () => {
    const events: PassProgress[] = [];
    const strategy = makeStrategy({ plugins: [separate, new MASPlugin()], onProgress: (event) => void events.push(event) });
    await strategy.train([trainStream[1]!, trainStream[0]!]);
    const of = (experience: number, experienceIndex: number) => (phase: 'train' | 'importance', epoch: number, done: number): Where => ({
      phase, done, total: 3, experience, experiences: 2, experienceIndex, epoch, epochs: phase === 'train' ? 2 : 1, iteration: done,
    }); // prettier-ignore
    const training = events.filter(({ phase }) => phase === 'train').map(whereOf);
    const expected = [of(0, 1), of(1, 0)].flatMap((at) => [0, 1].flatMap((epoch) => [1, 2, 3, 3].map((done) => at('train', epoch, done))));
    assert.deepEqual(training, expected);
    const last = events.filter(({ phase, done }) => phase === 'importance' && done === 3).map(whereOf);
    assert.deepEqual([last[0], last.at(-1)], [of(0, 1)('importance', 0, 3), of(1, 0)('importance', 0, 3)]);
  });

  it('say of an evaluation in a hook where that is', async () => {
    const events: PassProgress[] = [];
    const strategy = makeStrategy({ plugins: [separate], evalEvery: 1, trainEpochs: 1, onProgress: (event) => void events.push(event) });
    await strategy.train(trainStream[1]!, { evalStreams: [testStream] });
    const evaluations = events.filter(({ phase }) => phase === 'eval').map(whereOf);
    assert.deepEqual(evaluations.slice(-6).map(({ experience, experiences, experienceIndex, done, total, epoch, epochs }) => [experience, experiences, experienceIndex, done, total, epoch, epochs]), [0, 1].flatMap((i) => [1, 2, 2].map((done) => [i, 2, i, done, 2, 0, 1]))); // prettier-ignore
  });

  it('tell the loss of the latest mini-batch, in training and evaluation', async function () {
    if (getDefaultDevice() !== 'cpu') this.skip(); // a device is asked for it each 100 ms at most
    const losses: number[] = [];
    const told: number[] = [];
    const keep = { afterTrainingIteration: ({ loss }: { loss: { item(): number } }) => void losses.push(loss.item()), afterEvalIteration: ({ loss }: { loss: { item(): number } }) => void losses.push(loss.item()) };
    const strategy = makeStrategy({ plugins: [keep], onProgress: ({ loss, done, total }) => void told.push(done <= total ? loss : NaN) });
    await strategy.train(trainStream);
    await strategy.eval(testStream);
    // Each pass comes to its end once more than it has mini-batches.
    assert.deepEqual([...new Set(told)], [...new Set(losses)]);
  });

  it('tell no loss in importance passes', async () => {
    const told = new Set<number>();
    const strategy = makeStrategy({ plugins: [new MASPlugin()], onProgress: ({ phase, loss }) => void (phase === 'importance' && told.add(loss)) });
    await strategy.train(trainStream);
    assert.deepEqual([...told], [NaN]);
  });

  it('tell rate and time left: none at the end, and none where the data does not know its length', async () => {
    const events: PassProgress[] = [];
    const strategy = makeStrategy({ plugins: [separate], onProgress: (event) => void events.push(event) });
    await strategy.train(trainStream);
    for (const { rate, timeLeft } of events) {
      assert.ok(rate > 0);
      assert.ok(timeLeft >= 0);
    }
    assert.equal(events.at(-1)!.timeLeft, 0);
    assert.ok(events[0]!.timeLeft > 0);
    await strategy.eval(testStream);
    assert.equal(events.at(-1)!.timeLeft, 0);
    const source = function* (): Iterable<Sample> {
      for (let i = 0; i < 8; i++) yield [[i, 1, 2, 3], i % 4];
    };
    const unknown = benchmarkFromDatasets({ train: [new IterableDataset(source, { classes: [0, 1, 2, 3] })] }).trainStream as Iterable<AnyExperience>;
    events.length = 0;
    await strategy.train([...unknown]);
    assert.deepEqual([...new Set(events.map(({ total }) => total))], [NaN]);
    assert.deepEqual([...new Set(events.map(({ timeLeft }) => timeLeft))], [NaN]);
  });

  it('reach loggers too, and where nobody listens no loss is read', async () => {
    const seen: string[] = [];
    const make = (isListening: boolean | undefined): Logger => ({ logMetrics: () => {}, onProgress: (_strategy, { phase }) => void seen.push(phase), ...(isListening !== undefined && { isListening }) });
    for (const [isListening, isTold] of [[undefined, true], [true, true], [false, false]] as const) { // prettier-ignore
      let reads = 0;
      class Counting extends SupervisedTemplate {
        override get loss() {
          reads++;
          return super.loss;
        }

        override set loss(loss) {
          super.loss = loss;
        }
      }
      const model = smallModel();
      const evaluator = new EvaluationPlugin(accuracyMetrics({ stream: true }), { loggers: [make(isListening)] });
      const strategy = new Counting({ model, optimizer: new optim.SGD(model.parameters()), evaluator });
      await strategy.eval(testStream);
      assert.deepEqual([seen.splice(0).length > 0, reads > 0], [isTold, isTold]);
    }
  });
});

describe('strategy.progress()', () => {
  it('gives events until the call ends, to as many as iterate', async () => {
    const strategy = makeStrategy({ plugins: [separate] });
    const iterators = [strategy.progress(), strategy.progress()];
    const training = strategy.train(trainStream);
    const all = await Promise.all([...iterators, strategy.progress()].map(collected));
    await training;
    for (const events of all) {
      assert.ok(events.length > 0);
      assert.deepEqual(whereOf(events.at(-1)!), { phase: 'train', done: 3, total: 3, experience: 1, experiences: 2, experienceIndex: 1, epoch: 1, epochs: 2, iteration: 3 });
    }
    // The next call needs another one.
    assert.deepEqual(await collected(iterators[0]!), []);
  });

  it('gives who is slow the latest event alone', async () => {
    const strategy = makeStrategy({ plugins: [separate] });
    const events = strategy.progress();
    await strategy.train(trainStream);
    const all = await collected(events);
    assert.equal(all.length, 1);
    assert.equal(all[0]!.experience, 1);
  });

  it('ends with a call that fails, whose own promise says so', async () => {
    const failing = makeStrategy({ plugins: [{ afterTrainingEpoch: () => Promise.reject(new Error('broken')) }] });
    const events = failing.progress();
    const call = failing.train(trainStream);
    const [, all] = await Promise.all([rejectsWithCode(call, 'ERR_HOOK', /broken/), collected(events)]);
    assert.ok(all.length > 0);
  });

  it('ends with a call that does not begin, but not with one that is refused because another is under way', async () => {
    const strategy = makeStrategy();
    const [first, second] = [strategy.progress(), strategy.progress()];
    await rejectsWithCode(strategy.train(3 as never), 'ERR_INVALID_ARG_TYPE', /^train/);
    assert.deepEqual(await collected(first), []);
    assert.deepEqual(await collected(second), []);
    await rejectsWithCode(strategy.eval(testStream, { signal: AbortSignal.abort() }), 'ERR_ABORTED', /^eval/);
    const events = strategy.progress();
    const training = strategy.train(trainStream);
    await rejectsWithCode(strategy.train(trainStream), 'ERR_BUSY', /^train/);
    assert.ok((await collected(events)).length > 0);
    await training;
  });

  it('is let go by break, and does not end with an evaluation in a hook', async () => {
    const strategy = makeStrategy({ plugins: [separate], evalEvery: 1 });
    const events = strategy.progress();
    const other = strategy.progress();
    const training = strategy.train(trainStream);
    for await (const { phase } of events) if (phase === 'eval') break;
    assert.deepEqual(await events.next(), { value: undefined, done: true });
    const rest = await collected(other);
    await training;
    assert.equal(rest.at(-1)!.experience, 1);
  });

  it('changes nothing of the result', async () => {
    const run = async (listen: boolean) => {
      const strategy = makeStrategy({ trainEpochs: 3 });
      for (const parameter of strategy.model.parameters()) void parameter.detach().fill_(0.1);
      const reading = listen ? collected(strategy.progress()) : null;
      await strategy.train(trainStream, { shuffle: false });
      await reading;
      return strategy.model.parameters().map((parameter) => parameter.toNumbers());
    };
    assert.deepEqual(await run(true), await run(false));
  });
});

describe('LatestEvents', () => {
  it('answers requests that wait in their order, then keeps the newest', async () => {
    let gone = 0;
    const events = new LatestEvents<number>(() => gone++);
    const [a, b] = [events.next(), events.next()];
    for (let i = 0; i < 10; i++) events.push(i);
    assert.deepEqual([(await a).value, (await b).value, (await events.next()).value], [0, 1, 9]);
    const late = events.next();
    events.push(10);
    events.push(11);
    events.end();
    events.push(12);
    assert.deepEqual([await late, await events.next(), await events.next()], [{ value: 10, done: false }, { value: 11, done: false }, { value: undefined, done: true }]);
    assert.equal(gone, 1);
  });
});

describe('the bar', () => {
  const parts = ['exp 2/5', '1m05s left', 'loss 0.1234', 'epoch 1/3', '120/265 mini-batches', '532/s'];

  it('is never wider than the line, and shows what matters most where that is narrow', () => {
    for (let width = 0; width < 200; width++) {
      for (const fraction of [0, 0.456, 1, NaN]) assert.ok(progressLine(width, 'train', fraction, parts).length <= width);
    }
    assert.equal(progressLine(19, 'train', 0.456, parts), 'train 45% | exp 2/5');
    assert.equal(progressLine(19, 'importance', 0.5, parts), 'importance 50%');
    assert.equal(progressLine(40, 'train', 0.456, parts), 'train 45% | exp 2/5 | 1m05s left | 532/s');
    assert.match(progressLine(120, 'train', 0.5, parts), /^train █+░+ 50% \| exp 2\/5 \| 1m05s left \| loss 0\.1234 \| epoch 1\/3 \| 120\/265 mini-batches \| 532\/s$/);
    assert.equal(progressLine(60, 'train', NaN, ['12 mini-batches']), 'train | 12 mini-batches');
  });

  describe('of an InteractiveLogger', () => {
    const { isTTY, columns } = process.stderr;
    beforeEach(() => void (process.stderr.isTTY = true));
    afterEach(() => void Object.assign(process.stderr, { isTTY, columns }));

    async function drawn(width: () => number): Promise<string[]> {
      Object.defineProperty(process.stderr, 'columns', { get: width, configurable: true });
      try {
        let text = '';
        await captured('stdout', async () => {
          text = await captured('stderr', async () => {
            const evaluator = new EvaluationPlugin(accuracyMetrics({ epoch: true }), { loggers: [new InteractiveLogger()] });
            const strategy = makeStrategy({ evaluator, plugins: [new MASPlugin({ verbose: true })] });
            await strategy.train(trainStream);
            await strategy.eval(testStream);
          });
        });
        return text.split(/[\r\n]/).map((line) => line.replace('\x1b[K', ''));
      } finally {
        Object.defineProperty(process.stderr, 'columns', { value: columns, configurable: true, writable: true });
      }
    }

    it('shows training, importance passes and evaluation', async () => {
      const text = (await drawn(() => 120)).join('\n');
      assert.match(text, /train .*% \| exp 1\/2 \| .* left \| loss \d\.\d{4} \| epoch 1\/2/);
      assert.match(text, /importance .*100% \| exp 2\/2/);
      assert.match(text, /eval .*% \| exp 2\/2/);
      assert.doesNotMatch(text, /MAS importance/);
    });

    it('fits a narrow terminal, also one that becomes so', async () => {
      const widths: number[] = [];
      let width = 120;
      const lines = await drawn(() => {
        widths.push((width = Math.max(20, width - 10)));
        return width;
      });
      const bars = lines.filter((line) => line !== '');
      assert.equal(bars.length, widths.length);
      bars.forEach((line, i) => assert.ok(line.length < widths[i]!, `${line.length} of ${widths[i]}`));
    });
  });

  it('writes nothing to stderr that is no terminal', async () => {
    const { isTTY } = process.stderr;
    process.stderr.isTTY = false;
    try {
      let text = '';
      await captured('stdout', async () => {
        text = await captured('stderr', () => makeStrategy({ evaluator: undefined as never }).train(trainStream));
      });
      assert.equal(text, '');
    } finally {
      process.stderr.isTTY = isTTY;
    }
  });
});
