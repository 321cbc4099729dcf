import assert from 'node:assert/strict';
import path from 'node:path';
import { complaints, consumer, publishedDeclarations, root } from '../support/consumer';

const file = path.join(root, 'test', 'types', 'consumer.mts');

describe('the published declarations', () => {
  // With node16 and bundler the documents' programs are compiled (test/docs/snippets.test.ts).
  it('compile in strict mode, themselves too, with nodenext', () => {
    assert.deepEqual(complaints(consumer([file], 'nodenext')), []);
  });

  it('say nothing of the addon', () => {
    const files = publishedDeclarations(consumer([file], 'node16'));
    assert.ok(files.length > 50);
    const leaks = files.flatMap(({ fileName, text }) => {
      const where = path.relative(root, fileName);
      if (/\bnative\b/.test(where)) return [`${where} is read`];
      const lines = text.replaceAll(/\/\*.*?\*\//gs, (comment) => comment.replaceAll(/[^\n]/g, '')).split('\n');
      return lines.flatMap((line, i) => (/\bNative[A-Z]|\bnative\//.test(line) ? [`${where}:${i + 1}: ${line.trim()}`] : []));
    });
    assert.deepEqual(leaks, []);
  });
});
