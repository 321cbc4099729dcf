// Sparse gradients, which embeddings with `sparse` have: PyTorch's results where PyTorch has any.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import {
  amp,
  benchmarkFromDatasets,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  SupervisedTemplate,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { assertTensorClose, assertTensorEqual, rejectsWithCode, throwsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { setValues } from '../support/small-runs';

type Kind = 'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad';
interface Case {
  kind: Kind;
  options: object;
  values?: number[];
  error?: string;
}
const { initial, lookups, denseAfter, denseBefore, ...rest } = JSON.parse(
  readFileSync(fixturePath('optim', 'sparse.json'), 'utf8'),
) as { initial: number[][]; lookups: number[][]; denseAfter: number; denseBefore: number };
const cases = Object.values(rest as unknown as Record<string, Case>);

const indices = (...values: number[]) => tensor(values, { dtype: 'int64' });
const lookUp = (embedding: nn.Embedding, ids: number[]) => (embedding.forward(indices(...ids))).square().sum();

function recordedEmbedding(sparse = true): nn.Embedding {
  const embedding = new nn.Embedding(6, 2, { sparse }).to('float64');
  embedding.weight.data.copy_(tensor(initial, { dtype: 'float64' }));
  return embedding;
}

describe('sparse gradients', () => {
  it('are sparse, of embeddings and bags of them', () => {
    const embedding = new nn.Embedding(6, 2, { sparse: true });
    const bag = new nn.EmbeddingBag(6, 2, { sparse: true, mode: 'sum' });
    lookUp(embedding, [1, 2]).backward();
    (bag.forward(tensor([[1, 2]], { dtype: 'int64' }))).sum().backward();
    assert.deepEqual([embedding.weight.grad!.layout, bag.weight.grad!.layout], ['sparseCoo', 'sparseCoo']);
  });

  for (const { kind, options, values, error } of cases) {
    const what = `${kind} ${JSON.stringify(options)}`;
    if (values) {
      it(`${what} takes PyTorch's steps`, () => {
        const embedding = recordedEmbedding();
        const optimizer = new optim[kind](embedding.parameters(), options);
        lookups.forEach((ids, step) => {
          const isMixed = !('momentum' in options);
          optimizer.zeroGrad();
          if (isMixed && step === denseBefore) embedding.weight.sum().backward();
          if (ids.length > 0) lookUp(embedding, ids).backward();
          if (isMixed && step === denseAfter) embedding.weight.sum().backward();
          optimizer.step();
        });
        assertTensorClose(embedding.weight.flatten(), tensor(values, { dtype: 'float64' }), {
          relative: 1e-12,
          absolute: 1e-14,
        });
      });
    } else {
      it(`${what} refuses them as PyTorch does (${error}), and nothing changes`, () => {
        const embedding = recordedEmbedding();
        const dense = tensor([1, 2]).to('float64').requiresGrad_();
        const optimizer = new optim[kind]([dense, ...embedding.parameters()], options);
        dense.sum().backward();
        lookUp(embedding, [1, 1]).backward();
        const message = /takes? no sparse gradients( together with weightDecay)?, as in PyTorch; got that of .*\[6, 2\]/;
        throwsWithCode(() => optimizer.step(), 'ERR_SPARSE_GRADIENT', message);
        assertTensorEqual(embedding.weight, tensor(initial, { dtype: 'float64' }));
        assert.deepEqual(dense.toNumbers(), [1, 2]);
        assert.equal(optimizer.state(dense), null);
        optimizer.zeroGrad();
        dense.sum().backward();
        optimizer.step();
        assert.notDeepEqual(dense.toNumbers(), [1, 2]);
      });
    }
  }

  it('stay sparse through a step, so that rows that nobody has looked up are not touched; zeroGrad clears them', () => {
    const embedding = recordedEmbedding();
    const optimizer = new optim.SGD(embedding.parameters(), { lr: 0.5 });
    lookUp(embedding, [3]).backward();
    lookUp(embedding, [3, 4]).backward();
    optimizer.step();
    assert.equal(embedding.weight.grad!.layout, 'sparseCoo');
    // theta - 0.5 * 2 * 2 theta, theta - 0.5 * 2 theta
    const expected = initial.map((row, i) => row.map((value) => (i === 3 ? -value : i === 4 ? 0 : value)));
    assertTensorEqual(embedding.weight, tensor(expected, { dtype: 'float64' }));
    optimizer.zeroGrad();
    assert.equal(embedding.weight.grad, null);
  });

  it('leave a state that is dense, and that goes on from a state dict', () => {
    const run = (resume: boolean) => {
      const embedding = recordedEmbedding();
      let optimizer = new optim.SGD(embedding.parameters(), { lr: 0.1, momentum: 0.9 });
      for (const ids of [[1], [2, 2], [1, 5]]) {
        optimizer.zeroGrad();
        lookUp(embedding, ids).backward();
        optimizer.step();
        assert.deepEqual(optimizer.state(embedding.weight)!.momentumBuffer!.layout, 'strided');
        if (!resume) continue;
        const saved = optimizer.stateDict();
        optimizer = new optim.SGD(embedding.parameters(), { lr: 0.1, momentum: 0.9 });
        optimizer.loadStateDict(saved);
      }
      return embedding.weight;
    };
    assertTensorEqual(run(true), run(false));
  });

  it('go on from a momentum that is sparse, as PyTorch keeps it', () => {
    const embedding = recordedEmbedding();
    const optimizer = new optim.SGD(embedding.parameters(), { lr: 0.1, momentum: 0.9 });
    lookUp(embedding, [1, 1]).backward();
    const momentum_buffer = embedding.weight.grad!;
    const { param_groups } = optimizer.stateDict();
    optimizer.loadStateDict({ state: { 0: { momentum_buffer } }, param_groups });
    assertTensorEqual(optimizer.state(embedding.weight)!.momentumBuffer!, momentum_buffer.toDense());
  });

  it('are clipped as the dense ones that they stand for', () => {
    for (const normType of [2, 1, 3.5, Infinity]) {
      const [sparse, dense] = [recordedEmbedding(), recordedEmbedding(false)];
      const norms = [sparse, dense].map((embedding) => {
        lookUp(embedding, [1, 2, 2]).backward();
        return nn.utils.clipGradNorm_(embedding.parameters(), 0.5, { normType });
      });
      assertTensorClose(norms[0]!, norms[1]!);
      assertTensorClose(sparse.weight.grad!.toDense(), dense.weight.grad!);
    }
    const [sparse, dense] = [recordedEmbedding(), recordedEmbedding(false)];
    for (const embedding of [sparse, dense]) {
      lookUp(embedding, [1, 2, 2]).backward();
      nn.utils.clipGradValue_(embedding.parameters(), 2);
    }
    assertTensorClose(sparse.weight.grad!.toDense(), dense.weight.grad!);
    assert.ok(dense.weight.grad!.abs().max().item() === 2);
  });

  it('of nothing looked up have the norm 0', () => {
    const embedding = recordedEmbedding();
    lookUp(embedding, []).backward();
    assert.equal(nn.utils.clipGradNorm_(embedding.parameters(), 1, { normType: Infinity }).item(), 0);
  });

  it('are unscaled by a GradScaler, and left out where one overflows', () => {
    const embedding = new nn.Embedding(6, 2, { sparse: true });
    setValues(embedding.weight, initial.flat());
    const before = embedding.weight.toNumbers();
    const optimizer = new optim.SGD(embedding.parameters(), { lr: 0.5 });
    const scaler = new amp.GradScaler({ initScale: 1024 });
    scaler.scale(lookUp(embedding, [4, 4]).mul(Infinity)).backward();
    scaler.step(optimizer);
    scaler.update();
    assert.deepEqual([embedding.weight.toNumbers(), scaler.getScale()], [before, 512]);
    optimizer.zeroGrad();
    scaler.scale(lookUp(embedding, [4, 4])).backward();
    scaler.step(optimizer);
    // theta - 0.5 * 4 theta
    assert.deepEqual(embedding.weight.toNumbers(), before.map((value, i) => (i >> 1 === 4 ? -value : value)));
  });
});

/** Sentences of two words out of ten, in two experiences; a word may come twice. */
function sentences() {
  const data = (salt: number) =>
    new TensorDataset(
      tensor(
        Array.from({ length: 9 }, (_, i) => [(3 * i + salt) % 10, (i % 3 === 0 ? 3 * i + salt : 7 * i + 1) % 10]),
        { dtype: 'int64' },
      ),
      tensor(
        Array.from({ length: 9 }, (_, i) => (i + salt) % 2),
        { dtype: 'int64' },
      ),
    );
  return benchmarkFromDatasets({ train: [data(0), data(4)] }).trainStream;
}

interface Run {
  sparse: boolean;
  optimizer?: Kind;
  options?: object;
  mas?: MASPlugin | null;
  tied?: boolean;
}

/** Trains on both experiences, and tells parameters, losses and importances. */
async function trainOnSentences({ sparse, optimizer = 'SGD', options = { lr: 0.1 }, mas = null, tied = false }: Run) {
  manualSeed(4);
  const embedding = new nn.Embedding(10, 3, { sparse });
  const model = new nn.Sequential(embedding, new nn.Flatten(), new nn.Linear(6, 2));
  const losses: number[] = [];
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim[optimizer](model.parameters(), options),
    trainMbSize: 4,
    trainEpochs: 2,
    evaluator: null,
    plugins: [
      ...(mas ? [mas] : []),
      {
        beforeBackward: (s) => {
          // A dense share of the gradient of the same parameter.
          if (tied) s.loss = s.loss.add(embedding.weight.square().sum());
          losses.push(s.loss.item());
        },
      },
    ],
  });
  await strategy.train(sentences(), { shuffle: false });
  return { losses, model, strategy };
}

