// What the clock, a penalty and MAS remember, in another process, with another model, and where the model has grown since.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import {
  Clock,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  QuadraticPenalty,
  SupervisedTemplate,
  Tensor,
  tensor,
} from '../../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { linearRun, firstImportance, secondImportance, firstWeights } from '../../support/linear-mas';
import { numbersOf, smallBenchmark, smallModel } from '../../support/small-runs';
import { comparable, hostileStates, throughFile } from '../../support/states';

const row = (values: readonly number[]) => tensor([[...values]]);

/** A strategy with MAS on the 4-5-4 MLP. */
function masRun(options = { lambdaReg: 2, alpha: 0.25 }, model: nn.Module = smallModel()) {
  const mas = new MASPlugin(options);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
  const strategy = new SupervisedTemplate({ model, optimizer, trainMbSize: 4, evaluator: null, plugins: [mas] });
  const learn = (...indices: number[]) => strategy.train(smallBenchmark().trainStream.at(indices), { shuffle: false });
  return { mas, model, strategy, learn };
}

describe('the state of a clock', () => {
  it('is all counters, and goes on', async () => {
    const { strategy, learn } = masRun();
    await learn(0, 1);
    const state = throughFile(strategy.clock.stateDict());
    const clock = new Clock();
    clock.loadStateDict(state);
    assert.deepEqual(state, {
      trainIterations: 4,
      trainExpCounter: 2,
      trainExpEpochs: 1,
      trainExpIterations: 2,
      trainEpochIterations: 2,
      totalIterations: 4,
    });
    assert.deepEqual(clock.stateDict(), state);
    clock.afterTrainingIteration();
    assert.deepEqual([clock.trainIterations, clock.trainEpochIterations, clock.totalIterations], [5, 3, 5]);
  });

  it('is checked before anything changes', () => {
    const clock = new Clock();
    clock.trainIterations = 7;
    const state = clock.stateDict();
    for (const [what, wrong, message] of [
      ...hostileStates(state),
      ['NaN', { ...state, trainIterations: NaN }, /expected trainIterations to be an integer of at least 0, got NaN$/],
      ['a fraction', { ...state, totalIterations: 0.5 }, /expected totalIterations to be an integer of at least 0, got 0.5$/],
      ['less than none', { ...state, trainExpEpochs: -1 }, /trainExpEpochs/],
      ['a text', { ...state, trainExpEpochs: '1' }, /got "1"$/],
      ['a clock', clock, /expected a state, got a Clock: hand over its stateDict\(\)$/],
    ] as const) {
      throwsWithCode(() => clock.loadStateDict(wrong), 'ERR_STATE_DICT', message);
      assert.deepEqual(clock.stateDict(), state, what);
    }
  });
});

