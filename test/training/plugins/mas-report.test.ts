// What MAS reports of its memory, against numbers worked out by hand.
import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { MASPlugin, type MASPluginOptions, MASReport, nn, type Tensor, tensor, TensorboardLogger } from '../../../lib/index';
import { throwsWithCode } from '../../support/assertions';
import { whileAtWork } from '../../support/at-work';
import { linearRun } from '../../support/linear-mas';
import { numbersOf, setValues } from '../../support/small-runs';
import { comparable } from '../../support/states';
import { withTempFolder } from '../../support/temp-folder';
import { readEvents } from '../../support/tensorboard-events';

/** 2 - 2 - 1, whose weights differ from theta* by what the tests say. */
function twoLayers(): nn.Sequential {
  const model = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 1, { bias: false }));
  const [weight, bias, head] = model.parameters() as [Tensor, Tensor, Tensor];
  setValues(weight, [4, 2, 3, 4]);
  setValues(bias, [0.5, 0]);
  setValues(head, [1, 1]);
  return model;
}

const omega = { '0.weight': tensor([[1, 0], [0, 2]]), '0.bias': tensor([1, 0]), '1.weight': tensor([[3, 1]]) }; // prettier-ignore
const anchor = { '0.weight': tensor([[1, 2], [3, 0]]), '0.bias': tensor([0, 0]), '1.weight': tensor([[1, 0]]) }; // prettier-ignore
type Memory = { importance: Record<string, Tensor>; anchor: Record<string, Tensor>; history?: { experience: number | null; importance: Record<string, Tensor> }[] };

function remembering(options: MASPluginOptions = {}, more: Partial<Memory> = {}): MASPlugin {
  const mas = new MASPlugin({ lambdaReg: 2, ...options });
  mas.loadStateDict({ importance: omega, anchor, ...more });
  return mas;
}

const history: { experience: number | null; importance: Record<string, Tensor> }[] = [
  { experience: null, importance: { '0.weight': tensor([[0, 0], [0, 0]]) } }, // prettier-ignore
  { experience: 0, importance: { '0.weight': tensor([[1, 0], [0, 0]]), '0.bias': tensor([0, 0]), '1.weight': tensor([[2, 4]]) } }, // prettier-ignore
  { experience: 1, importance: { '0.weight': tensor([[1, 1], [0, 1]]), '0.bias': tensor([0, 0]), '1.weight': tensor([[0, 2]]) } }, // prettier-ignore
];

