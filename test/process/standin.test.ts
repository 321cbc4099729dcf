// The device for tests, which stands in for a GPU: it can fail where a GPU would.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { manualSeed, torch } from '../../lib/index';
import { native } from '../../lib/native/binding';
import { processTestTimeout, runProgram } from '../support/child-process';

interface Seen {
  device: string;
  mixed: string;
  index: number[];
  reads: Record<string, number>;
  gradient: string;
  drawn: Record<'here' | 'worker' | 'generator', number[]>;
}

describe('the stand-in device', function () {
  this.timeout(processTestTimeout);
  before(function () {
    if (!('standinReads' in native)) this.skip(); // it maps memory as Linux does
  });

  it('ends a process whose host touches its memory, and says where', async () => {
    const { signal, stdout, stderr } = await runProgram('test/process/programs/standin.ts', ['touch']);
    assert.deepEqual([signal, stdout], ['SIGSEGV', '1\n']);
    assert.match(stderr, /^stand-in device: the host has touched its memory:\n.*continual_torch\.node/);
  });

  it('computes what the CPU does, refuses tensors of another device, and counts what the host reads', async () => {
    const { code, stdout, stderr } = await runProgram('test/process/programs/standin.ts');
    assert.deepEqual([code, stderr], [0, '']);
    const { mixed, drawn, ...seen } = JSON.parse(stdout) as Seen;
    assert.match(mixed, /^ERR_TORCH: .*Expected all tensors to be on the same device.*standin:0 and cpu/);
    assert.deepEqual(seen, {
      device: 'standin:0',
      index: [2],
      reads: { computing: 0, backward: 0, item: 1, copy: 1 },
      gradient: 'standin:0',
    });
    manualSeed(5);
    const ofCpu = torch.rand([3], { device: 'cpu' }).toNumbers();
    assert.deepEqual(drawn, { here: ofCpu, worker: ofCpu, generator: ofCpu });
  });
});
