// Initial values drawn from a generator; those of the default one are recorded with the layers.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { Generator, manualSeed, nn, tensor, type Tensor, torch } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { onCpu } from '../support/on-cpu';
import { nextDraw, recordedRandom } from '../support/recorded-random';

const { init } = nn;
type Fill = (tensor: Tensor, options: { generator: Generator }) => Tensor;

const fills: Record<string, Fill> = {
  uniform_: (t, o) => init.uniform_(t, { a: -1, b: 2, ...o }),
  xavier_uniform_: (t, o) => init.xavierUniform_(t, o),
  kaiming_uniform_: (t, o) => init.kaimingUniform_(t, o),
  normal_: (t, o) => init.normal_(t, { mean: 1, std: 2, ...o }),
  trunc_normal_: (t, o) => init.truncNormal_(t, { std: 2, ...o }),
  'trunc_normal_ rejecting': (t, o) => init.truncNormal_(t, { a: 2, b: 3, ...o }),
  xavier_normal_: (t, o) => init.xavierNormal_(t, o),
  kaiming_normal_: (t, o) => init.kaimingNormal_(t, o),
  orthogonal_: (t, o) => init.orthogonal_(t, o),
  sparse_: (t, o) => init.sparse_(t, 0.5, o),
};

/** Logarithms, cosines and factorisations are those of the processor's instructions. */
const lastDigits = { relative: 1e-5, absolute: 1e-6 };

describe('nn.init with a generator', () => {
  onCpu('the generators that are recorded are the CPU\'s');

  it('has a record of every function that draws', () => {
    assert.deepEqual(Object.keys(fills).sort(), Object.keys(recordedRandom.init).sort());
  });

  for (const [name, { values, rng }] of Object.entries(recordedRandom.init)) {
    it(`${name} draws what PyTorch draws, and the default generator stays where it is`, () => {
      const generator = new Generator().manualSeed(4);
      manualSeed(1);
      const before = torch.getRngState();
      const filled = fills[name]!(torch.empty([4, 5]), { generator });
      assertTensorClose(filled, tensor(values, { shape: [4, 5] }), lastDigits);
      assert.equal(nextDraw(generator), rng);
      // Which elements of sparse_ are 0 it draws in PyTorch too.
      if (name !== 'sparse_') assertTensorEqual(torch.getRngState(), before);
    });
  }

  it('misuse: what is no generator', () => {
    for (const fill of Object.values(fills)) {
      throwsWithCode(() => fill(torch.empty([4, 5]), { generator: 3 as never }), 'ERR_INVALID_ARG_TYPE', /^init\.\w+: expected generator to be a Generator or null, got 3/);
    }
  });
});