describe('sparse gradients in a strategy', () => {
  const alike: Record<string, Omit<Run, 'sparse' | 'mas'>> = {
    SGD: {},
    'SGD with momentum': { options: { lr: 0.1, momentum: 0.9 } },
    Adagrad: { optimizer: 'Adagrad' },
    'SGD, with a dense share of the gradient': { tied: true, options: { lr: 0.1, weightDecay: 0.1 } },
    'Adam, with a dense share of the gradient': { tied: true, optimizer: 'Adam', options: {} },
  };
  for (const [name, run] of Object.entries(alike)) {
    for (const withMas of [false, true]) {
      it(`${name}${withMas ? ', under MAS' : ''}: the numbers are those of dense gradients`, async () => {
        const plugins = [0, 1].map(() => (withMas ? new MASPlugin({ lambdaReg: 2 }) : null));
        const sparse = await trainOnSentences({ ...run, sparse: true, mas: plugins[0]! });
        const dense = await trainOnSentences({ ...run, sparse: false, mas: plugins[1]! });
        assertTensorClose(tensor(sparse.losses), tensor(dense.losses));
        for (const [key, value] of dense.model.namedParameters()) {
          assertTensorClose(sparse.model.namedParameters().get(key)!, value);
          if (!withMas) continue;
          const importances = plugins.map((mas) => mas!.importance!.get(key)!);
          assertTensorClose(importances[0]!, importances[1]!);
          assert.ok(importances[0]!.abs().sum().item() > 0);
        }
      });
    }
  }

  it('MAS leaves the last mini-batch’s gradients behind, the sparse one as one', async () => {
    const { model } = await trainOnSentences({ sparse: true, mas: new MASPlugin() });
    const dense = await trainOnSentences({ sparse: false, mas: new MASPlugin() });
    const [grad, expected] = [model, dense.model].map((m) => m.parameters()[0]!.grad!);
    assert.equal(grad!.layout, 'sparseCoo');
    assertTensorClose(grad!.toDense(), expected!);
  });

  it('gradients of several mini-batches add up, under the penalty too', async () => {
    const run = async (sparse: boolean) => {
      manualSeed(4);
      const model = new nn.Sequential(new nn.Embedding(10, 3, { sparse }), new nn.Flatten(), new nn.Linear(6, 2));
      const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
      // Every second mini-batch makes no step, and does not clear what is there.
      class Accumulating extends SupervisedTemplate {
        override optimizerStep() {
          if (this.clock.trainIterations % 2 === 1) return super.optimizerStep();
        }
      }
      const clear = optimizer.zeroGrad.bind(optimizer);
      const strategy: SupervisedTemplate = new Accumulating({
        model,
        optimizer,
        trainMbSize: 2,
        evaluator: null,
        plugins: [new MASPlugin({ lambdaReg: 2 })],
      });
      optimizer.zeroGrad = () => {
        if (strategy.clock.trainIterations % 2 === 0) clear();
      };
      await strategy.train(sentences(), { shuffle: false });
      return model.parameters();
    };
    const [sparse, dense] = [await run(true), await run(false)];
    dense.forEach((parameter, i) => assertTensorClose(sparse[i]!, parameter));
  });

  it('says at the first mini-batch that Adam takes none', async () => {
    const message = /Adam and AdamW take no sparse gradients, as in PyTorch; got that of "0\.weight" of shape \[10, 3\]/;
    await rejectsWithCode(
      trainOnSentences({ sparse: true, optimizer: 'Adam', options: {} }),
      'ERR_SPARSE_GRADIENT',
      message,
    );
  });
});
