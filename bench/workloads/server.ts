// How long requests to `examples/server.ts` take while it learns: at half the rate that it reaches when it does not.
// server SECONDS
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import autocannon from 'autocannon';
import { splitMNIST } from 'continual-torch';
import { printResult, runProgram } from './workload';

const example = path.join(__dirname, '..', '..', 'examples', 'server.ts');
const perExperience = 2000;

runProgram(async () => {
  const seconds = Number(process.argv[2]);
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-bench-'));
  const { trainStream } = await splitMNIST({ nExperiences: 1, seed: 1 });
  const { x, y } = trainStream[0]!.dataset;
  const images = x.toTypedArray() as Uint8Array;
  const labels = y.toNumbers();
  const image = (i: number) => images.subarray(i * 784, (i + 1) * 784);
  let server: Server | undefined;
  try {
    server = await start(folder);
    const fire = (duration: number, rate?: number) =>
      autocannon({
        url: `${server!.url}/predict`,
        method: 'POST',
        body: Buffer.from(image(0)),
        connections: 10,
        duration,
        ...(rate !== undefined && { overallRate: rate }),
      });
    await fire(3);
    const most = await fire(seconds);
    const rate = Math.floor(most.requests.average / 2);
    const idle = await fire(seconds, rate);
    server.child.kill('SIGKILL');

    // More than it learns meanwhile.
    const told = Array.from({ length: labels.length * 5 }, (_, i) => Buffer.concat([image(i % labels.length), Uint8Array.of(labels[i % labels.length]!)]));
    writeFileSync(path.join(folder, 'feedback.bin'), Buffer.concat(told));
    server = await start(folder);
    await fire(3, rate); // a new process, whose code is not compiled yet
    const before = await learned(server);
    const training = await fire(seconds, rate);
    const after = await learned(server);
    if (after <= before || after === told.length) throw new Error(`it did not learn all the time: from ${before} to ${after} of ${told.length}`);

    const failed = [idle, training].reduce((sum, { errors, timeouts, non2xx }) => sum + errors + timeouts + non2xx, 0);
    if (failed > 0) throw new Error(`${failed} requests failed`);
    printResult({
      requestsPerSecond: most.requests.average,
      rate: training.requests.average,
      p99: idle.latency.p99,
      p99WhileLearning: training.latency.p99,
      addedMilliseconds: training.latency.p99 - idle.latency.p99,
      learnedPerSecond: (after - before) / seconds,
    });
  } finally {
    server?.child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});

interface Server {
  child: ChildProcess;
  url: string;
}

/** Resolves when it listens. */
function start(folder: string): Promise<Server> {
  const child = spawn(process.execPath, ['--import', 'tsx', example], {
    env: { ...process.env, PORT: '0', FOLDER: folder, SAMPLES: String(perExperience) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return new Promise((resolve, reject) => {
    let output = '';
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}`)));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const url = /listening at (\S+)/.exec(output)?.[1];
      if (url !== undefined) resolve({ child, url });
    });
  });
}

async function learned({ url }: Server): Promise<number> {
  const status = (await (await fetch(`${url}/status`)).json()) as { learned: number };
  return status.learned;
}
