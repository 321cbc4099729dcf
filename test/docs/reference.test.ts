import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from '../support/consumer';
import { exportedNames } from './programs';

interface Reflection {
  name: string;
  children?: Reflection[];
}

describe('the reference', function () {
  this.timeout(600_000);
  const json = path.join(root, 'build', 'reference.json');

  it('is what typedoc accepts: all that is exported is described, and every link leads somewhere', () => {
    const typedoc = path.join(root, 'node_modules', 'typedoc', 'bin', 'typedoc');
    const { status, stdout, stderr } = spawnSync(process.execPath, [typedoc, '--logLevel', 'Warn', '--json', json], { cwd: root, encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });

  it('has every export', () => {
    const declarations = path.join(root, 'dist', 'index.d.ts');
    const { children } = JSON.parse(readFileSync(json, 'utf8')) as Reflection;
    const described = new Set(children!.flatMap(({ name, children: inner }) => [name, ...(inner ?? []).map((each) => each.name)]));
    assert.deepEqual(exportedNames([declarations]).get(declarations)!.filter((name) => !described.has(name)), []);
  });
});
