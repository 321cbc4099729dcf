// Every recorded run of the reference, replayed; and the command line that does so, in a process of its own.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, cp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import * as product from '../../lib';
import type { Config } from '../../lib/cli/parity-config';
import { type Kind, replay } from '../../lib/cli/parity-run';
import { type Ended, processTestTimeout, runProgram } from '../support/child-process';
import { fixturePath } from '../support/fixtures';
import { editSafetensors, type SafetensorsFile } from '../support/safetensors-file';
import { withTempFolder } from '../support/temp-folder';

const folders = (name: string) =>
  readdirSync(fixturePath(name), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(name, entry.name));
const configOf = (run: string) => JSON.parse(readFileSync(fixturePath(run, 'config.json'), 'utf8')) as Config;
/** Runs of methods by their names; the others are of MAS and hold everything that a replay comes to. */
const isOfMethods = (run: string) => 'methods' in configOf(run) || 'strategy' in configOf(run);
// Recordings of methods that are not there yet wait for them.
const isThere = (run: string) => {
  const { methods = [], strategy } = configOf(run);
  const named = typeof strategy === 'object' ? strategy.type : strategy;
  return [...methods.map(({ type }) => type), ...(named ? [named] : [])].every((name) => name in product);
};
const runs = [...folders('parity'), ...folders('runs')].filter(isThere);
const exact: Kind[] = ['order', 'batchSizes', 'taskIds', 'rng'];
const small = 'lambda0-adam';

const parity = (...args: string[]): Promise<Ended> => runProgram('lib/cli/parity.ts', args);

/** Runs the command line on a changed copy of a recorded run. */
function parityOfCopy(change: (folder: string) => Promise<void>): Promise<Ended> {
  return withTempFolder(async (parent) => {
    const folder = path.join(parent, 'copy');
    await cp(fixturePath('parity', small), folder, { recursive: true });
    for (const file of await readdir(folder)) await chmod(path.join(folder, file), 0o600);
    await change(folder);
    return parity(folder);
  });
}

const withExpected = (edit: (content: SafetensorsFile) => void) =>
  parityOfCopy((folder) => editSafetensors(path.join(folder, 'expected.safetensors'), edit));

describe('parity with recorded runs', () => {
  it('covers twenty-one runs of MAS', () => {
    assert.equal(runs.filter((run) => !isOfMethods(run)).length, 21);
  });

  for (const run of runs) {
    it(`is within tolerance: ${run}`, async () => {
      const { errors, missing, tolerance } = await replay(fixturePath(run));
      assert.deepEqual(missing, []);
      const excessive = errors.filter(({ kind, value }) => !(value <= tolerance[kind]));
      assert.deepEqual(excessive, []);
      // Losses, parameters, importances and outputs at least; a tolerance is never wider than a part in two thousand.
      const compared = new Set(errors.map(({ kind }) => kind));
      for (const kind of ['loss', 'param', 'logits'] as const) assert.ok(compared.has(kind), kind);
      if (isOfMethods(run)) assert.ok(compared.has('rng'));
      else assert.ok(compared.has('importance'));
      // A run from a seed: every mini-batch and the generator's position at the end.
      if (!isOfMethods(run) && /growing|multi|dropout/.test(run)) for (const kind of exact) assert.ok(compared.has(kind), kind);
      for (const kind of compared) {
        const [least, most] = exact.includes(kind) ? [0, 0] : [1e-5, 5e-4];
        assert.ok(tolerance[kind] >= least && tolerance[kind] <= most, `${kind}: ${tolerance[kind]}`);
      }
    });
  }
});

