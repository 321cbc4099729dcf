import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { allPages, type Page, readPage } from '../support/markdown';

const root = path.join(__dirname, '..', '..');

describe('the links of the documents', () => {
  let pages: Map<string, Page>;

  before(async () => {
    pages = new Map(await Promise.all(allPages.map(async (name) => [name, await readPage(name)] as const)));
  });

  it('lead to files and headings that there are', () => {
    const broken = [...pages.values()].flatMap(({ name, links }) =>
      links.filter((href) => !/^https?:/.test(href)).flatMap((href) => {
        const [file, anchor] = href.split('#') as [string, string?];
        const target = file === '' ? name : path.posix.join(path.posix.dirname(name), file);
        if (!existsSync(path.join(root, target))) return [`${name}: ${href}: there is no such file`];
        return anchor === undefined || pages.get(target)?.anchors.has(anchor) ? [] : [`${name}: ${href}: there is no such heading`];
      }),
    );
    assert.deepEqual(broken, []);
  });

  it('lead from the README to every page', () => {
    const linked = pages.get('README.md')!.links.map((href) => href.split('#')[0]);
    const pagesOfDocs = [...pages.keys()].filter((name) => name.startsWith('docs/'));
    assert.deepEqual(pagesOfDocs.filter((name) => !linked.includes(name)), []);
  });
});
