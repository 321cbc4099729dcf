// examples/fine-tuning.ts as its users meet it: the accuracies that it prints, and the TorchScript file that it leaves.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { processTestTimeout, startProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

async function accuracies(file: string): Promise<Record<string, number[]>> {
  const { code, stdout, stderr } = await startProgram('examples/fine-tuning.ts', [file]).ended;
  assert.equal(code, 0, stderr);
  const lines = stdout.trim().split('\n').map((line) => line.split(': digits 0 to 4 ') as [string, string]);
  return Object.fromEntries(lines.map(([method, values]) => [method, values.split(', digits 5 to 9 ').map(Number)]));
}

describe('examples/fine-tuning.ts', function () {
  this.timeout(processTestTimeout);

  it('learns new classes and keeps what the pretrained model knew', () =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'digits.pt');
      const printed = await accuracies(file);
      const [pretrained] = printed.pretrained!;
      const [forgotten, learned] = printed['fine-tuned']! as [number, number];
      const [kept, learnedToo] = printed['with MAS']! as [number, number];
      assert.ok(pretrained! > 0.99 && learned > 0.97, JSON.stringify(printed));
      assert.ok(kept > 0.95 && kept > forgotten + 0.05 && learnedToo > 0.9, JSON.stringify(printed));
      assert.ok(existsSync(file));
    }));
});
