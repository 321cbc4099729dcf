// Every option and every pair of options of every optimizer, as PyTorch computes them over 100 steps: two groups,
// parameters of several shapes, one of which has a gradient every third step only.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { ops, optim, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';
import { flat, freshParameters, trainOn } from '../support/recorded-steps';

type Kind = 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';
interface Case {
  kind: Kind;
  options: object;
}
const { steps, groups, second, ...cases } = JSON.parse(readFileSync(fixturePath('optim', 'steps.json'), 'utf8')) as {
  steps: number;
  groups: string[][];
  second: object;
  [name: `case ${number}`]: Case;
};

/** Both sides compute in float64; the kernels round in another order than PyTorch's loop over operators. */
const tolerance = { relative: 1e-6, absolute: 1e-12 };

describe('options of optimizers', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('optim/steps');
  });

  Object.values(cases).forEach(({ kind, options }, i) => {
    it(`${kind} ${JSON.stringify(options)} equals PyTorch's over ${steps} steps`, () => {
      const parameters = freshParameters(recorded);
      const [first, other] = groups.map((names) => names.map((name) => parameters[name]!));
      const optimizer = new optim[kind]([{ params: first! }, { params: other!, ...second }], options);
      trainOn(optimizer, parameters, recorded, 0, steps);
      assertTensorClose(flat(parameters), ops.aten.select!(recorded('finals'), 0, i) as Tensor, tolerance);
    });
  });

  it('RMSprop computes in bfloat16 too', () => {
    for (const options of [{}, { momentum: 0.5, centered: true, weightDecay: 0.1, maximize: true }]) {
      const [short, long] = (['bfloat16', 'float64'] as const).map((dtype) => {
        const p = tensor([1, -2, 0.5], { dtype, requiresGrad: true });
        const optimizer = new optim.RMSprop([p], options);
        for (let t = 0; t < 3; t++) {
          optimizer.zeroGrad();
          p.mul(tensor([1, 0.5, 3], { dtype })).sum().backward();
          optimizer.step();
        }
        assert.equal(p.dtype, dtype);
        return p.detach().to('float64');
      });
      assertTensorClose(short!, long!, { relative: 0.02, absolute: 0.01 });
    }
  });

  it('every recorded set of options changes the result, so that none can be ignored unnoticed', () => {
    for (const kind of new Set(Object.values(cases).map((c) => c.kind))) {
      const finals = Object.values(cases).flatMap((c, i) =>
        c.kind === kind ? (ops.aten.select!(recorded('finals'), 0, i) as Tensor).toNumbers().join() : [],
      );
      assert.equal(new Set(finals).size, finals.length, kind);
    }
  });
});
