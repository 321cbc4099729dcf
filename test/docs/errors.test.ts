import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { errorCodes } from '../../lib/index';
import { readPage } from '../support/markdown';

const root = path.join(__dirname, '..', '..');

/** The rows of the page's tables, as text: `ERR_X`, what happened, what to do. */
async function rows(prefix: string): Promise<string[][]> {
  const { tables } = await readPage('docs/errors.md');
  return tables.flatMap(({ rows: each }) => each.map((cells) => cells.map(({ text }) => text))).filter(([code]) => code!.startsWith(`\`${prefix}`));
}

describe('docs/errors.md', () => {
  it('has a row for every code of lib/errors.ts, and for no other', async () => {
    const described = (await rows('ERR_')).map(([code]) => code!.replaceAll('`', ''));
    const codes = Object.keys(errorCodes);
    assert.deepEqual(codes.filter((code) => !described.includes(code)), [], 'codes without a row');
    assert.deepEqual(described.filter((code) => !codes.includes(code)), [], 'rows without a code');
    assert.equal(new Set(described).size, described.length, 'one row each');
  });

  it('says what happened and what to do', async () => {
    for (const row of await rows('ERR_')) assert.ok(row.length === 3 && row.every((cell) => cell.length > 4), row.join(' | '));
  });

  it('has every warning', async () => {
    const described = (await rows('WARN_')).map(([code]) => code!.replaceAll('`', ''));
    const sources = readdirSync(path.join(root, 'lib'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
    const emitted = sources.flatMap((name) => readFileSync(path.join(root, 'lib', name), 'utf8').match(/WARN_[A-Z_]+/g) ?? []);
    assert.deepEqual([...new Set(emitted)].sort(), described.sort());
  });
});