describe('MASPlugin.report', () => {
  // theta - theta* = [[3, 0], [0, 4]], [0.5, 0], [[0, 1]]; Omega (theta - theta*)^2 = 9 + 32, 0.25, 1: 42.25 in all.
  const expected = {
    lambda: 2,
    parameters: [
      {
        ...{ layer: '0', name: '0.weight', elements: 4, importance: { sum: 3, mean: 0.75, max: 2, share: 3 / 8 } },
        moved: { distance: 5, relative: 5 / Math.sqrt(14) },
        penalty: { value: 82, share: 41 / 42.25 },
      },
      {
        ...{ layer: '0', name: '0.bias', elements: 2, importance: { sum: 1, mean: 0.5, max: 1, share: 1 / 8 } },
        moved: { distance: 0.5, relative: null },
        penalty: { value: 0.5, share: 0.25 / 42.25 },
      },
      {
        ...{ layer: '1', name: '1.weight', elements: 2, importance: { sum: 4, mean: 2, max: 3, share: 0.5 } },
        moved: { distance: 1, relative: 1 },
        penalty: { value: 2, share: 1 / 42.25 },
      },
    ],
    layers: [
      {
        ...{ name: '0', elements: 6, importance: { sum: 4, mean: 4 / 6, max: 2, share: 0.5 } },
        moved: { distance: Math.sqrt(25.25), relative: Math.sqrt(25.25) / Math.sqrt(14) },
        penalty: { value: 82.5, share: 41.25 / 42.25 },
      },
      {
        ...{ name: '1', elements: 2, importance: { sum: 4, mean: 2, max: 3, share: 0.5 } },
        moved: { distance: 1, relative: 1 },
        penalty: { value: 2, share: 1 / 42.25 },
      },
    ],
    total: {
      ...{ name: 'total', elements: 8, importance: { sum: 8, mean: 1, max: 3, share: 1 } },
      moved: { distance: Math.sqrt(26.25), relative: Math.sqrt(26.25) / Math.sqrt(15) },
      penalty: { value: 84.5, share: 1 },
    },
  };

  it('says of each parameter, of each layer and of all what is held, how far it has moved and what that costs', () => {
    const report = remembering().report(twoLayers());
    assert.ok(report instanceof MASReport);
    assert.deepEqual(report.toJSON(), expected);
    assert.deepEqual(JSON.parse(JSON.stringify(report)), expected);
  });

  it('counts the factor of the penalty', () => {
    const { lambda, total } = remembering({ penaltyScale: 0.5 }).report(twoLayers());
    assert.deepEqual([lambda, total.penalty.value], [1, 42.25]);
  });

  it('comes to the penalty in the loss', async () => {
    const seen: number[] = [];
    const { mas, model, train } = linearRun({
      mas: { lambdaReg: 2 },
      after: [{ beforeBackward: ({ loss }) => void seen.push(loss.item() - 1, mas.report(model).total.penalty.value!) }],
    });
    await train();
    // 2 (1.5 0.5^2 + 2.5 1^2)
    assert.deepEqual(seen, [0, 0, 0, 0, 5.75, 5.75]);
  });

  it('is a table that fits into 80 columns', () => {
    const report = remembering({ keepHistory: true }, { history }).report(twoLayers());
    assert.equal(
      inspect(report),
      `MASReport (3 parameters of 2 layers, 8 elements, lambda 2)

          elements  importance   share  moved  penalty   share
0                6           4   50.0%   5.02     82.5   97.6%
  weight         4           3   37.5%      5       82   97.0%
  bias           2           1   12.5%    0.5      0.5    0.6%
1                2           4   50.0%      1        2    2.4%
  weight         2           4   50.0%      1        2    2.4%
total            8           8  100.0%   5.12     84.5  100.0%

          importance by experience
0         1: 75.0%, 0: 25.0%
  weight  1: 75.0%, 0: 25.0%
  bias    -
1         0: 75.0%, 1: 25.0%
  weight  0: 75.0%, 1: 25.0%
total     0: 58.3%, 1: 41.7%`,
    );
    assert.equal(String(report), inspect(report));
  });

  it('is a table of 80 columns with long names, many experiences and numbers of any size too', () => {
    const path = 'features.block4.downsampling.projection';
    const name = `${path}.weight`;
    class Deep extends nn.Module {
      features: nn.Module;
      constructor() {
        super();
        const end = new nn.Sequential({ projection: new nn.Linear(2, 1, { bias: false }) });
        this.features = new nn.Sequential({ block4: new nn.Sequential({ downsampling: end }) });
      }
    }
    const model = new Deep();
    setValues(model.parameters()[0]!, [1e12, 1e-30]);
    const importance = { [name]: tensor([[1e-12, 3e25]]) };
    const long = Array.from({ length: 12 }, (_, experience) => ({ experience: experience + 100, importance }));
    const mas = remembering({ keepHistory: true }, { importance, anchor: { [name]: tensor([[0, 0]]) }, history: long });
    const lines = String(mas.report(model)).split('\n');
    assert.ok(Math.max(...lines.map(({ length }) => length)) <= 80, lines.join('\n'));
    assert.match(lines[3]!, /^\.\.\.mpling\.projection  +2 +3\.00e\+25 {2}100\.0% {2}1\.00e\+12 {2}2\.00e\+12 {2}100\.0%$/);
    assert.equal(lines.at(-1), `total                 ${[100, 101, 102, 103].map((each) => `${each}: 8.3%, `).join('')}...`);
  });

  it('keepHistory: whose importance each parameter holds', () => {
    const { parameters, layers, total } = remembering({ keepHistory: true }, { history }).report(twoLayers());
    const shares = (entries: typeof layers) => entries.map(({ experiences }) => experiences!.map(({ share }) => share));
    assert.deepEqual(parameters[0]!.experiences!.map(({ experience }) => experience), [null, 0, 1]);
    assert.deepEqual(shares(parameters), [[0, 0.25, 0.75], [null, null, null], [0, 0.75, 0.25]]); // prettier-ignore
    assert.deepEqual(shares(layers), [[0, 0.25, 0.75], [0, 0.75, 0.25]]); // prettier-ignore
    assert.deepEqual(shares([total]), [[0, 7 / 12, 5 / 12]]);
    assert.deepEqual(remembering({ keepHistory: true }).report(twoLayers()).total.experiences, []);
  });

  it('compares low indices of what has grown, and leaves out what has left the model', () => {
    const head = { '0.weight': tensor([[1, 2]]), gone: tensor([5]) }; // prettier-ignore
    const at = { '0.weight': tensor([[1, 1]]), gone: tensor([9]) }; // prettier-ignore
    const { parameters, layers, total } = remembering({}, { importance: head, anchor: at }).report(twoLayers());
    // [4, 2] - [1, 1]; the second row is new.
    const [grown, gone] = parameters;
    assert.deepEqual([grown!.elements, grown!.moved.distance, grown!.penalty], [2, Math.sqrt(10), { value: 22, share: 1 }]);
    assert.deepEqual([gone!.name, gone!.layer, gone!.importance.share], ['gone', '', 5 / 8]);
    assert.deepEqual([gone!.moved, gone!.penalty], [{ distance: null, relative: null }, { value: null, share: null }]); // prettier-ignore
    assert.deepEqual(layers.map(({ name, penalty }) => [name, penalty.value]), [['0', 22], ['', null]]); // prettier-ignore
    assert.deepEqual([total.importance.sum, total.penalty.value], [8, 22]);
  });

  it('is computed in double precision, also of half precision and of complex numbers', () => {
    class Mixed extends nn.Module {
      halved = new nn.Parameter(tensor([256, 1], { dtype: 'bfloat16' }));
      complex = new nn.Parameter(tensor([3, 0], { dtype: 'complex64' }));
    }
    const mas = remembering({}, {
      importance: { halved: tensor([1, 1 / 512]), complex: tensor([2, 1]) },
      anchor: { halved: tensor([0, 0], { dtype: 'bfloat16' }), complex: tensor([0, 4], { dtype: 'complex64' }) },
    }); // prettier-ignore
    const { parameters } = mas.report(new Mixed());
    assert.deepEqual(parameters.map(({ name, importance, moved, penalty }) => [name, importance.sum, moved.distance, penalty.value]), [
      ['halved', 1 + 1 / 512, Math.sqrt(65537), 2 * (65536 + 1 / 512)],
      ['complex', 3, 5, 2 * (18 + 16)],
    ]); // prettier-ignore
  });

  it('is empty before there is any importance, and without shares where nothing has moved', async () => {
    const { mas, model, train, weight } = linearRun();
    const empty = mas.report(model);
    assert.deepEqual([empty.parameters, empty.layers, empty.total.elements, empty.total.importance.share], [[], [], 0, null]);
    assert.equal(String(empty), 'MASReport (0 parameters of 0 layers, 0 elements, lambda 1)');
    await train();
    const before = [comparable(mas.stateDict()), weight.toNumbers()];
    const { layers, total } = mas.report(model);
    assert.deepEqual(layers.map(({ name }) => name), ['']);
    assert.deepEqual([total.moved, total.penalty], [{ distance: 0, relative: 0 }, { value: 0, share: null }]); // prettier-ignore
    assert.match(String(mas.report(model)), /^\(model\) +2 .* 0 +0 +-$/m);
    assert.deepEqual([comparable(mas.stateDict()), weight.toNumbers()], before);
  });

  it('refuses what is no model, another model, and a model at work', async () => {
    const mas = remembering();
    for (const wrong of [undefined, null, 3, {}, mas]) {
      throwsWithCode(() => mas.report(wrong as never), 'ERR_INVALID_ARG_TYPE', /^MASPlugin\.report: expected model to be a Module, got /);
    }
    throwsWithCode(() => mas.report(new nn.Linear(2, 1)), 'ERR_MAS_SHAPE', /without a parameter "0\.weight"/);
    const model = new nn.Sequential(new nn.Linear(2, 2));
    await whileAtWork(model, 2, () => throwsWithCode(() => mas.report(model), 'ERR_BUSY', /./));
    assert.equal(mas.report(model).lambda, 2);
  });
});

