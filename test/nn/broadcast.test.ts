// Losses of outputs and targets of different shapes: PyTorch's gradients, and a warning that says what was probably meant.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, beforeEach, describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  jit,
  manualSeed,
  Naive,
  nn,
  optim,
  type Tensor,
  tensor,
  TensorDataset,
  torch,
} from '../../lib/index';
import { forgetWarnings } from '../../lib/nn/broadcast';
import { fixturePath } from '../support/fixtures';
import { warnings } from '../support/warnings';

type Loss = { forward(input: Tensor, target: Tensor): Tensor };
type LossClass = new (options?: { reduction?: 'none' | 'mean' | 'sum' }) => Loss;
const lossClass = (name: string) => (nn as unknown as Record<string, LossClass>)[name]!;

/** Losses of two tensors, element by element, that take shapes which differ. */
const elementwise = [
  'MSELoss', 'L1Loss', 'SmoothL1Loss', 'HuberLoss', 'KLDivLoss', 'PoissonNLLLoss', 'HingeEmbeddingLoss', 'MultiLabelSoftMarginLoss',
];

const column = () => torch.ones([7, 1]).mul(0.3);

/** An output [4, 1] and a target [4], and PyTorch's gradient of their mean squared error. */
const output = () => tensor([[0.1], [0.2], [0.3], [0.4]]).requiresGrad_();
const target = tensor([0.1, 0.4, 0.3, 0.9]);
const gradient = [-0.1625, -0.1125, -0.0625, -0.0125];

function assertNear(actual: readonly number[], expected: readonly number[]): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]!) < 1e-5, `${i}: expected ${expected[i]}, got ${value}`));
}

