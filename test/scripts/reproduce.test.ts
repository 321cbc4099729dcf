import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { documentOf } from '../../scripts/reproduce/document';
import { splitRows } from '../../scripts/reproduce/published';
import { readResults, type Result } from '../../scripts/reproduce/results';
import { rehearsed } from '../../scripts/reproduce/rehearsal';
import { markdown, measured, plain, verdictOn } from '../../scripts/reproduce/table';
import { runsOf, tableOf, targets } from '../../scripts/reproduce/targets';
import { processTestTimeout, runProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

const program = 'scripts/reproduce/main.ts';
const adam = splitRows[0]!.settings;

/** Of plain Adam, seeds 0, 1, ... with these accuracies of the five tasks, in [0, 1]. */
const results = (column: 'task' | 'domain', ...accuracies: number[]): Result[] =>
  accuracies.map((accuracy, seed) => ({
    ...{ target: 'split', row: 'adam', column, seed, samples: null, setting: adam[column], accuracies: [1, accuracy, accuracy, accuracy, 0] },
    ...{ version: '1.2.3', torch: '2.13.0', processor: 'a processor', seconds: 9.5, date: '2026-11-30' },
  }));

describe('npm run reproduce: the table', () => {
  it('has means and deviations of the population', () => {
    assert.equal(measured([]), null);
    const { mean, deviation, seeds } = measured([97, 98, 99, 100])!;
    assert.deepEqual([mean, seeds], [98.5, 4]);
    assert.ok(Math.abs(deviation - Math.sqrt(1.25)) < 1e-12);
  });

  it('calls the same what lies within two published deviations, or half a point', () => {
    const verdict = (mean: number, published: [number, number], seeds = 3) =>
      verdictOn({ mean, deviation: 50, seeds }, { mean: published[0], deviation: published[1] });
    assert.equal(verdict(54.88, [68.57, 6.85]), 'same'); // 13.70 is allowed
    assert.equal(verdict(54.86, [68.57, 6.85]), 'other');
    assert.equal(verdict(82.26, [68.57, 6.85]), 'same');
    assert.equal(verdict(82.28, [68.57, 6.85]), 'other');
    assert.equal(verdict(97.5, [98, 0.1]), 'same'); // 0.5, not 0.2
    assert.equal(verdict(97.49, [98, 0.1]), 'other');
    assert.equal(verdict(98, [98, 0.1], 2), 'too few');
  });

  it('puts the seeds of a run with these settings into one cell', () => {
    // Means of the five tasks: 80, 68 and 56 percent; 62 of one seed with another rate counts for nothing.
    const [other] = results('task', 0.7);
    const all = [...results('task', 1, 0.8, 0.6), { ...other!, seed: 3, setting: { ...adam.task, lr: 0.1 } }, ...results('domain', 0.5)];
    const runs = runsOf(targets.split, ['adam', 'sgd'], ['task', 'domain'], 4, null);
    const table = tableOf(targets.split, runs, all);
    assert.deepEqual(table.columns, ['task', 'domain']);
    assert.deepEqual(table.rows.map(({ name }) => name), ['Adam (naive)', 'SGD (naive)']);
    const lines = plain(table).split('\n');
    assert.match(lines[1]!, /^Adam \(naive\) +68\.00 ± 9\.80 \/ 93\.46 ± 2\.01, other +50\.00 \/ 55\.16 ± 1\.38, too few$/);
    assert.match(lines[2]!, /^SGD \(naive\) +- \/ 97\.98 ± 0\.09 +- \/ 63\.20 ± 0\.35$/);
    assert.equal(markdown(table).split('\n')[2], '| Adam (naive) | 68.00 ± 9.80 / 93.46 ± 2.01, other | 50.00 / 55.16 ± 1.38, too few |');
  });

  it('is written with dates, versions and processors', () => {
    const text = documentOf(results('task', 1, 1, 1));
    assert.match(text, /^# .*\n[^]*\n\| Adam \(naive\) \| 80\.00 ± 0\.00 \/ 93\.46 ± 2\.01, other \| - \/ 55\.16/);
    assert.match(text, /2026-11-30; continual-torch 1\.2\.3, libtorch 2\.13\.0; a processor, one thread a run\.\n$/);
    assert.doesNotMatch(text, /authors of MAS|Permuted|SGD/);
  });

  it('shows of the run of the authors what was forgotten', () => {
    const ofAuthors: Result = { ...results('task', 1)[0]!, target: 'authors', row: 'mas', column: 'sequence', setting: {}, accuracies: [0.9, 0.8], learned: [0.92, 0.8] };
    const [accuracy, forgetting] = tableOf(targets.authors, runsOf(targets.authors, ['mas'], ['sequence'], 1, null), [ofAuthors]).rows;
    assert.ok(Math.abs(accuracy!.cells[0]!.ours!.mean - 85) < 1e-9);
    assert.ok(Math.abs(forgetting!.cells[0]!.ours!.mean - 1) < 1e-9);
  });

  it('rehearses as many old samples as there are new ones, of each task as many', () => {
    const own = [[0, 1, 2, 3, 4, 5], [10, 11, 12, 13, 14, 15], [20, 21, 22, 23]]; // prettier-ignore
    const backwards = (count: number) => Array.from({ length: count }, (_, i) => count - 1 - i);
    assert.deepEqual(rehearsed(own, 3, backwards), [
      own[0],
      [...own[1]!, ...[5, 4, 3], ...[5, 4, 3]], // three remembered, twice
      [...own[2]!, ...[5], ...[15]], // one of each, once
    ]);
    assert.deepEqual(rehearsed(own, 100, backwards)[2], [...own[2]!, ...backwards(6), ...backwards(6).map((i) => 10 + i)]);
  });
});

describe('npm run reproduce: the program', function () {
  this.timeout(processTestTimeout);
  const train = (file: string, ...options: string[]) =>
    runProgram(program, ['--samples', '8', '--processes', '1', '--results', file, ...options]);

  it('writes a line for each run, and goes on where it was', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'new', 'results.jsonl');
      const options = ['--rows', 'adam,mas', '--columns', 'class', '--seeds', '2'];
      const { code, stdout, stderr } = await train(file, ...options);
      assert.deepEqual([code, stderr.includes('0 of 4 runs are there')], [0, true], stderr);
      assert.match(stdout, /^MAS +\d+\.\d\d ± \d+\.\d\d \/ 19\.52 ± 0\.29, too few$/m);
      const first = readResults(file);
      assert.deepEqual(first.map(({ row, seed }) => `${row} ${seed}`), ['adam 0', 'mas 0', 'adam 1', 'mas 1']);
      for (const result of first) {
        assert.deepEqual([result.target, result.column, result.samples, result.accuracies.length], ['split', 'class', 8, 5]);
        assert.ok(result.accuracies.every((accuracy) => accuracy !== null && accuracy >= 0 && accuracy <= 1));
        assert.ok(result.version && result.torch && result.processor && result.date && result.seconds >= 0);
      }
      assert.deepEqual(first[1]!.setting, { method: 'mas', optimizer: 'Adam', lr: 0.001, epochs: 4, coefficient: 1 });
      // One whose settings were others, and one that was cut off, are trained again: to the same accuracies.
      const lines = readFileSync(file, 'utf8').split('\n');
      writeFileSync(file, [lines[0], lines[1]!.replace('"lr":0.001', '"lr":0.1'), lines[2], ''].join('\n'));
      appendFileSync(file, lines[3]!.slice(0, 40));
      const again = await train(file, ...options);
      assert.match(again.stderr, /2 of 4 runs are there[^]*\n1\/2 MAS, class, seed 0: [^]*\n2\/2 MAS, class, seed 1: /);
      const second = readResults(file);
      assert.deepEqual(second.slice(3).map(({ accuracies }) => accuracies), [first[1], first[3]].map((result) => result!.accuracies));
      assert.equal(again.stdout, stdout);
      const done = await train(file, ...options);
      assert.match(done.stderr, /4 of 4 runs are there\n$/);
      assert.equal(readResults(file).length, 5);
    }));

  it('trains every method in every column, the authors\' run and permuted MNIST', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'results.jsonl');
      for (const [options, runs] of [[[], 30], [['--authors'], 2], [['--permuted', '--rows', 'mas,ewc', '--columns', 'domain,class'], 4], [['--permuted', '--rows', 'rehearsal,offline', '--columns', 'task'], 2]] as const) {
        const { code, stderr } = await train(file, '--seeds', '1', ...options);
        assert.equal(code, 0, stderr);
        assert.match(stderr, RegExp(`\\n${runs}/${runs} .* 0 s left\\n$`));
      }
      const all = readResults(file);
      assert.equal(all.length, 38);
      assert.ok(all.every(({ accuracies, learned = [] }) => [...accuracies, ...learned].every((accuracy) => accuracy !== null && accuracy >= 0 && accuracy <= 1)));
      assert.ok(all.filter(({ target }) => target === 'authors').every(({ learned }) => learned!.some((accuracy) => accuracy > 0)));
      assert.ok(all.every(({ row, target, accuracies }) => accuracies.length === (row === 'offline' ? 1 : target === 'permuted' ? 10 : 5)));
    }));

  it('misuse', async () => {
    for (const [options, message] of [
      [['--rows', 'adam,packnet'], /^expected --rows among adam,sgd,.*,offline, got "packnet"\n$/],
      [['--columns', 'accumulated'], /^expected --columns among task,domain,class, got "accumulated"\n$/],
      [['--seeds', '0'], /^expected --seeds to be a positive integer, got "0"\n$/],
      [['--authors', '--permuted'], /^expected --authors or --permuted, got both\n$/],
      [['--fast'], /--fast/],
    ] as const) {
      const { code, stdout, stderr } = await runProgram(program, [...options]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, message);
    }
    const { code, stdout } = await runProgram(program, ['--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^npm run reproduce -- \[options\]\n/);
  });
});
