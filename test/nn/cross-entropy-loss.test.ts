import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { nn, ops, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, throwsWithCode } from '../support/assertions';
import { loadFixture } from '../support/fixtures';

const labels = (...values: number[]) => tensor(values, { dtype: 'int64' });

describe('nn.CrossEntropyLoss', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    recorded = await loadFixture('layers');
  });

  it('is minus the log of the softmax at the target, averaged', () => {
    // softmax of [0, ln 3] is [1/4, 3/4]; of [0, 0] it is [1/2, 1/2].
    const loss = new nn.CrossEntropyLoss().forward(
      tensor([
        [0, Math.log(3)],
        [0, 0],
      ]),
      labels(1, 0),
    );
    assertTensorClose(loss, tensor((-Math.log(3 / 4) - Math.log(1 / 2)) / 2));
  });

  const cases: [string, string, string, () => nn.CrossEntropyLossOptions][] = [
    ['plain', 'logits', 'labels', () => ({})],
    ['weight', 'logits', 'labels', () => ({ weight: recorded('lossInput.weight') })],
    ['ignoreIndex', 'logits', 'labels', () => ({ ignoreIndex: 3 })],
    ['labelSmoothing', 'logits', 'labels', () => ({ labelSmoothing: 0.2 })],
    ['all', 'logits', 'labels', () => ({ weight: recorded('lossInput.weight'), ignoreIndex: 0, labelSmoothing: 0.1 })],
    ['images', 'images', 'imageLabels', () => ({})],
    ['probabilities', 'logits', 'probabilities', () => ({ labelSmoothing: 0.1 })],
  ];
  for (const [name, output, target, options] of cases) {
    it(`equals PyTorch's loss and gradient: ${name}`, () => {
      const logits = (ops.aten.clone!(recorded(`lossInput.${output}`)) as Tensor).requiresGrad_();
      const loss = new nn.CrossEntropyLoss(options()).forward(logits, recorded(`lossInput.${target}`));
      assertTensorClose(loss, recorded(`loss.${name}`));
      loss.backward();
      assertTensorClose(logits.grad!, recorded(`loss.${name}.grad`));
    });
  }

  it('shows its options, defaults included', () => {
    const { weight, ignoreIndex, labelSmoothing } = new nn.CrossEntropyLoss();
    assert.deepEqual({ weight, ignoreIndex, labelSmoothing }, { weight: null, ignoreIndex: -100, labelSmoothing: 0 });
  });

  it('misuse: a label outside the classes', () => {
    for (const label of [2, -1]) {
      throwsWithCode(
        () => new nn.CrossEntropyLoss().forward(tensor([[1, 2]]), labels(label)),
        'ERR_TORCH',
        new RegExp(`Target ${label} is out of bounds`),
      );
    }
  });

  it('misuse: another number of labels, or labels as fractions', () => {
    throwsWithCode(() => new nn.CrossEntropyLoss().forward(tensor([[1, 2]]), labels(0, 1)), 'ERR_TORCH', /batch_size/);
    throwsWithCode(() => new nn.CrossEntropyLoss().forward(tensor([[1, 2]]), tensor([0])), 'ERR_TORCH', /expected/i);
  });

  it('misuse: options', () => {
    throwsWithCode(
      () => new nn.CrossEntropyLoss({ labelSmoothing: 1.5 }),
      'ERR_INVALID_ARG_VALUE',
      /^nn\.CrossEntropyLoss: expected labelSmoothing to be a number in \[0, 1\], got 1\.5$/,
    );
    throwsWithCode(
      () => new nn.CrossEntropyLoss({ ignoreIndex: 0.5 }),
      'ERR_INVALID_ARG_VALUE',
      /expected ignoreIndex to be an integer, got 0\.5$/,
    );
    throwsWithCode(
      () => new nn.CrossEntropyLoss({ weight: [1, 2] as never }),
      'ERR_INVALID_ARG_TYPE',
      /expected weight to be a Tensor, got an array of 2$/,
    );
    throwsWithCode(
      () => new nn.CrossEntropyLoss({ reduction: 'total' as never }),
      'ERR_INVALID_ARG_VALUE',
      /expected reduction to be "mean", "sum" or "none", got "total"$/,
    );
    throwsWithCode(
      () => new nn.CrossEntropyLoss({ sizeAverage: true } as never),
      'ERR_UNKNOWN_OPTION',
      /"sizeAverage"; expected among weight, ignoreIndex, reduction, labelSmoothing$/,
    );
  });
});
