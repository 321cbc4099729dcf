import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { models, nn, type Tensor, tensor, torch } from '../../lib/index';
import { throwsWithCode } from '../support/assertions';

const without = (state: Map<string, Tensor>, ending: string) => new Map([...state].filter(([name]) => !name.endsWith(ending)));
const counter = () => tensor(3, { dtype: 'int64' });

describe('state dicts of earlier versions of PyTorch', () => {
  it('without num_batches_tracked match, wherever BatchNorm is, and leave the counter as it is', () => {
    class Net extends nn.Module {
      norm = new nn.BatchNorm3d(3);
      inner = new nn.ModuleList([new nn.Sequential(new nn.BatchNorm2d(2)), this.norm]);
    }
    for (const make of [
      () => new nn.BatchNorm1d(3),
      () => new nn.BatchNorm2d(3),
      () => new nn.BatchNorm3d(3),
      () => new nn.InstanceNorm1d(3, { trackRunningStats: true }),
      () => new models.SlimResNet18(2, { nf: 1 }),
      () => new Net(),
    ]) {
      const model = make() as nn.Module<unknown>;
      for (const [name, buffer] of model.namedBuffers()) if (name.endsWith('tracked')) buffer.copy_(counter());
      const state = without(model.stateDict(), 'num_batches_tracked');
      assert.deepEqual(model.loadStateDict(Object.fromEntries(state)), { missingKeys: [], unexpectedKeys: [] });
      const counts = [...model.namedBuffers()].filter(([name]) => name.endsWith('tracked'));
      assert.ok(counts.length > 0 && counts.every(([, count]) => count.item() === 3));
    }
  });

  it('misuse: other entries are still missing, and no counter is expected where there are no statistics', () => {
    const norm = new nn.BatchNorm1d(3);
    throwsWithCode(() => norm.loadStateDict(without(norm.stateDict(), '_var')), 'ERR_STATE_DICT', /Missing key\(s\) in state_dict: "running_var"\. $/);
    const plain = new nn.BatchNorm1d(3, { trackRunningStats: false });
    throwsWithCode(
      () => plain.loadStateDict({ ...Object.fromEntries(plain.stateDict()), num_batches_tracked: counter() }),
      'ERR_STATE_DICT',
      /Unexpected key\(s\) in state_dict: "num_batches_tracked"/,
    );
  });

  it("misuse: running statistics for InstanceNorm without, in PyTorch's words, strict or not", () => {
    const model = new nn.Sequential(new nn.InstanceNorm2d(3));
    const state = { '0.running_mean': torch.zeros([3]), '0.running_var': torch.ones([3]) };
    for (const strict of [true, false]) {
      throwsWithCode(
        () => model.loadStateDict(state, { strict }),
        'ERR_STATE_DICT',
        /^Error\(s\) in loading state_dict for Sequential:\n\tUnexpected running stats buffer\(s\) "0\.running_mean" and "0\.running_var" for InstanceNorm2d with track_running_stats=False\. If state_dict is a checkpoint saved before 0\.4\.0, .* See the documentation of InstanceNorm2d for details\.$/,
      );
    }
  });
});
