import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, nn, ops, tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';
import { loadFixture } from '../support/fixtures';
import { assertEqualsRecordedLayer } from '../support/recorded-layers';

describe('nn.ReLU', () => {
  it('sets what is below 0 to 0 and keeps the input as it was', () => {
    const x = tensor([[-1, 0, 2]]);
    assertTensorEqual(new nn.ReLU().forward(x), tensor([[0, 0, 2]]));
    assert.deepEqual(x.toNumbers(), [-1, 0, 2]);
  });

  it('has no parameters', () => assert.equal(new nn.ReLU().namedParameters().size, 0));
});

describe('nn.Dropout', () => {
  const ones = () => ops.aten.ones!([6, 7]);

  it('drops the elements that PyTorch drops from the same seed, and scales the rest by 1/(1 - p)', async () => {
    const recorded = await loadFixture('layers');
    const expected = recorded('dropout.output');
    assert.ok(expected.toNumbers().includes(0), 'the recorded case drops something');
    manualSeed(5);
    assertTensorEqual(new nn.Dropout(0.3).forward(ones()), expected);
  });

  it('is the identity in eval mode and draws nothing then', () => {
    const layer = new nn.Dropout(0.3).eval();
    manualSeed(5);
    assertTensorEqual(layer.forward(ones()), ones());
    const next = ops.aten.rand!([3]);
    manualSeed(5);
    assertTensorEqual(next, ops.aten.rand!([3]));
  });

  it('has p 0.5 by default, and takes 0 and 1', () => {
    const kept = new nn.Dropout().forward(ones()).toNumbers();
    assert.deepEqual([...new Set(kept)].sort(), [0, 2]);
    assertTensorEqual(new nn.Dropout(0).forward(ones()), ones());
    assertTensorEqual(new nn.Dropout(1).forward(ones()), ops.aten.zeros!([6, 7]));
  });

  it('misuse: p outside [0, 1]', () => {
    for (const p of [-0.1, 1.1, NaN]) {
      throwsWithCode(
        () => new nn.Dropout(p),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`^nn\\.Dropout: expected p to be a number in \\[0, 1\\], got ${p}$`),
      );
    }
    throwsWithCode(() => new nn.Dropout('0.5' as never), 'ERR_INVALID_ARG_TYPE', /got "0\.5"$/);
  });
});

describe('nn.Flatten', () => {
  const input = () => ops.aten.zeros!([2, 3, 4, 5]);

  it('joins all dimensions but the first by default', () =>
    assert.deepEqual(new nn.Flatten().forward(input()).shape, [2, 60]));

  it('joins the dimensions between startDim and endDim, counted from the end where negative', () => {
    assert.deepEqual(new nn.Flatten({ startDim: 0 }).forward(input()).shape, [120]);
    assert.deepEqual(new nn.Flatten({ endDim: 2 }).forward(input()).shape, [2, 12, 5]);
    assert.deepEqual(new nn.Flatten({ startDim: -3, endDim: -2 }).forward(input()).shape, [2, 12, 5]);
  });

  it('keeps the order of the elements', () =>
    assertTensorEqual(
      new nn.Flatten().forward(
        tensor([
          [
            [1, 2],
            [3, 4],
          ],
        ]),
      ),
      tensor([[1, 2, 3, 4]]),
    ));

  it('misuse: dimensions that are no integers, or that the input does not have', () => {
    throwsWithCode(
      () => new nn.Flatten({ startDim: 0.5 }),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.Flatten: expected startDim to be an integer, got 0\.5$/,
    );
    throwsWithCode(
      () => new nn.Flatten({ start: 1 } as never),
      'ERR_UNKNOWN_OPTION',
      /"start"; expected among startDim, endDim/,
    );
    throwsWithCode(() => new nn.Flatten({ startDim: 7 }).forward(input()), 'ERR_TORCH', /Dimension out of range/);
  });
});

describe('nn.Sequential', () => {
  it("equals PyTorch's from the same seed, dropout included", () =>
    assertEqualsRecordedLayer(
      'sequential',
      3,
      () =>
        new nn.Sequential(
          new nn.Flatten(),
          new nn.Linear(6, 4),
          new nn.ReLU(),
          new nn.Dropout(0.3),
          new nn.Linear(4, 2),
        ),
    ));

  it('names its children by index, nested ones too', () => {
    const model = new nn.Sequential(new nn.ReLU(), new nn.Sequential(new nn.Linear(1, 1)), new nn.Linear(1, 1));
    assert.deepEqual([...model.namedParameters().keys()], ['1.0.weight', '1.0.bias', '2.weight', '2.bias']);
  });

  it('is the identity without children', () =>
    assertTensorEqual(new nn.Sequential().forward(tensor([1, 2])), tensor([1, 2])));

  it('shares the parameters of its children, and lists a child that stands twice once', () => {
    const child = new nn.Linear(2, 2);
    const model = new nn.Sequential(child, child);
    assert.deepEqual([...model.namedParameters().keys()], ['0.weight', '0.bias']);
    assert.ok(model.parameters()[0]!.isSame(child.parameters()[0]!));
    const x = tensor([[1, -2]]);
    assertTensorClose(model.forward(x), child.forward(child.forward(x)));
  });

  it('puts its children into train and eval mode', () => {
    const dropout = new nn.Dropout(0.5);
    const model = new nn.Sequential(new nn.Sequential(dropout));
    assert.equal(model.training, true);
    assert.equal(model.eval(), model);
    assert.deepEqual([model.training, dropout.training], [false, false]);
    model.train();
    assert.deepEqual([model.training, dropout.training], [true, true]);
  });

  it('misuse: children that are no modules', () => {
    throwsWithCode(
      () => new nn.Sequential(new nn.ReLU(), 3 as never),
      'ERR_INVALID_ARG_TYPE',
      /^nn\.Sequential: expected modules, got 3 at index 1$/,
    );
    throwsWithCode(
      () => new nn.Sequential([new nn.ReLU()] as never),
      'ERR_INVALID_ARG_TYPE',
      /got an array of 1 at index 0$/,
    );
  });
});

describe('nn.Module', () => {
  it('gives the tensors themselves, not copies', () => {
    const layer = new nn.Linear(2, 1, { bias: false });
    const weight = layer.namedParameters().get('weight')!;
    weight.requiresGrad_(false);
    ops.aten.fill_!(weight, 3);
    assert.deepEqual(layer.stateDict().get('weight')!.toNumbers(), [3, 3]);
    assertTensorEqual(layer.forward(tensor([[1, 1]])), tensor([[6]]));
  });

  it('misuse: an input that is no tensor, or a disposed one', () => {
    throwsWithCode(
      () => new nn.ReLU().forward([1] as never),
      'ERR_INVALID_ARG_TYPE',
      /^forward: expected "input" to be Tensor, got an array of 1; the method is\n {2}forward\(input: Tensor\) -> Tensor$/,
    );
    const x = tensor([1]);
    x.dispose();
    throwsWithCode(() => new nn.ReLU().forward(x), 'ERR_DISPOSED', /disposed/);
  });

  it('misuse: a device that does not exist', () => {
    throwsWithCode(
      () => new nn.Linear(1, 1).to('gpu'),
      'ERR_DEVICE',
      /^device: expected "cpu", "cuda" or "cuda:N", got "gpu"/,
    );
    throwsWithCode(() => new nn.Linear(1, 1).to('cuda:99'), 'ERR_DEVICE', /cuda:99/);
  });
});
