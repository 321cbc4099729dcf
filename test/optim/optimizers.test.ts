import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'mocha';
import { optim, ops, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';

interface Case {
  kind: 'SGD' | 'Adam' | 'AdamW';
  name: string;
  options: object;
}
const { steps, snapshots, cases } = JSON.parse(readFileSync(fixturePath('optimizers.json'), 'utf8')) as {
  steps: number;
  snapshots: number[];
  cases: Case[];
};

/** Both sides compute in float64; the fused kernels round in another order than PyTorch's loop over operators. */
const tolerance = { relative: 1e-6, absolute: 1e-12 };
const trained = ['weight', 'bias', 'sparse'];

describe('optimizers', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('optimizers');
  });

  /** The gradient of step `t` (from 1) reaches the parameter through a backward pass that only copies it. */
  function accumulate(parameter: Tensor, name: string, t: number): void {
    const gradient = ops.aten.select!(recorded(`gradients.${name}`), 0, t - 1) as Tensor;
    (ops.aten.sum!(ops.aten.mul!(parameter, gradient)) as Tensor).backward();
  }

  const freshParameters = () =>
    Object.fromEntries(
      [...trained, 'unused'].map((name) => [
        name,
        (ops.aten.clone!(recorded(`initial.${name}`)) as Tensor).requiresGrad_(),
      ]),
    );

  for (const { kind, name, options } of cases) {
    it(`${kind} ${JSON.stringify(options)} equals PyTorch's over ${steps} steps`, () => {
      const parameters = freshParameters();
      const optimizer = new optim[kind](Object.values(parameters), options);
      for (let t = 1; t <= steps; t++) {
        optimizer.zeroGrad();
        // `sparse` has a gradient every third step only: in the others it and its state must rest.
        for (const key of trained) if (key !== 'sparse' || t % 3 === 0) accumulate(parameters[key]!, key, t);
        optimizer.step();
        if (!snapshots.includes(t)) continue;
        for (const [key, parameter] of Object.entries(parameters)) {
          assertTensorClose(parameter, recorded(`${name}.${t}.${key}`), tolerance, `${key} after step ${t}`);
        }
      }
      assertTensorEqual(parameters.unused!, recorded('initial.unused'), 'the parameter without gradient');
      assert.equal(parameters.unused!.grad, null);
    });
  }

  it('every recorded option changes the result, so that none can be ignored unnoticed', () => {
    for (const kind of ['SGD', 'Adam', 'AdamW']) {
      const finals = cases
        .filter((c) => c.kind === kind)
        .map(({ name }) => recorded(`${name}.${steps}.weight`).toNumbers().join());
      assert.equal(new Set(finals).size, finals.length, kind);
    }
  });
});
