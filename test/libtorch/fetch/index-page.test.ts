import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { parseIndexPage } from '../../../lib/libtorch/fetch/index-page';

const base = new URL('https://host.example/whl/cu126/torch/');
const sum = 'a'.repeat(64);
const name = 'torch-2.13.0%2Bcu126-cp312-cp312-manylinux_2_28_x86_64.whl';

describe('fetch-libtorch, a page of an index', () => {
  it('gives version, platform, address and checksums of each wheel', () => {
    const page = `<!DOCTYPE html><html><head><meta name="pypi:repository-version" content="1.0"></head><body><h1>Links</h1>
      <a href="/whl/cu126/${name}#sha256=${sum.toUpperCase()}" data-dist-info-metadata="sha256=${'b'.repeat(64)}">x</a><br/>`;
    assert.deepEqual(parseIndexPage(page, base), [
      {
        file: 'torch-2.13.0+cu126-cp312-cp312-manylinux_2_28_x86_64.whl',
        version: '2.13.0+cu126',
        platformTags: ['manylinux_2_28_x86_64'],
        url: new URL(`https://host.example/whl/cu126/${name}#sha256=${sum.toUpperCase()}`),
        sha256: sum,
        metadataSha256: 'b'.repeat(64),
      },
    ]);
  });

  it('takes several platforms, a build number, entities, a base and links to other hosts', () => {
    const page = `<base href="https://files.example/">
      <a href='a-1.0-2-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl?x=1&amp;y=2'>x
      <A HREF="https://other.example/b-1-py3-none-any.whl#md5=1&amp;sha256=${sum}" data-core-metadata="true">x</A>`;
    const [a, b] = parseIndexPage(page, base);
    assert.equal(a!.url.href, 'https://files.example/a-1.0-2-py3-none-manylinux1_x86_64.manylinux_2_5_x86_64.whl?x=1&y=2');
    assert.deepEqual(a!.platformTags, ['manylinux1_x86_64', 'manylinux_2_5_x86_64']);
    assert.deepEqual([a!.sha256, a!.metadataSha256], [null, null]);
    assert.equal(b!.url.host, 'other.example');
    assert.deepEqual([b!.sha256, b!.metadataSha256], [sum, null]);
  });

  for (const href of [
    'torch-2.13.0.tar.gz',
    'torch.whl',
    'file:///etc/torch-1-py3-none-any.whl',
    '..%2F..%2Ftorch-1-py3-none-any.whl',
    '%E0%A4%A-1-py3-none-any.whl',
    'http://[',
    'torch-1-py3-none-any.whl.metadata',
    'torch-latest-py3-none-any.whl',
  ]) {
    it(`leaves ${href} out`, () => {
      assert.deepEqual(parseIndexPage(`<a href="${href}#sha256=${sum}">x</a>`, base), []);
    });
  }
});