describe('the state of MAS', () => {
  it('goes on in a strategy built anew as if nothing had happened', async () => {
    manualSeed(1);
    const whole = masRun();
    const initial = throughFile(Object.fromEntries(whole.model.stateDict()));
    await whole.learn(0, 1, 0);
    const first = masRun();
    first.model.loadStateDict(initial as Record<string, Tensor>);
    await first.learn(0);
    const states = throughFile({
      model: Object.fromEntries(first.model.stateDict()),
      mas: first.mas.stateDict(),
      clock: first.strategy.clock.stateDict(),
    }) as any;

    const second = masRun();
    second.model.loadStateDict(states.model as Record<string, Tensor>);
    second.mas.loadStateDict(states.mas);
    second.strategy.clock.loadStateDict(states.clock);
    await second.learn(1, 0);
    assert.deepEqual(numbersOf(new Map(second.model.stateDict())), numbersOf(new Map(whole.model.stateDict())));
    assert.deepEqual(comparable(second.mas.stateDict()), comparable(whole.mas.stateDict()));
  });

  it('set from outside: the first experience is charged for it and merged with it, not put in its place', async () => {
    const seen: number[] = [];
    const { mas, train, strategy, stream } = linearRun({
      after: [{ beforeBackward: (s) => void seen.push(s.loss.item()) }],
    });
    // 1 + 2 (1 - 0)^2 + 4 (-2 + 1)^2
    mas.loadStateDict({ importance: { weight: row([2, 4]) }, anchor: { weight: row([0, -1]) } });
    await strategy.train(stream.at(0)!, { shuffle: false });
    assert.deepEqual(seen, [7, 7]);
    assertTensorClose(mas.importance!.get('weight')!, row([(2 + firstImportance[0]!) / 2, (4 + firstImportance[1]!) / 2]));
    assertTensorEqual(mas.params!.get('weight')!, row(firstWeights));
    await train();
  });

  it('of nothing leaves everything as it is', async () => {
    const { mas, train } = linearRun();
    mas.loadStateDict(throughFile(new MASPlugin().stateDict()));
    await train();
    const merged = firstImportance.map((value, i) => (value + secondImportance[i]!) / 2);
    assertTensorClose(mas.importance!.get('weight')!, row(merged));
  });

  it('a plugin that has measured with one strategy begins anew with the next, one that joins late fails', async () => {
    const one = linearRun();
    await one.train();
    const other = linearRun();
    other.strategy.plugins.splice(1, 1, one.mas);
    await other.strategy.train(other.stream.at(0)!, { shuffle: false });
    assertTensorClose(one.mas.importance!.get('weight')!, row(firstImportance));
    const late = linearRun();
    late.strategy.clock.loadStateDict(one.strategy.clock.stateDict());
    await rejectsWithCode(late.train(), 'ERR_MAS_NO_IMPORTANCE', /expected importances of an earlier experience/);
  });

  it('holds the low indices of what has grown since, and leaves parameters that it does not know free', async () => {
    const { mas, model, learn } = masRun({ lambdaReg: 1000, alpha: 1 });
    const parameters = new Map(model.namedParameters());
    const held = (name: string) => parameters.get(name)!.detach().clone();
    const low = held('2.weight').narrow(0, 0, 2).clone();
    mas.loadStateDict(
      throughFile({ importance: { '2.weight': low.mul(0).add(5), gone: tensor([1]) }, anchor: { '2.weight': low, gone: tensor([1]) } }),
    );
    const before = held('2.weight');
    await learn(1);
    const importance = mas.importance!.get('2.weight')!;
    assert.deepEqual(importance.narrow(0, 0, 2).toNumbers(), Array(10).fill(5));
    assert.ok(mas.importance!.has('gone') && mas.importance!.has('0.weight'));
    assert.notDeepEqual(held('2.weight').narrow(0, 2, 2).toNumbers(), before.narrow(0, 2, 2).toNumbers());
  });

  it('is copied, and refused without a change where it does not fit', async () => {
    const { mas, train } = linearRun({ mas: { lambdaReg: 2 } });
    await train();
    const state = throughFile(mas.stateDict()) as any;
    const before = comparable(mas.stateDict());
    const weight = state.importance.weight as Tensor;
    for (const [what, wrong, message] of [
      ...hostileStates({ importance: state.importance, anchor: state.anchor }),
      ['another lambdaReg', { ...state, lambdaReg: 3 }, /expected lambdaReg 2, got 3: it is not changed by loading; leave it out/],
      ['another alpha', { ...state, alpha: NaN }, /expected alpha 0.5, got NaN/],
      ['an anchor too many', { ...state, anchor: { ...state.anchor, more: weight } }, /an importance for the anchor "more", got none$/],
      ['an anchor too few', { ...state, anchor: {} }, /an anchor for the importance "weight", got none$/],
      ['another shape', { ...state, anchor: { weight: tensor([1]) } }, /"weight" in its anchor's shape \[1\], got \[1, 2\]$/],
      ['integers', { ...state, importance: { weight: weight.to('int64') } }, /a real importance/],
      ['no tensor', { ...state, importance: { weight: 3 } }, /expected importance.weight to be a tensor, got 3$/],
    ] as const) {
      throwsWithCode(() => mas.loadStateDict(wrong), 'ERR_STATE_DICT', message);
      assert.deepEqual(comparable(mas.stateDict()), before, what);
    }
    const disposed = weight.clone();
    disposed.dispose();
    throwsWithCode(() => mas.loadStateDict({ ...state, importance: { weight: disposed } }), 'ERR_DISPOSED', /./);
    mas.loadStateDict(new Map(Object.entries({ importance: new Map([['weight', weight]]), anchor: state.anchor as object })));
    weight.zero_();
    assert.deepEqual(comparable(mas.stateDict()), before);
  });
});

describe('the state of a QuadraticPenalty', () => {
  it('is importance, anchor and lambda, empty at first', () => {
    const penalty = new QuadraticPenalty({ lambda: 3 });
    assert.deepEqual(penalty.stateDict(), { lambda: 3, importance: {}, anchor: {} });
    penalty.set(new Map([['w', tensor([1, 2])]]), new Map([['w', tensor([3, 4])]]));
    const other = new QuadraticPenalty({ lambda: 3 });
    other.loadStateDict(throughFile(penalty.stateDict()));
    assert.deepEqual(comparable(other.stateDict()), comparable(penalty.stateDict()));
    const message = /^Error\(s\) in loading state_dict for QuadraticPenalty: expected lambda 3, got 1/;
    throwsWithCode(() => other.loadStateDict({ ...penalty.stateDict(), lambda: 1 }), 'ERR_STATE_DICT', message);
    other.loadStateDict({ importance: {}, anchor: {} });
    assert.equal(other.isEmpty, true);
  });
});
