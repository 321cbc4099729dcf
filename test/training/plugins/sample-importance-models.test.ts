// Importances of single samples of whole models, written in TypeScript, traced, and from files.
import assert from 'node:assert/strict';
import path from 'node:path';
import { jit, manualSeed, models, nn, ops, type Tensor } from '../../../lib/index';
import { fixturePath } from '../../support/fixtures';
import { assertSameImportance, measure, numbers, oneByOne, scramble } from '../../support/sample-importance';
import { withTempFolder } from '../../support/temp-folder';

const samples = 7;

/** Words in, a class for each sentence out. */
class Encoder extends nn.Module {
  readonly table = new nn.Embedding(9, 8);
  readonly positions = new nn.Parameter(numbers(1, 5, 8));
  readonly encoder: nn.TransformerEncoder;
  readonly head = new nn.Linear(8, 3);

  constructor(readonly batchFirst: boolean) {
    super();
    const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 12, activation: 'gelu', batchFirst });
    this.encoder = new nn.TransformerEncoder(layer, 2, { norm: new nn.LayerNorm(8) });
  }

  override forward(words: Tensor): Tensor {
    const h = this.table.forward(words).add(this.positions);
    const y = this.batchFirst ? this.encoder.forward(h) : this.encoder.forward(h.transpose(0, 1)).transpose(0, 1);
    return this.head.forward(y.mean(1));
  }
}

const words = () => ops.aten.randint!(9, [samples, 5]) as Tensor;
const cnn = () => new nn.Sequential(
  new nn.Conv2d(3, 4, 3, { padding: 1, stride: 2 }), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.MaxPool2d(2),
  new nn.Conv2d(4, 6, 3), new nn.GroupNorm(2, 6), new nn.GELU(), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(), new nn.Dropout(0.5), new nn.Linear(6, 3),
); // prettier-ignore
const images = () => numbers(samples, 3, 16, 16);

interface Case {
  make: () => nn.Module;
  x: () => Tensor;
  isSingle?: boolean;
}
const cases: Record<string, Case> = {
  SimpleMLP: { make: () => new models.SimpleMLP({ inputSize: 20, hiddenSize: 8 }), x: () => numbers(samples, 20) },
  'a convolutional network': { make: cnn, x: images },
  SimpleCNN: { make: () => new models.SimpleCNN(), x: () => numbers(samples, 3, 32, 32) },
  SlimResNet18: { make: () => new models.SlimResNet18(4), x: () => numbers(samples, 3, 32, 32) },
  'a transformer, batch first': { make: () => new Encoder(true), x: words },
  'a transformer, sequence first': { make: () => new Encoder(false), x: words },
};

async function assertExact(model: nn.Module, x: Tensor, isSingle = false): Promise<void> {
  const expected = await oneByOne(model, x);
  const { importance, isTogether } = await measure(model, x);
  assert.equal(isTogether, !isSingle, 'measured in mini-batches');
  assertSameImportance(importance, expected);
}

describe('importances of samples, model by model', () => {
  beforeEach(() => void manualSeed(1));

  for (const [name, { make, x, isSingle }] of Object.entries(cases)) {
    it(`${name} equals one sample at a time`, () => assertExact(scramble(make()), x(), isSingle));

    it(`${name}, traced, saved and loaded, does too`, async () => {
      const traced = jit.trace(scramble(make()).eval(), x());
      await withTempFolder(async (folder) => {
        const file = path.join(folder, 'model.pt');
        await jit.save(traced, file);
        for (const model of [traced, await jit.load(file)]) await assertExact(model, x(), isSingle);
      });
    });
  }

  it('a model of PyTorch, with a shared weight and a frozen parameter, does', async () => {
    const model = await jit.load(fixturePath('models', 'affine.pt'));
    await assertExact(scramble(model), numbers(samples, 3));
  });
});
