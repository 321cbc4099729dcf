import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, manualSeed, tensor, torch } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';
import { recordedTensors } from '../support/recorded-tensors';

const { draws } = recordedTensors;
// The numbers of other devices are others.
const cpu = () => new Generator({ device: 'cpu' });
const seeded = (seed: number | bigint) => ({ generator: cpu().manualSeed(seed), device: 'cpu' });

describe('Generator', () => {
  it('draws what PyTorch draws', () => {
    assert.deepEqual(torch.rand([5], seeded(0)).toNumbers(), draws.rand);
    assert.deepEqual(torch.randint(0, 100, [8], seeded(2)).toNumbers(), draws.randint);
    assert.deepEqual(torch.randperm(10, seeded(2 ** 40)).toNumbers(), draws.randperm);
    assert.deepEqual(torch.rand([3], { ...seeded(5), dtype: 'float64' }).toNumbers(), draws.float64);
    const zeros = torch.zeros([10], { device: 'cpu' });
    assert.deepEqual(zeros.bernoulli_(0.3, { generator: cpu().manualSeed(4) }).toNumbers(), draws.bernoulli);
    const weights = tensor([0.1, 0.2, 0.7], { device: 'cpu' });
    assert.deepEqual(weights.multinomial(6, true, { generator: cpu().manualSeed(6) }).toNumbers(), draws.multinomial);
  });

  it('draws normal numbers as PyTorch does', () => {
    const found = torch.randn([20], seeded(1)).toNumbers();
    // Logarithm and cosine are those of the processor's vector instructions: the last digit may differ.
    found.forEach((value, i) => assert.ok(Math.abs(value - draws.randn![i]!) < 1e-6));
  });

  it('takes seeds from -2^63 up to 2^64, negative ones as PyTorch does', () => {
    assert.deepEqual(torch.rand([3], seeded(-1)).toNumbers(), draws.negativeSeed);
    assert.deepEqual(torch.rand([3], seeded(2n ** 64n - 1n)).toNumbers(), draws.largeSeed);
    assert.equal(cpu().manualSeed(5).initialSeed(), 5n);
  });

  it('has the seed of PyTorch before one is set', () => {
    assert.deepEqual(torch.rand([3], { generator: cpu(), device: 'cpu' }).toNumbers(), draws.unseeded);
    assert.equal(cpu().initialSeed(), BigInt(draws.initialSeed));
  });

  it('draws on from a state of its own or of another, and the state that was taken does not move', () => {
    const generator = cpu().manualSeed(3);
    torch.randn([5], { generator, device: 'cpu' });
    const state = generator.getState();
    assert.deepEqual([state.dtype, state.shape], ['uint8', [draws.stateSize]]);
    const next = torch.randn([4], { generator, device: 'cpu' }).toNumbers();
    next.forEach((value, i) => assert.ok(Math.abs(value - draws.afterFive![i]!) < 1e-6));
    for (const again of [generator, cpu()]) {
      again.setState(state);
      assert.deepEqual(torch.randn([4], { generator: again, device: 'cpu' }).toNumbers(), next);
    }
  });

  it('draws apart from the default generator, which manualSeed sets', () => {
    manualSeed(0);
    const expected = torch.rand([2]).toNumbers();
    manualSeed(0);
    torch.rand([7], seeded(9));
    assert.deepEqual(torch.rand([2]).toNumbers(), expected);
    manualSeed(0);
    assert.deepEqual(torch.rand([2], { device: 'cpu' }).toNumbers(), torch.rand([2], seeded(0)).toNumbers());
  });

  it('seeds itself with what nobody can foresee', () => {
    const generator = cpu();
    const seed = generator.seed();
    assert.equal(generator.initialSeed(), seed);
    assert.notEqual(seed, generator.seed());
    assert.equal(generator.device, 'cpu');
  });

  it('misuse: seeds, states and devices that are none; the generator stays as it was', () => {
    const generator = cpu().manualSeed(1);
    for (const wrong of [0.5, NaN, 2n ** 64n, -(2n ** 63n) - 1n]) {
      throwsWithCode(() => generator.manualSeed(wrong), 'ERR_INVALID_ARG_VALUE', /^manualSeed: expected seed to be an integer in \[-2\^63, 2\^64\)/);
    }
    throwsWithCode(() => generator.manualSeed('1' as never), 'ERR_INVALID_ARG_TYPE', /manualSeed/);
    throwsWithCode(() => generator.setState(tensor([1, 2])), 'ERR_TORCH', /./);
    throwsWithCode(() => generator.setState(torch.zeros([draws.stateSize - 1], { dtype: 'uint8' })), 'ERR_TORCH', /./);
    throwsWithCode(() => generator.setState(1 as never), 'ERR_INVALID_ARG_TYPE', /setState/);
    throwsWithCode(() => new Generator({ device: 'cuda:99' }), 'ERR_DEVICE', /./);
    throwsWithCode(() => new Generator({ typo: 1 } as never), 'ERR_UNKNOWN_OPTION', /typo/);
    throwsWithCode(() => torch.rand([2], { generator: {} as never }), 'ERR_NO_OVERLOAD', /Generator/);
    assert.deepEqual(torch.rand([2], { generator, device: 'cpu' }).toNumbers(), torch.rand([2], seeded(1)).toNumbers());
  });

  it('cannot be cloned, and says what to send', () => {
    for (const generator of [new Generator({ device: 'cpu' }), torch.defaultGenerator]) {
      assert.throws(() => structuredClone({ generator }), /a Generator: send the elements of its getState\(\).*could not be cloned/);
    }
  });
});