describe('MASReport.addTo', () => {
  it('writes histograms of Omega and of what has moved', () =>
    withTempFolder(async (folder) => {
      const model = twoLayers();
      const before = numbersOf(new Map(model.namedParameters()));
      const logger = new TensorboardLogger(folder);
      const report = remembering({}, { importance: { ...omega, gone: tensor([5]) }, anchor: { ...anchor, gone: tensor([5]) } }).report(model);
      report.addTo(logger, 7);
      await logger.flush();
      const events = await readEvents(folder);
      assert.deepEqual(
        events.map(({ tag, step, histogram }) => [tag, step, histogram!.min, histogram!.max, histogram!.num, histogram!.sum, histogram!.sumSquares]),
        [
          ['Omega/0.weight', 7, 0, 2, 4, 3, 5],
          ['Moved/0.weight', 7, 0, 4, 4, 7, 25],
          ['Omega/0.bias', 7, 0, 1, 2, 1, 1],
          ['Moved/0.bias', 7, 0, 0.5, 2, 0.5, 0.25],
          ['Omega/1.weight', 7, 1, 3, 2, 4, 10],
          ['Moved/1.weight', 7, 0, 1, 2, 1, 1],
          ['Omega/gone', 7, 5, 5, 1, 5, 25],
        ],
      );
      // Of 0, 0, 3 and 4 two lie in the bucket from 0 on; those of 3 and 4 have a tenth's width.
      const { limits, counts } = events[1]!.histogram!;
      const filled = counts.flatMap((count, i) => (count > 0 ? [{ count, low: limits[i - 1]!, high: limits[i]! }] : []));
      assert.deepEqual(filled.map(({ count }) => count), [2, 1, 1]);
      for (const [i, value] of [0, 3, 4].entries()) assert.ok(filled[i]!.low <= value && value < filled[i]!.high);
      assert.deepEqual(numbersOf(new Map(model.namedParameters())), before);
    }));

  it('begins at step 0, and writes nothing of an empty report', () =>
    withTempFolder(async (folder) => {
      const logger = new TensorboardLogger(folder);
      const model = twoLayers();
      new MASPlugin().report(model).addTo(logger);
      remembering().report(model).addTo(logger);
      await logger.close();
      const events = await readEvents(folder);
      assert.deepEqual([events.length, new Set(events.map(({ step }) => step))], [6, new Set([0])]);
    }));

  it('refuses what is no TensorboardLogger, and no step', () =>
    withTempFolder(async (folder) => {
      const report = remembering().report(twoLayers());
      const logger = new TensorboardLogger(folder);
      throwsWithCode(() => report.addTo('runs' as never), 'ERR_INVALID_ARG_TYPE', /^MASReport\.addTo: expected logger to be a TensorboardLogger, got "runs"$/);
      throwsWithCode(() => report.addTo(logger, '1' as never), 'ERR_INVALID_ARG_TYPE', /expected step to be an integer of at least 0, got "1"$/);
      throwsWithCode(() => report.addTo(logger, -1), 'ERR_INVALID_ARG_VALUE', /expected step/);
      await logger.close();
      throwsWithCode(() => report.addTo(logger), 'ERR_LOG_WRITE', /it has been closed$/);
    }));
});
