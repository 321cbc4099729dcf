import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, it } from 'mocha';
import { type ErrorCode, loadSafetensors, readSafetensorsMetadata, saveSafetensors, type Tensor, tensor } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { withTempFolder } from '../support/temp-folder';

const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'] as const;
const good = { metadata: { total_size: 24 }, weight_map: { a: first, b: first, c: second } };

/** A folder with two files, `a` and `b` in the first and `c` in the second, and an index. */
function withShards<T>(index: unknown, use: (file: string, folder: string) => Promise<T>): Promise<T> {
  return withTempFolder(async (folder) => {
    await saveSafetensors({ b: tensor([1, 2]), a: tensor([3]) }, path.join(folder, first));
    await saveSafetensors({ c: tensor([4, 5, 6]) }, path.join(folder, second));
    const file = path.join(folder, 'model.safetensors.index.json');
    await writeFile(file, typeof index === 'string' ? index : JSON.stringify(index, null, 2));
    return use(file, folder);
  });
}

const valuesOf = (tensors: Map<string, Tensor>) => [...tensors].map(([name, value]) => [name, ...value.toNumbers()]);
const refuses = (index: unknown, message: RegExp, code: ErrorCode = 'ERR_SAFETENSORS_FORMAT') =>
  withShards(index, async (file) => {
    const error = await rejectsWithCode(loadSafetensors(file), code, message);
    assert.match(error.message, /^loadSafetensors: /);
  });

describe('loadSafetensors of an index', () => {
  it('gives the tensors of all files, in the order of the files', () =>
    withShards(good, async (file) => {
      const expected = [['b', 1, 2], ['a', 3], ['c', 4, 5, 6]]; // prettier-ignore
      assert.deepEqual(valuesOf(await loadSafetensors(file)), expected);
      assert.deepEqual(valuesOf(await loadSafetensors(file, { mmap: false, device: 'cpu' })), expected);
      await rejectsWithCode(loadSafetensors(file, { device: 'cuda:99' }), 'ERR_DEVICE', /cuda:99/);
    }));

  it('is known behind blanks and a byte order mark, and asked for by its name where it comes as bytes', async () => {
    for (const before of ['\ufeff', ' '.repeat(20), '\n\n\t']) {
      await withShards(before + JSON.stringify(good), async (file) => assert.equal((await loadSafetensors(file)).size, 3));
    }
    const bytes = Buffer.from(JSON.stringify(good));
    await rejectsWithCode(loadSafetensors(bytes), 'ERR_SAFETENSORS_FORMAT', /is the index of safetensors in several files, which loadSafetensors\(path\) reads/);
  });

  it('follows links, and reads files below its folder', () =>
    withShards({ weight_map: { a: `blobs/${first}`, b: `blobs/${first}`, c: second } }, async (file, folder) => {
      if (process.platform === 'win32') return;
      await mkdir(path.join(folder, 'blobs'));
      await symlink(path.join(folder, first), path.join(folder, 'blobs', first));
      assert.equal((await loadSafetensors(file)).size, 3);
    }));

  it('is content with what transformers is: sizes of another dtype, no metadata, tensors that it does not name', async () => {
    const { weight_map } = good;
    for (const index of [
      { weight_map },
      { metadata: { total_size: 1e300, more: [1.5, null, { x: [true, 'a"b'] }] }, weight_map, more: -1 },
      { metadata: null, weight_map: { a: first, c: second } },
    ]) {
      await withShards(index, async (file) => assert.equal((await loadSafetensors(file)).size, 3));
    }
    await withShards({ weight_map: {} }, async (file) => assert.equal((await loadSafetensors(file)).size, 0));
  });

  it('refuses a file that is missing, or lies outside of its folder', async () => {
    const named = (shard: string) => ({ weight_map: { a: first, x: shard } });
    const missing = await withShards(named('model-00003-of-00003.safetensors'), (file) =>
      rejectsWithCode(loadSafetensors(file), 'ERR_DATA_NOT_FOUND', /cannot read ".*model-00003-of-00003\.safetensors": No such file/i),
    );
    assert.match(missing.message, /; ".*model\.safetensors\.index\.json" names it$/);
    for (const shard of ['../x.safetensors', '/etc/x.safetensors', 'a/../x.safetensors', './x.safetensors', '', '..\\x.safetensors', 'C:x.safetensors', 'a//x.safetensors', 'x\0.safetensors']) {
      await refuses(named(shard), /names the file ".*", expected one in or below its folder$/);
    }
  });

  it('refuses an index that does not fit its files', async () => {
    await refuses({ weight_map: { ...good.weight_map, d: second } }, /"d" is not in "model-00002-of-00002\.safetensors", where the index/);
    await refuses({ weight_map: { ...good.weight_map, c: first } }, /"c" is not in "model-00001-of-00002\.safetensors"/);
    await withShards(good, async (file, folder) => {
      await saveSafetensors({ c: tensor([1]), a: tensor([3]) }, path.join(folder, second));
      await rejectsWithCode(
        loadSafetensors(file),
        'ERR_SAFETENSORS_FORMAT',
        /"a" is both in "model-00001-of-00002\.safetensors" and in "model-00002-of-00002\.safetensors"$/,
      );
    });
  });

  it('refuses what is no index: bad JSON, names that come twice, values of another type', async () => {
    const map = JSON.stringify(good.weight_map);
    const cases: [string, RegExp][] = [
      [`{"weight_map": ${map}`, /the index: expected "\}" before character/],
      [`{"weight_map": ${map}} x`, /the index: expected nothing behind it/],
      [`{"weight_map": ${map}, "weight_map": ${map}}`, /the index has "weight_map" twice$/],
      [`{"weight_map": {"a": "${first}", "a": "${second}"}}`, /the index has "a" twice$/],
      [`{"weight_map": {"a": "${first}", "\\u0061": "${second}"}}`, /the index has "a" twice$/],
      ['{"weight_map": {"a": 1}}', /"weight_map": "a": expected a string/],
      ['{"weight_map": ["a"]}', /"weight_map": expected "\{"/],
      ['{"weight_map": null}', /"weight_map": expected "\{"/],
      [`{"metadata": {"a" 1}, "weight_map": ${map}}`, /"metadata": expected ":"/],
      [`{"metadata": tru, "weight_map": ${map}}`, /"metadata": expected a value/],
      [`{"metadata": ${'['.repeat(200)}, "weight_map": ${map}}`, /"metadata" is nested more than 100 deep$/],
      ['{"metadata": {}}', /is JSON text: weights lie in another file/],
    ];
    for (const [index, message] of cases) await refuses(index, message);
    await withShards('', async (file) => {
      await writeFile(file, Buffer.from('{"weight_map": {"\xff": "x"}}', 'latin1'));
      await rejectsWithCode(loadSafetensors(file), 'ERR_SAFETENSORS_FORMAT', /the index is not encoded in UTF-8$/);
    });
  });

  it('says what a file is that is no safetensors', () =>
    withShards(good, async (file, folder) => {
      await writeFile(path.join(folder, second), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n');
      await rejectsWithCode(loadSafetensors(file), 'ERR_SAFETENSORS_FORMAT', /00002\.safetensors" is a pointer of Git LFS/);
    }));

  it('readSafetensorsMetadata wants one of the files', () =>
    withShards(good, (file) =>
      rejectsWithCode(readSafetensorsMetadata(file), 'ERR_SAFETENSORS_FORMAT', /is the index of safetensors in several files/),
    ));
});
