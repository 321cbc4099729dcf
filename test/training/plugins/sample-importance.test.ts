// Importances of single samples: the definition, its parameters, and what is refused.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { ImportancePass, manualSeed, nn, noGrad, ops, QuadraticPenalty, type Tensor, tensor } from '../../../lib/index';
import { assertTensorClose, rejectsWithCode, throwsWithCode } from '../../support/assertions';
import { device } from '../../support/device';
import { assertSameImportance, measure, numbers, oneByOne, scramble } from '../../support/sample-importance';
import { setValues } from '../../support/small-runs';

/** A model of TypeScript around parameters and layers. */
class Own<Parts extends Record<string, nn.Module | nn.Parameter>> extends nn.Module {
  readonly parts: Parts;

  constructor(parts: Parts, readonly call: (x: Tensor, parts: Parts) => Tensor) {
    super();
    Object.assign(this, parts);
    this.parts = parts;
  }

  override forward(x: Tensor): Tensor {
    return this.call(x, this.parts);
  }
}

const mlp = () => scramble(new nn.Sequential(new nn.Linear(4, 5), new nn.Tanh(), new nn.Linear(5, 3)));
const own = <Parts extends Record<string, nn.Module | nn.Parameter>>(parts: Parts, call: (x: Tensor, parts: Parts) => Tensor) =>
  scramble(new Own(parts, call));
const linear = () => new nn.Linear(4, 4);
const parameter = (...shape: number[]) => new nn.Parameter(numbers(...shape));

/** Measured in mini-batches of 3, or one by one where `isSingle`, it is what it is one sample at a time. */
async function assertExact(model: nn.Module, x: Tensor, { isSingle = false, relative = 1e-5 } = {}): Promise<void> {
  const expected = await oneByOne(model, x);
  const { importance, isTogether } = await measure(model, x);
  assert.equal(isTogether, !isSingle, 'measured in mini-batches');
  assertSameImportance(importance, expected, relative);
}

