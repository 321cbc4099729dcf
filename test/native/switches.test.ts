import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, it } from 'mocha';
import { processTestTimeout } from '../support/child-process';

const root = path.join(__dirname, '..', '..');

function run(file: string, args: string[], env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } {
  const { CONTINUAL_TORCH_OVERRIDES: _, CONTINUAL_TORCH_VECTORS: __, ...clean } = process.env;
  const options = { cwd: root, env: { ...clean, OMP_WAIT_POLICY: 'PASSIVE', ...env }, encoding: 'utf8' } as const;
  return spawnSync(process.execPath, ['--import', 'tsx', file, ...args], options);
}

interface Ways {
  norms: number[];
  overrides: { name: string; isOn: boolean; why: string }[];
  vectors: string;
}

/** Small trainings under these variables. */
function train(env: NodeJS.ProcessEnv): Ways {
  const { stdout, stderr, status } = run('test/process/programs/ways.ts', [], env);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as Ways;
}

const names = ['kept blocks', 'products', 'narrow products', 'channels last'];

describe('the switches of what is done otherwise than libtorch does it', function () {
  this.timeout(processTestTimeout);

  it('are shown by doctor, each with its reason', () => {
    const { status, stdout } = run('lib/cli/main.ts', ['doctor'], {});
    assert.equal(status, 0);
    const section = stdout.split('\n\n').find((text) => text.includes('CONTINUAL_TORCH_OVERRIDES'))!;
    for (const name of names) assert.match(section, new RegExp(`^ {2}[+-] ${name} +(on|off): \\S`, 'm'));
    assert.match(section, /^ {2}- vectors +(avx512|avx2|baseline)$/m);
  });

  it('refuse values that they do not have', () => {
    for (const [name, value] of [['CONTINUAL_TORCH_OVERRIDES', '1'], ['CONTINUAL_TORCH_VECTORS', 'AVX512']] as const) {
      const { status, stderr } = run('test/process/programs/ways.ts', [], { [name]: value });
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`${name}: expected .* or nothing, got "${value}"`));
    }
  });

  it('turn all of it off, and all that can run on, which changes results by no more than rounding', () => {
    const plain = train({ CONTINUAL_TORCH_OVERRIDES: 'off', CONTINUAL_TORCH_VECTORS: 'baseline' });
    assert.deepEqual(plain.overrides, names.map((name) => ({ name, isOn: false, why: 'CONTINUAL_TORCH_OVERRIDES=off' })));
    assert.equal(plain.vectors, 'baseline');
    const byItself = train({ CONTINUAL_TORCH_OVERRIDES: '', CONTINUAL_TORCH_VECTORS: '' });
    const on = train({ CONTINUAL_TORCH_OVERRIDES: 'on', CONTINUAL_TORCH_VECTORS: 'avx2', OMP_NUM_THREADS: '3' });
    for (const { isOn, why } of on.overrides) assert.ok(isOn || /without oneDNN|another product of oneDNN|needs AVX-512/.test(why), why);
    assert.ok(['avx2', 'baseline'].includes(on.vectors));
    for (const { norms, overrides } of [byItself, on]) {
      assert.deepEqual(overrides.map(({ name }) => name), names);
      assert.equal(norms.length, plain.norms.length);
      for (const [i, norm] of norms.entries()) {
        const expected = plain.norms[i]!;
        assert.ok(Math.abs(norm - expected) <= 1e-4 * Math.abs(expected), `${i}: ${norm}, ${expected}`);
      }
    }
  });
});
