import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, utimesSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { loadScript, withFolder, writeFiles } from './support';

type WithLock = <T>(
  file: string,
  work: () => T | Promise<T>,
  options?: { onWait?: (owner: { pid: number }) => void; pollMs?: number },
) => Promise<T>;

describe('scripts/setup/lock', () => {
  let withLock: WithLock;
  let describeOwner: () => { pid: number; start: string | null; host: string };
  before(async () => {
    ({ withLock } = await loadScript<{ withLock: WithLock }>('lock.mjs'));
    ({ describeOwner } = await loadScript<{ describeOwner: typeof describeOwner }>('lock.mjs'));
  });
  const deadPid = () => spawnSync(process.execPath, ['-e', '0']).pid;

  it('lets the second wait for the first, and tells whom it waits for', () =>
    withFolder(async (folder) => {
      const lock = join(folder, 'sub', 'lock');
      const events: string[] = [];
      let release = () => {};
      const released = new Promise<void>((resolve) => {
        release = resolve;
      });
      const first = withLock(lock, async () => {
        events.push('first begins');
        await released;
        events.push('first ends');
      });
      const onWait = (owner: { pid: number }) => {
        events.push(`second waits for ${owner.pid === process.pid ? 'this process' : 'another'}`);
        release();
      };
      await Promise.all([first, withLock(lock, () => events.push('second begins'), { onWait, pollMs: 1 })]);
      assert.deepEqual(events, ['first begins', 'second waits for this process', 'first ends', 'second begins']);
      assert.equal(existsSync(lock), false);
    }));

  it('takes the lock of an owner that has died, without waiting', () =>
    withFolder(async (folder) => {
      const lock = join(folder, 'lock');
      writeFiles(folder, { lock: JSON.stringify({ pid: deadPid(), start: null, host: hostname() }) });
      await withLock(lock, () => {}, { onWait: () => assert.fail('waited for a dead owner') });
    }));

  it('takes the lock of an owner whose process id now belongs to another process', function () {
    if (process.platform !== 'linux') this.skip();
    return withFolder(async (folder) => {
      writeFiles(folder, { lock: JSON.stringify({ ...describeOwner(), start: '1' }) });
      await withLock(join(folder, 'lock'), () => {}, { onWait: () => assert.fail('waited for a stranger') });
    });
  });

  it('takes a lock of another host only where its owner has long ceased to touch it', () =>
    withFolder(async (folder) => {
      const lock = join(folder, 'lock');
      writeFiles(folder, { lock: JSON.stringify({ pid: 1, start: null, host: 'elsewhere' }) });
      const longAgo = new Date(Date.now() - 3_600_000);
      let waited = false;
      // While it is waited for, the lock grows old.
      const onWait = () => {
        waited = true;
        utimesSync(lock, longAgo, longAgo);
      };
      await withLock(lock, () => {}, { onWait, pollMs: 1 });
      assert.equal(waited, true);
    }));

  it('gives the lock back where the work fails', () =>
    withFolder(async (folder) => {
      const lock = join(folder, 'lock');
      await assert.rejects(
        withLock(lock, () => {
          throw new Error('it failed');
        }),
        /it failed/,
      );
      assert.equal(existsSync(lock), false);
    }));
});