describe('parity with a run that names its methods', () => {
  const recorded = 'multi-head-sgd';
  /** Replays a copy of a recorded run of MAS with another config. */
  const replayed = (change: (config: Record<string, unknown>) => void) =>
    withTempFolder(async (folder) => {
      await cp(fixturePath('parity', recorded), folder, { recursive: true });
      const { lambdaReg, alpha, ...config } = configOf(path.join('parity', recorded));
      const changed: Record<string, unknown> = {
        ...config,
        methods: [{ type: 'MASPlugin', lambda_reg: lambdaReg, alpha, preset: null }],
      };
      change(changed);
      await chmod(path.join(folder, 'config.json'), 0o600);
      await writeFile(path.join(folder, 'config.json'), JSON.stringify(changed));
      return replay(folder);
    });
  const worst = ({ errors }: Awaited<ReturnType<typeof replay>>) => Math.max(...errors.map(({ value }) => value));

  it('takes plugins by the names and options of the reference', async () => {
    const comparison = await replayed(() => {});
    assert.deepEqual(comparison.missing, []);
    assert.ok(worst(comparison) < 1e-5, `${worst(comparison)}`);
    assert.ok(comparison.errors.some(({ kind }) => kind === 'importance'));
  });

  it('takes a strategy with options of its own, which brings its plugin', async () => {
    const comparison = await replayed((config) => {
      const [{ lambda_reg, alpha }] = config.methods as [Record<string, unknown>];
      config.strategy = { type: 'MAS', lambda_reg, alpha };
      delete config.methods;
    });
    assert.deepEqual(comparison.missing, []);
    assert.ok(worst(comparison) < 1e-5, `${worst(comparison)}`);
  });

  it('sees that another method was used', async () => {
    const comparison = await replayed((config) => {
      config.strategy = 'Naive';
      delete config.methods;
    });
    assert.ok(comparison.missing.some((text) => /importance.* was recorded, and did not come/.test(text)));
    assert.ok(worst(comparison) > 1e-3);
  });

  const refused: Record<string, [(config: Record<string, unknown>) => void, string, RegExp]> = {
    'a method': [
      (config) => (config.methods = [{ type: 'NoPlugin' }]),
      'ERR_INVALID_ARG_VALUE',
      /expected a method to be one of .*MASPlugin.*, got NoPlugin/,
    ],
    'an option of a method': [
      (config) => (config.methods = [{ type: 'MASPlugin', ewc_lambda: 1 }]),
      'ERR_UNKNOWN_OPTION',
      /"ewcLambda"; expected among .*lambdaReg/,
    ],
    'a strategy': [
      (config) => (config.strategy = 'Training'),
      'ERR_INVALID_ARG_VALUE',
      /expected strategy to be one of .*MAS, Naive, .*, got Training/,
    ],
    'an option of a strategy': [
      (config) => (config.strategy = { type: 'Naive', mem_size: 3 }),
      'ERR_UNKNOWN_OPTION',
      /"memSize"; expected among/,
    ],
    'a model': [(config) => (config.model = { type: 'ResNet' }), 'ERR_INVALID_ARG_VALUE', /expected model to be one of .*TorchScript, got ResNet/],
    'a size of a model': [
      (config) => (config.model = { type: 'MLP', inputSize: 8, hiddenSize: 4, numClasses: 8, outputSize: 2 }),
      'ERR_UNKNOWN_OPTION',
      /MLP.*"outputSize"; expected among inputSize, hiddenSize, numClasses/,
    ],
    'an optimizer': [(config) => (config.optimizer = { type: 'LBFGS' }), 'ERR_INVALID_ARG_VALUE', /optimizer to be one of .*RMSprop.*, got LBFGS/],
    'a criterion': [(config) => (config.criterion = 'MSE'), 'ERR_INVALID_ARG_VALUE', /criterion to be one of CrossEntropyLoss, .*, got MSE/],
  };
  for (const [what, [change, code, message]] of Object.entries(refused)) {
    it(`refuses ${what} that it does not know, and names those it does`, async () => {
      await assert.rejects(replayed(change), { code, message });
    });
  }
});

