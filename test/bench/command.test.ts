import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'mocha';
import { chooseQuestions, questionsFor } from '../../bench/question';
import { questions } from '../../bench/questions/index';
import { processTestTimeout, runProgram } from '../support/child-process';

describe('npm run bench', function () {
  this.timeout(processTestTimeout);
  const named = process.env.PYTHON;
  beforeEach(() => {
    process.env.PYTHON = '/no/such/python';
  });
  afterEach(() => {
    if (named === undefined) delete process.env.PYTHON;
    else process.env.PYTHON = named;
  });

  it('takes names in any order and asks in its own', () => {
    const names = (chosen: string[]) => chooseQuestions(questions, chosen).map(({ name }) => name);
    assert.deepEqual(names(['floor', 'importance']), ['importance', 'floor']);
    assert.equal(names([]).length, questions.length);
    assert.equal(new Set(names([])).size, questions.length);
  });

  it('asks on a GPU what makes sense there', () => {
    const names = questionsFor('cuda:0', questions).map(({ name }) => name);
    assert.ok(names.includes('split-mnist-mas') && names.includes('penalty-bandwidth-351m'));
    assert.ok(!names.includes('floor') && !questionsFor('cpu', questions).some(({ name }) => name === 'penalty-bandwidth-351m'));
  });

  it('refuses unknown names and tells all that there are', async () => {
    const { code, stdout, stderr } = await runProgram('bench/index.ts', ['floor', 'ceiling']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /no such question: ceiling\n/);
    for (const { name } of questionsFor('cpu', questions)) assert.ok(stderr.includes(`\n  ${name}\n`), name);
  });

  for (const [args, message] of [
    [['--trials', '0'], /expected --trials to be a positive integer, got "0"/],
    [['--threads', 'two'], /expected --threads to be a positive integer, got "two"/],
    [['--write', 'floor'], /--write keeps a whole run/],
    [['--device', 'gpu'], /expected --device to be cpu, cuda or cuda:N, got "gpu"/],
    [['--fast'], /Unknown option '--fast'/],
  ] as const) {
    it(`refuses ${args.join(' ')}`, async () => {
      const { code, stderr } = await runProgram('bench/index.ts', [...args]);
      assert.equal(code, 2);
      assert.match(stderr, message);
    });
  }

  it('says what to do where PYTHON names no Python that can run the peers', async () => {
    const { code, stderr } = await runProgram('bench/index.ts', ['import']);
    assert.equal(code, 1);
    assert.match(stderr, /\/no\/such\/python cannot run the peers, which need torch and avalanche-lib/);
    assert.match(stderr, /Unset PYTHON/);
  });
});
