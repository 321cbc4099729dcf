import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { makeFolder } from '../../lib/libtorch/make-folder';
import { withTempFolder } from '../support/temp-folder';

describe('makeFolder', () => {
  it('makes a folder and those above it, and leaves one that is there', () =>
    withTempFolder((temp) => {
      const folder = path.join(temp, 'a', 'b', 'c');
      for (let i = 0; i < 2; i++) makeFolder(folder);
      assert.ok(statSync(folder).isDirectory());
      makeFolder(path.join(temp, 'd') + path.sep);
      makeFolder(path.parse(temp).root);
      return Promise.resolve();
    }));

  it('ends with what the system says where there can be none', () =>
    withTempFolder((temp) => {
      writeFileSync(path.join(temp, 'file'), '');
      assert.throws(() => makeFolder(path.join(temp, 'file')), { code: 'EEXIST' });
      assert.throws(() => makeFolder(path.join(temp, 'file', 'a', 'b')), /ENOTDIR|ENOENT/);
      assert.throws(() => makeFolder(''), { code: 'ENOENT' });
      if (process.platform === 'linux') {
        for (const folder of ['/proc/a', '/proc/a/b/c']) assert.throws(() => makeFolder(folder), { code: 'ENOENT' });
      }
      return Promise.resolve();
    }));
});
