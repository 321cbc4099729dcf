import { Presets, SingleBar } from 'cli-progress';

export interface PassProgress {
  update(done: number): void;
  stop(): void;
}

const silent: PassProgress = { update() {}, stop() {} };

/** Progress over the importance pass on stderr: a bar on a terminal, a line for each quarter elsewhere. */
export function importanceProgress(shown: boolean, total: number): PassProgress {
  if (!shown) return silent;
  if (!process.stderr.isTTY) return plainLines(total);
  const bar = new SingleBar(
    { format: 'MAS importance {bar} {value}/{total} mini-batches, {duration_formatted}', clearOnComplete: false },
    Presets.shades_classic,
  );
  bar.start(total, 0);
  return { update: (done) => bar.update(done), stop: () => bar.stop() };
}

function plainLines(total: number): PassProgress {
  let quarters = 0;
  return {
    update(done) {
      const reached = Math.floor((4 * done) / total);
      if (reached <= quarters) return;
      quarters = reached;
      process.stderr.write(`MAS importance: ${done}/${total} mini-batches\n`);
    },
    stop() {},
  };
}
