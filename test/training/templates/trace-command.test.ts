// The command line that replays recorded hook sequences, in a process of its own.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TraceEntry } from '../../../lib/cli/trace-run';
import { type Ended, processTestTimeout, runProgram } from '../../support/child-process';
import { fixturePath } from '../../support/fixtures';
import { withTempFolder } from '../../support/temp-folder';

const trace = (...args: string[]): Promise<Ended> => runProgram('lib/cli/trace.ts', args);
const recording = (name: string) => fixturePath('traces', `${name}.json`);

interface Recording {
  config: Record<string, unknown>;
  trace: TraceEntry[];
}

/** Replays a changed copy of a recording. */
function traceOfCopy(change: (content: Recording) => void): Promise<Ended> {
  return withTempFolder(async (folder) => {
    const content = JSON.parse(await readFile(recording('epoch_every-1'), 'utf8')) as Recording;
    change(content);
    const file = path.join(folder, 'copy.json');
    await writeFile(file, JSON.stringify(content));
    return trace(file);
  });
}

describe('trace command line', function () {
  this.timeout(processTestTimeout);

  it('exits with 0 where every sequence matches', async () => {
    const { code, stdout } = await trace(recording('epoch_every-1'), recording('other_eval_after'));
    assert.equal(code, 0);
    assert.equal(
      stdout,
      'epoch_every-1: match (82 entries)\nother_eval_after: match (74 entries)\n2 of 2 traces match\n',
    );
  });

  it('exits with 1 and says where a sequence differs first: the one that pins a defect of the reference', async () => {
    const { code, stdout } = await trace(recording('stop_last_epoch'), recording('epoch_every-1'));
    assert.equal(code, 1);
    assert.match(stdout, /^stop_last_epoch: DIFFERS\n {2}entry 37: expected \{"i":37,"hook":"afterTrainingExp".*, got \{/);
    assert.match(stdout, /\n1 of 2 traces match\n$/);
  });

  const changes: Record<string, [(content: Recording) => void, RegExp]> = {
    'a hook': [({ trace: entries }) => void (entries[3]!.hook = 'afterEval'), /entry 3: expected .*"afterEval"/],
    'a counter': [({ trace: entries }) => void entries[50]!.clock[0]!++, /entry 50: /],
    'a state': [({ trace: entries }) => void (entries[9]!.state!.gradEnabled = false), /entry 9: .*"gradEnabled":false/],
    'an entry too few': [({ trace: entries }) => void entries.pop(), /entry 81: expected the end, got \{/],
    'an entry too many': [({ trace: entries }) => void entries.push(entries[0]!), /entry 82: .*, got the end/],
    'the number of epochs': [({ config }) => void (config.trainEpochs = 1), /entry \d+: expected .*, got /],
    'the size of mini-batches': [({ config }) => void (config.trainMbSize = 8), /entry \d+: expected .*, got /],
  };
  for (const [what, [change, message]] of Object.entries(changes)) {
    it(`notices a change of ${what}`, async () => {
      const { code, stdout } = await traceOfCopy(change);
      assert.equal(code, 1);
      assert.match(stdout, message);
    });
  }

  it('exits with 2 and one message for files that hold no recording, and without arguments', async () => {
    for (const run of [
      () => trace('no-such-file.json'),
      () => trace(fixturePath('traces', 'README.md')),
      () => traceOfCopy(({ config }) => void (config.trainEpochs = 'many')),
      () => traceOfCopy(({ config }) => void (config.evalStreams = ['nowhere'])),
    ]) {
      const { code, stdout, stderr } = await run();
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^(trace|Benchmark): /);
      assert.doesNotMatch(stderr, /^\s+at /m);
    }
    const none = await trace();
    assert.deepEqual([none.code, none.stdout], [2, '']);
    assert.match((await trace('--help')).stdout, /Usage: npm run --silent trace -- FILE/);
  });
});
