// An evaluator that goes on in another process: what it measures and logs is what it would have been.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  accuracyMetrics,
  type Benchmark,
  benchmarkFromDatasets,
  bwtMetrics,
  confusionMatrixMetrics,
  EvaluationPlugin,
  forgettingMetrics,
  forwardTransferMetrics,
  type Logger,
  lossMetrics,
  optim,
  type PluginMetric,
  SupervisedTemplate,
  Tensor,
  tensor,
  timingMetrics,
  withClassesTimeline,
} from '../../lib/index';
import { Numbering } from '../../lib/evaluation/numbering';
import { answeringModel, constant } from '../support/answering';
import { throwsWithCode } from '../support/assertions';
import { quietEvaluator } from '../support/evaluators';
import { comparable, hostileStates, throughFile } from '../support/states';
import { smallBenchmark } from '../support/small-runs';
import { smallStrategy } from '../support/survival';
import { warnings } from '../support/warnings';

const levels = { experience: true, stream: true };
const everyMetric = () => [
  accuracyMetrics({ ...levels, epoch: true, trainedExperience: true }),
  lossMetrics({ ...levels, minibatch: true, epochRunning: true }),
  forgettingMetrics(levels),
  bwtMetrics(levels),
  forwardTransferMetrics(levels),
  confusionMatrixMetrics({ stream: true }),
];

/** What a program builds at its beginning: a strategy whose model answers as told, and its benchmarks. */
function built(makeBenchmarks: () => Benchmark[]) {
  const { model, answer } = answeringModel();
  answer([0, 1, 2, 3]);
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0 }),
    trainMbSize: 4,
    evalMbSize: 4,
    evaluator: new EvaluationPlugin(...everyMetric(), { loggers: [] }),
  });
  return { strategy, answer, benchmarks: makeBenchmarks() };
}
type Built = ReturnType<typeof built>;
type Step = (program: Built) => Promise<unknown>;

const learn =
  (benchmark: number, index: number, ...answers: number[]): Step =>
  ({ strategy, answer, benchmarks }) => {
    answer(answers);
    return strategy.train(benchmarks[benchmark]!.trainStream.at(index)!, { shuffle: false });
  };
const evaluate =
  (benchmark: number): Step =>
  ({ strategy, benchmarks }) =>
    strategy.eval(benchmarks[benchmark]!.testStream);
const visit =
  (stream: () => Benchmark['testStream']): Step =>
  ({ strategy }) =>
    strategy.eval(stream());

/** Everything that a user sees of what was measured. */
const seen = ({ strategy: { evaluator } }: Built) => ({
  results: JSON.parse(JSON.stringify(evaluator.results)) as unknown,
  last: comparable(evaluator.getLastMetrics()),
  all: comparable(evaluator.getAllMetrics()),
});

/** The state as another process would have left it: its benchmarks have places of their own. */
function ofAnotherProcess(state: any, placeOf: (place: number) => number): any {
  if (typeof state !== 'object' || state === null || state instanceof Tensor) return state;
  if (Array.isArray(state)) return state.map((item) => ofAnotherProcess(item, placeOf));
  const own = 'process' in state ? { process: 'another', place: placeOf(state.place as number) } : {};
  return { ...Object.fromEntries(Object.entries(state).map(([key, item]) => [key, ofAnotherProcess(item, placeOf)])), ...own };
}

/**
 * Runs all steps; or those before a place, and the rest in a program built anew: in this process, or as if it were another one in
 * which benchmarks are made in the same places.
 */
async function run(make: () => Benchmark[], steps: Step[], cut = steps.length, isOther = false) {
  let program = built(make);
  for (const step of steps.slice(0, cut)) await step(program);
  if (cut === steps.length) return seen(program);
  const { evaluator, clock, model } = program.strategy;
  const parts = { evaluator: evaluator.stateDict(), clock: clock.stateDict(), model: Object.fromEntries(model.stateDict()) };
  const places = program.benchmarks.map(({ identity }) => identity.place);
  program = built(make);
  const placesThere = program.benchmarks.map(({ identity }) => identity.place);
  const written = throughFile(parts);
  const state = isOther ? ofAnotherProcess(written, (place) => placesThere[places.indexOf(place)]!) : (written as any);
  for (let times = 0; times < 2; times++) program.strategy.evaluator.loadStateDict(state.evaluator);
  program.strategy.clock.loadStateDict(state.clock);
  program.strategy.model.loadStateDict(state.model as Record<string, Tensor>);
  for (const step of steps.slice(cut)) await step(program);
  return seen(program);
}

