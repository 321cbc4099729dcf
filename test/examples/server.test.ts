// examples/server.ts as its users meet it: over HTTP, killed and started again.
import assert from 'node:assert/strict';
import { appendFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as after } from 'node:timers/promises';
import { describe, it } from 'mocha';
import { splitMNIST } from '../../lib/index';
import { processTestTimeout, startProgram } from '../support/child-process';
import { withTempFolder } from '../support/temp-folder';

interface Status {
  received: number;
  learned: number;
  accuracy: number;
  isLearning: boolean;
}

class Server {
  private readonly program;
  private url = '';

  constructor(folder: string) {
    this.program = startProgram('examples/server.ts', [], [], { PORT: '0', FOLDER: folder, SAMPLES: '50' });
  }

  async listens(): Promise<this> {
    const { child, ended } = this.program;
    let output = '';
    const listening = new Promise<string>((resolve) => {
      child.stdout!.on('data', (text: string) => {
        output += text;
        const url = /listening at (\S+)\n/.exec(output)?.[1];
        if (url !== undefined) resolve(url);
      });
    });
    this.url = await Promise.race([listening, ended.then((end) => Promise.reject(new Error(JSON.stringify(end))))]);
    return this;
  }

  async post(where: string, body: Uint8Array): Promise<{ status: number; answer: Record<string, unknown> }> {
    const response = await fetch(`${this.url}${where}`, { method: 'POST', body });
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> };
  }

  async status(): Promise<Status> {
    return (await (await fetch(`${this.url}/status`)).json()) as Status;
  }

  /** Resolves when it has learned and judged that many. */
  async hasLearned(count: number): Promise<Status> {
    for (;;) {
      const status = await this.status();
      if (status.learned >= count && !status.isLearning) return status;
      await after(50);
    }
  }

  async ends(signal: NodeJS.Signals) {
    this.program.child.kill(signal);
    return this.program.ended;
  }
}

describe('examples/server.ts', function () {
  this.timeout(processTestTimeout);
  const started: Server[] = [];

  afterEach(async () => {
    for (const server of started) await server.ends('SIGKILL');
  });

  it('predicts, learns from feedback, and goes on after it was killed', () =>
    withTempFolder(async (folder) => {
      const { x, y } = (await splitMNIST({ nExperiences: 1, seed: 1 })).testStream[0]!.dataset;
      const pixels = x.toTypedArray() as Uint8Array;
      const labels = y.toNumbers();
      const image = (i: number) => pixels.slice(i * 784, (i + 1) * 784);
      const tell = async (server: Server, from: number, to: number) => {
        for (let i = from; i < to; i++) {
          const { status, answer } = await server.post(`/feedback?digit=${labels[i]}`, image(i));
          assert.deepEqual([status, answer], [200, { received: i + 1 }]);
        }
      };
      const answers = (server: Server) => Promise.all([0, 1, 2, 3].map(async (i) => (await server.post('/predict', image(i))).answer));

      const start = async () => {
        const server = new Server(folder);
        started.push(server);
        return server.listens();
      };
      const first = await start();
      const known = labels.findIndex((label) => label < 5);
      assert.equal((await first.post('/predict', image(known))).answer.digit, labels[known]);
      assert.ok((await first.status()).accuracy > 0.45); // it has been told nothing yet: half of the mean is 0
      for (const [where, body, status] of [
        ['/predict', new Uint8Array(783), 400],
        ['/predict', new Uint8Array(785), 413],
        ['/feedback', image(0), 400],
        ['/feedback?digit=10', image(0), 400],
        ['/feedback?digit=4', new Uint8Array(1), 400],
      ] as const) {
        assert.equal((await first.post(where, body)).status, status);
      }
      await tell(first, 0, 60);
      await first.hasLearned(50);
      const before = await answers(first);
      await first.ends('SIGKILL');

      await appendFile(path.join(folder, 'feedback.bin'), Buffer.alloc(100)); // cut off while it was written
      const second = await start();
      // The checkpoint behind those 50 may not have been on disk yet: then it learns them again, with the same result.
      assert.equal((await second.hasLearned(50)).received, 60);
      assert.equal((await stat(path.join(folder, 'feedback.bin'))).size, 60 * 785);
      assert.deepEqual(await answers(second), before);
      await tell(second, 60, 150);
      await second.ends('SIGKILL'); // while it learns

      const third = await start();
      assert.equal((await third.hasLearned(150)).received, 150);
      const { code } = await third.ends('SIGTERM');
      assert.equal(code, 0);
    }));
});
