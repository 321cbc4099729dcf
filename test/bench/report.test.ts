import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { questions } from '../../bench/questions/index';
import { type Machine, number, page, table, toJson, withResults } from '../../bench/report';
import { summarize } from '../../bench/trials';

const program = { runs: 'node', file: 'x' } as const;
const results = [
  summarize(
    {
      name: 'training',
      asks: '',
      unit: 's',
      ours: { program, value: 'a' },
      peer: { name: 'Peer', program, value: 'b' },
      ratio: 'peer / ours',
      toReach: { atLeast: 3 },
    },
    [1.5],
    [3],
  ),
  summarize(
    {
      name: 'delay',
      asks: '',
      unit: 'ms',
      ours: { program, value: 'a' },
      peer: null,
      ratio: null,
      toReach: { atMost: 12 },
    },
    [11.5],
    [],
  ),
];
const machine: Machine = {
  processor: 'A Processor',
  cores: 2,
  memory: '16 GiB',
  system: 'Linux',
  node: '20.0.0',
  libtorch: '2.13.0',
  python: null,
  threads: 2,
  date: '2026-01-01',
};

describe('bench/report', () => {
  it('aligns a table and marks what misses its figure', () => {
    assert.equal(
      table(results),
      [
        'question  ours     peer         ratio  quartiles       to reach',
        'training  1.50 s   Peer 3.00 s  2.00   2.00 to 2.00    at least 3  missed',
        'delay     11.5 ms                      11.50 to 11.50  at most 12',
      ].join('\n'),
    );
  });

  it('gives machines one object with four members for each name', () => {
    assert.deepEqual(toJson(results), {
      training: { ours: 1.5, peer: 3, ratio: 2, unit: 's' },
      delay: { ours: 11.5, peer: null, ratio: null, unit: 'ms' },
    });
  });

  it('prints three digits that count', () => {
    assert.deepEqual([0.01234, 0.5, 1.2345, 45.678, 678.9, 12345.6, 0].map(number), [
      '0.0123',
      '0.500',
      '1.23',
      '45.7',
      '679',
      '12346',
      '0',
    ]);
  });

  it('replaces what stands between the markers of the page, and refuses a page without them', () => {
    const document = readFileSync(path.join(__dirname, '..', '..', 'docs', 'performance.md'), 'utf8');
    const once = withResults(document, page(results, machine));
    assert.match(once, /2026-01-01; A Processor, 2 cores, 16 GiB; Linux; .* 2 threads on each side; medians of 1 trial\./);
    assert.match(once, /\| training \| 1\.50 s \| Peer 3\.00 s \| 2\.00 \| 2\.00 to 2\.00 \| at least 3 \| missed \|/);
    assert.equal(withResults(once, page(results, machine)), once);
    assert.throws(() => withResults('# Performance', ''), /expected the lines/);
  });

  it('has an explanation of every question on the page', () => {
    const document = readFileSync(path.join(__dirname, '..', '..', 'docs', 'performance.md'), 'utf8');
    const explained = [...document.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(explained, questions.map(({ name }) => name));
  });
});