const ofClasses = (...labels: number[]) => benchmarkFromDatasets({ train: labels.map(constant), test: labels.map(constant) });
const bothBenchmarks: Step[] = [
  ...[evaluate(0), evaluate(1)],
  ...[learn(0, 0, 0, 0, 0, 1), evaluate(0), evaluate(1)],
  ...[learn(0, 1, 0, 1, 1, 1), evaluate(1), evaluate(0)],
  ...[learn(1, 0, 2, 2, 0, 0), evaluate(1), evaluate(0)],
  ...[learn(0, 1, 0, 3, 1, 1), evaluate(0), evaluate(1)],
];

describe('an evaluator that goes on from a state', () => {
  it('with two benchmarks that differ, wherever it is cut', async () => {
    const make = () => [ofClasses(0, 1), ofClasses(2, 3, 0)];
    const whole = await run(make, bothBenchmarks);
    for (let cut = 0; cut < bothBenchmarks.length; cut++) {
      assert.deepEqual(await run(make, bothBenchmarks, cut), whole, `cut before step ${cut}`);
    }
  });

  it('with two benchmarks alike, wherever it is cut, where the program makes them in the same order', async () => {
    const make = () => [ofClasses(0, 1), ofClasses(2, 3)];
    const whole = await run(make, bothBenchmarks);
    for (let cut = 0; cut < bothBenchmarks.length; cut++) {
      assert.deepEqual(await run(make, bothBenchmarks, cut, true), whole, `cut before step ${cut}`);
    }
  });

  it('with two benchmarks alike and built anew in this process: the one that comes first is the first', async () => {
    const make = () => [ofClasses(0, 1), ofClasses(2, 3)];
    const whole = await run(make, bothBenchmarks);
    for (const cut of [0, 2, 5]) assert.deepEqual(await run(make, bothBenchmarks, cut), whole, `cut before step ${cut}`);
  });

  it('with a benchmark that another process made later than this one: it is known by what it looks like', async () => {
    const [there, here] = [ofClasses(0, 1), ofClasses(0, 1)];
    const numbering = new Numbering();
    const known = numbering.of(there);
    const places = (place: number) => ofAnotherProcess(numbering.stateDict(), () => place) as ReturnType<Numbering['stateDict']>;
    const loaded = new Numbering();
    loaded.loadStateDict(places(10 ** 6));
    assert.equal(loaded.of(here), known);
    // Nor is it taken for one that this process has made too, in the same place.
    loaded.loadStateDict(places(there.identity.place));
    assert.deepEqual([loaded.find(here), loaded.of(here), loaded.of(there)], [undefined, 1, known]);
  });

  it('with guests, made anew for each evaluation', async () => {
    const make = () => [benchmarkFromDatasets({ train: [0, 1, 2].map(constant) })];
    const guest = (count = 3) => benchmarkFromDatasets({ test: [0, 1, 2].slice(0, count).map(constant) }).testStream;
    const other = () => benchmarkFromDatasets({ valid: [constant(1)] }).stream('valid');
    const steps: Step[] = [
      ...[visit(guest), learn(0, 0, 0, 0, 0, 1), visit(guest)],
      ...[visit(guest), visit(other), learn(0, 1, 0, 1, 1, 1)],
      ...[visit(() => guest(2)), visit(other), visit(() => withClassesTimeline(guest())), learn(0, 2, 2, 2, 0, 1)],
      ...[visit(guest), visit(other)],
    ];
    const whole = await run(make, steps);
    for (let cut = 0; cut < steps.length; cut++) assert.deepEqual(await run(make, steps, cut), whole, `cut before step ${cut}`);
  });

  it('with a third benchmark that comes up later, and one of the state that does not come up again', async () => {
    const make = () => [ofClasses(0, 1), ofClasses(2), ofClasses(3, 0, 1, 2)];
    const steps = [evaluate(2), evaluate(0), learn(0, 0, 0, 0, 0, 0), evaluate(0), evaluate(1), learn(2, 0, 3, 3, 3, 0), evaluate(2), evaluate(0)];
    const whole = await run(make, steps);
    for (let cut = 0; cut < steps.length; cut++) assert.deepEqual(await run(make, steps, cut), whole, `cut before step ${cut}`);
  });
});

