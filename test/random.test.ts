import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, manualSeed, tensor, torch } from '../lib/index';
import { assertTensorEqual, throwsWithCode } from './support/assertions';
import { onCpu } from './support/on-cpu';
import { recordedRandom } from './support/recorded-random';

const { state } = recordedRandom;
const recordedState = () => tensor(new Uint8Array(Buffer.from(state.bytes, 'base64')));

describe('the default generator', () => {
  onCpu('the state that is recorded is of the CPU\'s generator');

  it("draws on from a state of PyTorch's, and takes its state as PyTorch does", () => {
    torch.setRngState(recordedState());
    assertTensorEqual(torch.getRngState(), recordedState());
    assert.deepEqual(torch.rand([5]).toNumbers(), state.rand);
    assert.deepEqual(torch.randperm(9).toNumbers(), state.randperm);
    manualSeed(6);
    torch.rand([700]);
    torch.randn([3]);
    // The last normal number waits in the state; its last digit is that of the processor's instructions.
    assert.deepEqual(torch.getRngState().toNumbers().slice(0, 5000), recordedState().toNumbers().slice(0, 5000));
    assert.deepEqual(torch.rand([5]).toNumbers(), state.rand);
  });

  it('draws the same again from a state of its own, which does not move', () => {
    manualSeed(3);
    const taken = torch.getRngState();
    const expected = torch.rand([4]).toNumbers();
    torch.randn([9]);
    torch.setRngState(taken);
    assert.deepEqual(torch.rand([4]).toNumbers(), expected);
    torch.setRngState(taken);
    assert.deepEqual(torch.rand([4]).toNumbers(), expected);
  });

  it('says its seed, and seeds itself with what nobody can foresee', () => {
    manualSeed(7);
    assert.equal(torch.initialSeed(), 7n);
    const seed = torch.seed();
    assert.equal(torch.initialSeed(), seed);
    const drawn = torch.rand([3]).toNumbers();
    manualSeed(seed);
    assert.deepEqual(torch.rand([3]).toNumbers(), drawn);
    assert.notEqual(torch.seed(), seed);
  });

  it('is one Generator, which operators may be given', () => {
    const generator = torch.defaultGenerator;
    assert.ok(generator instanceof Generator);
    assert.equal(generator, torch.defaultGenerator);
    generator.manualSeed(2);
    const expected = torch.rand([2]).toNumbers();
    manualSeed(2);
    assert.deepEqual(torch.rand([2], { generator }).toNumbers(), expected);
    assert.equal(generator.device, 'cpu');
  });

  it('misuse: states that are none; the generator stays as it was', () => {
    manualSeed(1);
    const before = torch.getRngState();
    const wrongTensors = [tensor([1, 2]), before.narrow(0, 0, 5055), before.to('int64'), torch.zeros([5056], { dtype: 'uint8' })];
    for (const wrong of [...wrongTensors, torch.full([5056], 255, { dtype: 'uint8' })]) {
      throwsWithCode(() => torch.setRngState(wrong), 'ERR_TORCH', /./);
    }
    throwsWithCode(() => torch.setRngState([1] as never), 'ERR_INVALID_ARG_TYPE', /^setRngState: expected state to be a Tensor/);
    assertTensorEqual(torch.getRngState(), before);
  });
});