describe('importances of samples', () => {
  beforeEach(() => void manualSeed(1));

  it('is the mean of the magnitudes, worked out by hand', async () => {
    const model = new nn.Linear(2, 1, { bias: false });
    setValues(model.weight, [1, -2]);
    // w.x = -1, 2, -2: gradients 2 (w.x) x = (-2, -2), (8, 0), (0, -4); the mean of the magnitudes (10, 6) / 3.
    const { importance } = await measure(model, tensor([[1, 1], [2, 0], [0, 1]]));
    assertTensorClose(importance.get('weight')!, tensor([[10 / 3, 2]]));
  });

  it('does not depend on the mini-batch size, nor on the order', async () => {
    const x = numbers(7, 4);
    const model = mlp();
    const expected = await oneByOne(model, x);
    for (const batchSize of [1, 2, 3, 7, 20]) assertSameImportance((await measure(model, x, { batchSize })).importance, expected);
    const shuffled = ops.aten.index_select!(x, 0, tensor([3, 0, 6, 2, 5, 1, 4], { dtype: 'int64' })) as Tensor;
    assertSameImportance((await measure(model, shuffled)).importance, expected);
  });

  it('differs from that of mini-batches, in which samples cancel', async () => {
    const model = mlp();
    const [of, other] = [await measure(model, numbers(7, 4)), await measure(model, numbers(7, 4), { granularity: 'batch' })];
    const sum = ({ importance }: typeof of) => Number(importance.get('0.weight')!.sum().item());
    assert.ok(sum(of) > 1.01 * sum(other));
  });

  it('leaves parameters as they are, no gradients, and the model in eval mode', async () => {
    const model = mlp();
    const before = model.parameters().map((theta) => theta.detach().clone());
    await measure(model, numbers(7, 4));
    model.parameters().forEach((theta, i) => assertTensorClose(theta, before[i]!));
    assert.ok(model.parameters().every(({ grad }) => grad === null));
    assert.equal(model.training, false);
  });

  describe('parameters', () => {
    it('that are frozen, or take no part, have none', async () => {
      const model = own({ a: linear(), b: linear(), c: linear() }, (x, { a, b }) => b.forward(a.forward(x).relu()));
      for (const theta of model.parts.a.parameters()) theta.requiresGrad_(false);
      await assertExact(model, numbers(7, 4));
      const { importance } = await measure(model, numbers(7, 4));
      for (const name of ['a.weight', 'c.weight', 'c.bias']) assert.equal(importance.get(name)!.max().item(), 0, name);
      assert.ok(Number(importance.get('b.weight')!.max().item()) > 0);
    });

    it('that are all frozen but one bias', async () => {
      const model = mlp();
      for (const theta of model.parameters().slice(0, -1)) theta.requiresGrad_(false);
      await assertExact(model, numbers(7, 4));
    });

    const shared: Record<string, () => nn.Module> = {
      'a layer used twice': () => own({ a: linear() }, (x, { a }) => a.forward(a.forward(x).tanh())),
      'a weight and its transpose': () => own({ a: linear() }, (x, { a }) => a.forward(x).tanh().matmul(a.weight)),
      'a table that is also the output layer': () =>
        own({ table: new nn.Embedding(5, 4) }, (x, { table }) => table.forward(x.abs().mul(4).floor().to('int64')).mean(1).tanh().matmul(table.weight.t())),
      'a convolution used twice': () =>
        own({ conv: new nn.Conv1d(2, 2, 3, { padding: 1 }) }, (x, { conv }) => conv.forward(conv.forward(x.reshape([-1, 2, 2])).tanh()).flatten(1)),
      'one scale of all': () => own({ a: linear(), s: parameter(1) }, (x, { a, s }) => a.forward(x.mul(s)).mul(s)),
      'rows and columns of one': () => own({ w: parameter(4, 8) }, (x, { w }) => x.matmul(w.narrow(1, 0, 4)).tanh().matmul(w.narrow(1, 4, 4))),
      'a norm of a weight': () => own({ v: parameter(4, 4), g: parameter(4, 1) }, (x, { v, g }) => x.matmul(v.div(v.norm()).mul(g).t())),
      'a chunk and the whole': () => own({ w: parameter(4, 4) }, (x, { w }) => x.matmul(w).add(x.narrow(1, 0, 2).matmul(w.narrow(0, 0, 2)))),
      'a parameter added twice': () => own({ a: linear(), b: parameter(4) }, (x, { a, b }) => a.forward(x.add(b)).tanh().sub(b)),
      'a bias of a sequence': () => own({ a: linear(), p: parameter(1, 2, 4) }, (x, { a, p }) => a.forward(x.unsqueeze(1).expand([-1, 2, -1]).add(p)).tanh().flatten(1)),
    };
    for (const [what, make] of Object.entries(shared)) {
      it(`${what}: gradients of its uses are added before the magnitude`, () => assertExact(make(), numbers(7, 4)));
    }

    it('in float64, half precision and complex numbers', async function () {
      await assertExact(mlp().to('float64'), numbers(7, 4).to('float64'), { relative: 1e-12 });
      if (device !== 'cpu') this.skip();
      await assertExact(mlp().to('bfloat16'), numbers(7, 4).to('bfloat16'), { relative: 0.02 });
      const { importance } = await measure(mlp().to('bfloat16'), numbers(7, 4).to('bfloat16'));
      assert.equal(importance.get('0.weight')!.dtype, 'float32');
      const model = own({ w: new nn.Parameter(ops.aten.complex!(numbers(4, 3), numbers(4, 3).cos()) as Tensor) }, (x, { w }) =>
        x.to('complex64').matmul(w).abs());
      await assertExact(model, numbers(7, 4));
    });
  });

  describe('samples', () => {
    const between = (call: (h: Tensor) => Tensor) => () =>
      own({ a: linear(), b: linear() }, (x, { a, b }) => b.forward(call(a.forward(x).tanh())));
    const apart: Record<string, () => nn.Module> = {
      'in columns': between((h) => h.t().contiguous().mul(2).t()),
      'in columns of a product': () => own({ w: parameter(4, 4) }, (x, { w }) => w.matmul(x.t()).tanh().t()),
      'behind a sequence': between((h) => h.unsqueeze(1).repeat(1, 3, 1).transpose(0, 1).contiguous().mean(0)),
      'in blocks of rows': between((h) => (ops.aten.stack!([h, h.sin(), h.cos()], 1) as Tensor).mean(1)),
      'behind a flip of features': between((h) => h.flip([1])),
      'behind cat and split': between((h) => (ops.aten.cat!([h.narrow(1, 2, 2), h.narrow(1, 0, 2)], 1) as Tensor)),
      'behind a softmax': between((h) => h.softmax(-1)),
    };
    for (const [where, make] of Object.entries(apart)) {
      it(`${where} are measured together`, () => assertExact(make(), numbers(7, 4)));
    }

    const meeting: Record<string, () => nn.Module> = {
      'change places': between((h) => h.flip([0])),
      'move on by one': between((h) => h.roll([1], [0])),
      'lose what they share': between((h) => h.sub(h.mean(0))),
      'are compared with one another': between((h) => h.softmax(0)),
      'are added up': between((h) => h.cumsum(0)),
      'are multiplied': between((h) => h.matmul(h.t()).matmul(h)),
      'change places in the inputs': () => own({ a: linear() }, (x, { a }) => a.forward(x.flip([0]))),
      'lose what they share in the inputs': () => own({ a: linear() }, (x, { a }) => a.forward(x.sub(x.mean(0)))),
      'meet in a frozen layer': () =>
        own({ a: linear(), b: linear() }, (x, { a, b }) => b.forward(noGrad(() => a.forward(x).sub(x.mean(0))))),
      'give as many rows as they are, twice': () => own({ a: linear() }, (x, { a }) => ops.aten.cat!([a.forward(x), x], 0) as Tensor),
    };
    for (const [what, make] of Object.entries(meeting)) {
      it(`that ${what} are measured one at a time`, () => assertExact(make(), numbers(7, 4), { isSingle: true }));
    }
  });

  describe('misuse', () => {
    const normalised = (track: boolean) =>
      new nn.Sequential(new nn.Linear(4, 4), new nn.BatchNorm1d(4, { trackRunningStats: track }), new nn.Linear(4, 2));

    it('BatchNorm in train mode is refused, with the way out', async () => {
      const refused = measure(normalised(true), numbers(7, 4), { mode: 'train' });
      await rejectsWithCode(refused, 'ERR_SAMPLES_MEET', /BatchNorm.*`mode: 'eval'`.*`granularity: 'batch'`/);
      await assertExact(scramble(normalised(true)), numbers(7, 4));
    });

    it('BatchNorm without running statistics is refused in eval mode too', async () => {
      await rejectsWithCode(measure(normalised(false), numbers(7, 4)), 'ERR_SAMPLES_MEET', /BatchNorm/);
    });

    it('another granularity is refused', () => {
      const make = () => new ImportancePass('mas', { alpha: 1, granularity: 'layer' }, new QuadraticPenalty());
      throwsWithCode(make, 'ERR_INVALID_ARG_VALUE', /granularity.*"layer"/);
    });
  });
});