describe('a loss of different shapes', () => {
  beforeEach(forgetWarnings);

  it('broadcasts before it differentiates, as PyTorch does', () => {
    const given = output();
    new nn.MSELoss().forward(given, target).backward();
    assertNear(given.grad!.toNumbers(), gradient);
  });

  for (const name of elementwise) {
    it(`warns once: nn.${name}`, async () => {
      const loss = new (lossClass(name))();
      const seen = await warnings(() => {
        for (let i = 0; i < 3; i++) loss.forward(column(), column().squeeze(1));
        loss.forward(torch.ones([5, 1]).mul(0.3), torch.ones([5]).mul(0.3)); // a mini-batch of another size
        new (lossClass(name))({ reduction: 'sum' }).forward(column(), column().squeeze(1));
      });
      assert.equal(seen.length, 1);
      assert.match(seen[0]!, new RegExp(`: ${name}: output \\[7, 1\\] and target \\[7\\] broadcast to \\[7, 7\\]`));
      assert.match(seen[0]!, /reshape the target: target\.unsqueeze\(1\), or the output: output\.squeeze\(1\)$/);
    });
  }

  it('warns where PyTorch does', () => {
    const { layers } = JSON.parse(readFileSync(fixturePath('shapes.json'), 'utf8')) as {
      layers: Record<string, [unknown, unknown, unknown, { warns?: boolean }][]>;
    };
    const warning = Object.keys(layers).filter((name) => layers[name]!.some(([, , , { warns }]) => warns));
    assert.deepEqual(warning, ['MSELoss', 'L1Loss', 'SmoothL1Loss', 'HuberLoss']);
    for (const name of warning) assert.ok(elementwise.includes(name));
  });

  it('warns of the target of GaussianNLLLoss, and not of a variance that is shared', async () => {
    const loss = new nn.GaussianNLLLoss();
    const seen = await warnings(() => {
      loss.forward(column(), column(), torch.ones([7]));
      loss.forward(column(), column().squeeze(1), torch.ones([7, 1]));
    });
    assert.equal(seen.length, 1);
    assert.match(seen[0]!, /GaussianNLLLoss: output \[7, 1\] and target \[7\]/);
  });

  it('takes a variance of GaussianNLLLoss that is one number', () => {
    const loss = new nn.GaussianNLLLoss({ reduction: 'none' });
    // 0.5 (log(v) + (x - y)^2 / v)
    const expected = 0.5 * (Math.log(0.25) + 1 / 0.25);
    assertNear(loss.forward(torch.ones([2]), torch.zeros([2]), 0.25).toNumbers(), [expected, expected]);
    assert.throws(() => loss.forward(torch.ones([2]), torch.zeros([2]), -1), /no negative variance/);
    assert.throws(() => loss.forward(undefined as never, torch.zeros([2]), 1), { code: 'ERR_INVALID_ARG_TYPE' });
  });

  const ways: [what: string, output: number[], target: number[], way: RegExp][] = [
    ['a target with a dimension more', [9], [9, 1], /\[9, 9\].*target\.squeeze\(1\), or the output: output\.unsqueeze\(1\)$/],
    ['a dimension in the middle', [9, 1, 2], [9, 2], /\[9, 9, 2\].*target\.unsqueeze\(1\)/],
    ['a row for all', [9, 2], [2], /to \[9, 2\].*give both the same shape$/],
    ['a single number', [9], [], /output \[9\] and target \[\] broadcast to \[9\].*give both the same shape$/],
  ];
  for (const [what, given, wanted, way] of ways) {
    it(`says the way out: ${what}`, async () => {
      const seen = await warnings(() => new nn.MSELoss().forward(torch.zeros(given), torch.zeros(wanted)));
      assert.equal(seen.length, 1);
      assert.match(seen[0]!, way);
    });
  }

  it('does not warn of equal shapes, nor of shapes that do not fit', async () => {
    const loss = new nn.MSELoss();
    const seen = await warnings(() => {
      loss.forward(column(), column());
      assert.throws(() => loss.forward(torch.zeros([9]), torch.zeros([8])), { code: 'ERR_TORCH' });
      assert.throws(() => loss.forward(torch.zeros([9]), undefined as never), { code: 'ERR_INVALID_ARG_TYPE' });
    });
    assert.deepEqual(seen, []);
  });

  it('broadcasts in what is saved and traced too', async () => {
    const saved = await jit.load(await jit.saveToBuffer(new nn.MSELoss()));
    const traced = jit.trace(new nn.MSELoss(), [torch.zeros([4]), torch.zeros([4])]);
    for (const loss of [saved, traced] as nn.Module[]) {
      const given = output();
      (loss.forward(given, target)).backward();
      assertNear(given.grad!.toNumbers(), gradient);
    }
  });

  it('trains a regression with targets [B] as PyTorch does', async () => {
    const data = new TensorDataset([[0], [1], [2], [3]], [0.5, 1.5, 2.5, 3.5]);
    manualSeed(0);
    const model = new nn.Sequential(new nn.Linear(1, 1));
    const strategy = new Naive({
      model,
      criterion: new nn.MSELoss(),
      optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }),
      trainMbSize: 4,
      evaluator: null,
    });
    await strategy.train(benchmarkFromDatasets({ train: [data], test: [] }).trainStream, { shuffle: false });
    assertNear(model.parameters().map((parameter) => parameter.item()), [0.4368209, 0.8314009]);
  });
});

describe('a loss of nothing', () => {
  let nothing: Tensor;
  before(() => {
    nothing = torch.zeros([0, 3]);
  });

  it('of margins is NaN as a mean and 0 as a sum, where libtorch leaves it unset', () => {
    const labels = tensor([], { dtype: 'int64' });
    for (const [reduction, expected] of [['mean', NaN], ['sum', 0]] as const) {
      assert.equal(new nn.MultiMarginLoss({ reduction }).forward(nothing, labels).item(), expected);
      assert.equal(new nn.MultiLabelMarginLoss({ reduction }).forward(nothing, labels.reshape([0, 3])).item(), expected);
    }
  });

  it('EmbeddingBag refuses indices without a bag, which end the process in libtorch', () => {
    const [indices, none] = [tensor([0, 1, 2], { dtype: 'int64' }), tensor([], { dtype: 'int64' })];
    for (const mode of ['mean', 'sum', 'max'] as const) {
      assert.throws(() => new nn.EmbeddingBag(4, 3, { mode }).forward(indices, none), /expected at least one bag for 3 indices/);
      const layer = new nn.EmbeddingBag(4, 3, { mode, includeLastOffset: true });
      assert.throws(() => layer.forward(indices, tensor([0], { dtype: 'int64' })), /expected at least one bag/);
      assert.deepEqual(new nn.EmbeddingBag(4, 3, { mode }).forward(none, none).shape, [0, 3]);
    }
  });
});