describe('parity command line', function () {
  this.timeout(processTestTimeout);

  it('exits with 0 and prints the worst error of each kind of value for each run', async () => {
    const { code, stdout, stderr } = await parity(fixturePath('parity', small), fixturePath('parity', 'cnn-bn-adam'));
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(
      stdout,
      /^lambda0-adam: pass\n {2}loss +\d\.\d\de-\d+ +\(tolerance 1\.00e-5, \d+ tensors, worst exp\d\.loss\)/,
    );
    assert.match(stdout, /\ncnn-bn-adam: pass\n(?: {2}.*\n)* {2}buffer /);
    assert.match(stdout, /\n2 of 2 runs within tolerance\n$/);
  });

  it('exits with 1 and names the tensor where an expected value is another', async () => {
    const { code, stdout } = await withExpected(({ header, data }) => {
      const [begin] = header['exp1.param.0.weight']!.data_offsets;
      data.writeFloatLE(data.readFloatLE(begin) + 0.01, begin);
    });
    assert.equal(code, 1);
    assert.match(stdout, /^copy: FAIL\n/);
    assert.match(stdout, /beyond its tolerance: exp1\.param\.0\.weight, \d\.\d\de-\d+ > 1\.00e-5/);
    assert.match(stdout, /\n0 of 1 runs within tolerance\n$/);
  });

  it('exits with 1 and names the tensor where an expected value is NaN', async () => {
    const { code, stdout } = await withExpected(({ header, data }) => {
      data.writeFloatLE(NaN, header['exp2.importance.2.bias']!.data_offsets[0]);
    });
    assert.equal(code, 1);
    assert.match(stdout, /beyond its tolerance: exp2\.importance\.2\.bias, NaN/);
  });

  it('exits with 1 and names the key that is not expected any more', async () => {
    const { code, stdout } = await withExpected(({ header }) => {
      delete header['exp0.importance.0.bias'];
    });
    assert.equal(code, 1);
    assert.match(stdout, /missing: exp0\.importance\.0\.bias came, and was not recorded/);
  });

  it('exits with 1 and names a key that is expected and does not come', async () => {
    const { code, stdout } = await withExpected(({ header }) => {
      header['exp0.param.gate.weight'] = { ...header['exp0.param.0.weight']! };
    });
    assert.equal(code, 1);
    assert.match(stdout, /missing: exp0\.param\.gate\.weight was recorded, and did not come/);
  });

  it('counts the runs within tolerance where one is not', async () => {
    const { code, stdout } = await withTempFolder(async (folder) => {
      await cp(fixturePath('parity', small), folder, { recursive: true });
      const file = path.join(folder, 'expected.safetensors');
      await chmod(file, 0o600);
      await editSafetensors(file, ({ header }) => {
        delete header['exp0.loss'];
      });
      return parity(fixturePath('parity', small), folder);
    });
    assert.equal(code, 1);
    assert.match(stdout, /\n1 of 2 runs within tolerance\n$/);
  });

  const unreadable: Record<string, (folder: string) => Promise<void>> = {
    'a folder that does not exist': (folder) => rm(folder, { recursive: true }),
    'a config that is no JSON': (folder) => writeFile(path.join(folder, 'config.json'), '{'),
    'data that is cut short': (folder) => writeFile(path.join(folder, 'data.safetensors'), Buffer.alloc(5)),
    'a model that is no TorchScript': (folder) => writeFile(path.join(folder, 'model.pt'), 'no model'),
  };
  for (const [what, change] of Object.entries(unreadable)) {
    it(`exits with 2 and one line for ${what}`, async () => {
      const { code, stdout, stderr } = await parityOfCopy(change);
      assert.deepEqual([code, stdout], [2, '']);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.doesNotMatch(stderr, /^\s+at /m);
    });
  }

  it('exits with 2 and its usage without arguments, with one line for an unknown option', async () => {
    const none = await parity();
    assert.deepEqual([none.code, none.stdout], [2, '']);
    assert.match(none.stderr, /Usage: /);
    const unknown = await parity('--no-such-option');
    assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
    assert.match(unknown.stderr, /no-such-option/);
  });

  it('explains itself with --help', async () => {
    const { code, stdout, stderr } = await parity('--help');
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /config\.json, model\.pt, data\.safetensors and expected\.safetensors/);
  });
});