/** A user's metric with something to remember. */
class Longest implements PluginMetric {
  best: number[] = [];
  fails = false;
  afterTrainingEpoch() {
    this.best.push(this.best.length);
    return [{ name: 'Longest', value: tensor(this.best) }];
  }
  stateDict() {
    return { best: [...this.best] };
  }
  loadStateDict(state: { best: number[] }) {
    if (this.fails) throw new TypeError('not mine');
    this.best = [...state.best];
  }
}

describe('the state of an evaluator', () => {
  const withMetric = (metric: PluginMetric, loggers: Logger[] = []) =>
    new EvaluationPlugin(accuracyMetrics(levels), metric, forgettingMetrics(levels), { loggers });
  const trained = async (evaluator: EvaluationPlugin) => {
    const { trainStream, testStream } = smallBenchmark();
    const strategy = smallStrategy({ evaluator });
    await strategy.train(trainStream);
    await strategy.eval(testStream);
    return strategy;
  };

  it('has curves with tensors, in copies, the order of the latest values, and whether it is active', async () => {
    const evaluator = withMetric(new Longest());
    await trained(evaluator);
    evaluator.active = false;
    const state = throughFile(evaluator.stateDict()) as any;
    const metric = new Longest();
    const other = withMetric(metric);
    other.loadStateDict(state);
    assert.deepEqual(metric.best, [0, 1]);
    assert.equal(other.active, false);
    assert.equal(other.valueCount, evaluator.valueCount);
    assert.deepEqual(other.latest(() => true)!.name, evaluator.latest(() => true)!.name);
    assert.deepEqual(comparable(other.stateDict()), comparable(evaluator.stateDict()));
    const given = state.curves.Longest.y[1] as Tensor;
    given.zero_();
    assert.deepEqual((other.getAllMetrics()['Longest']![1][1] as Tensor).toNumbers(), [0, 1]);
  });

  it('has infinities and NaN', () => {
    const evaluator = quietEvaluator();
    const state = {
      ...(evaluator.stateDict() as any),
      count: 2,
      last: { a: { value: NaN, order: 1 }, b: { value: -Infinity, order: 0 } },
      curves: { a: { x: [0], y: [Infinity], of: [-1] } },
    };
    evaluator.loadStateDict(throughFile(state));
    assert.deepEqual(evaluator.stateDict(), { ...state, last: { b: state.last.b, a: state.last.a } });
    assert.deepEqual(Object.keys(evaluator.getLastMetrics()), ['b', 'a']);
  });

  it('is refused without a change where it does not fit', async () => {
    const metric = new Longest();
    const evaluator = withMetric(metric);
    await trained(evaluator);
    const state = throughFile(evaluator.stateDict()) as any;
    const before = comparable(evaluator.stateDict());
    const [first, own] = state.metrics.slice(1, 3) as object[];
    const changed = (name: string, of: object) => ({ ...state, [name]: { ...state[name], ...of } });
    const cases: [what: string, state: unknown, message: RegExp][] = [
      ...hostileStates(state as Record<string, unknown>),
      ['a metric less', { ...state, metrics: [first, own] }, /expected metrics \[a plugin without a state, .*, Longest, a plugin.*\], got \[/],
      ['metrics in another order', { ...state, metrics: [own, ...state.metrics.slice(0, 2), state.metrics[3]] }, /expected metrics \[/],
      ['loggers', { ...state, loggers: [{ name: 'TextLogger' }] }, /expected loggers \[\], got \[TextLogger without a state\]$/],
      ['a count of NaN', { ...state, count: NaN }, /expected count to be an integer of at least 0, got NaN$/],
      ['a text as a value', changed('last', { a: { value: 'x', order: 0 } }), /expected last.a.value to be a number or a tensor, got "x"$/],
      ['a curve without y', changed('curves', { a: { x: [], of: [] } }), /Missing key\(s\) in state_dict: "curves.a.y"\.$/],
      ['a curve cut off', changed('curves', { a: { x: [1], y: [], of: [] } }), /expected curves.a to have as many x, y and of, got 1, 0 and 0$/],
      ['matrices of another kind', changed('accuracies', { streams: [{}] }), /Missing key\(s\) in state_dict: "accuracies.streams.0.key", /],
    ];
    for (const [what, wrong, message] of cases) {
      throwsWithCode(() => evaluator.loadStateDict(wrong), 'ERR_STATE_DICT', message);
      assert.deepEqual(comparable(evaluator.stateDict()), before, what);
    }
  });

  it('is taken back where a metric refuses its own', async () => {
    const [metric, last] = [new Longest(), new Longest()];
    const evaluator = new EvaluationPlugin(metric, forgettingMetrics(levels), last, { loggers: [] });
    await trained(evaluator);
    const state = throughFile(evaluator.stateDict());
    await trained(evaluator);
    const before = comparable(evaluator.stateDict());
    last.fails = true;
    const load = () => evaluator.loadStateDict(state);
    throwsWithCode(load, 'ERR_STATE_DICT', /^Error\(s\) in loading state_dict for a Longest: it failed: not mine$/);
    assert.deepEqual(comparable(evaluator.stateDict()), before);
    const swapped = new EvaluationPlugin(bwtMetrics(levels), { loggers: [] });
    const ofForgetting = new EvaluationPlugin(forgettingMetrics(levels), { loggers: [] }).stateDict();
    const message = /for the metric BWT: expected metric to be "BWT", got "Forgetting"$/;
    throwsWithCode(() => swapped.loadStateDict(ofForgetting), 'ERR_STATE_DICT', message);
  });

  it('a metric whose stateDict throws is named', () => {
    const metric = Object.assign(new Longest(), {
      stateDict: () => {
        throw new Error('no');
      },
    });
    throwsWithCode(() => withMetric(metric).stateDict(), 'ERR_CALLBACK', /^stateDict of a Longest failed: no$/);
  });

  it('a warning that has come once does not come again', async () => {
    const [one, two] = [ofClasses(0), ofClasses(1)];
    const both = [one.testStream[0]!, two.testStream[0]!];
    const evaluator = () => new EvaluationPlugin(accuracyMetrics(levels), { loggers: [] });
    const first = smallStrategy({ evaluator: evaluator() });
    assert.equal((await warnings(() => first.eval(both))).length, 1);
    const second = smallStrategy({ evaluator: evaluator() });
    second.evaluator.loadStateDict(throughFile(first.evaluator.stateDict()));
    assert.deepEqual(await warnings(() => second.eval(both)), []);
  });

  it('times go on without the time between', async () => {
    const all = { minibatch: true, epoch: true, epochRunning: true, experience: true, stream: true };
    const evaluator = new EvaluationPlugin(timingMetrics(all), { loggers: [] });
    await trained(evaluator);
    const state = throughFile(evaluator.stateDict()) as any;
    const epoch = state.metrics.find(({ state: { metric } }: any) => metric === 'Time_Epoch');
    epoch.state.elapsed = 1e6;
    const other = new EvaluationPlugin(timingMetrics(all), { loggers: [] });
    other.loadStateDict(state);
    const [, again] = (other.stateDict() as any).metrics as any[];
    assert.ok(again.state.elapsed >= 1e6 && again.state.elapsed < 1.1e6);
    const running = (of: EvaluationPlugin) => (of.stateDict() as any).metrics[2].state as unknown;
    assert.deepEqual(running(other), running(evaluator));
  });
});
