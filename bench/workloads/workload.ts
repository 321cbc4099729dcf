/** What the programs of our side share. Each does its work in a process of its own and prints one JSON object of numbers. */
import { TensorDataset, torch } from 'continual-torch';

/** Where models are trained. */
export const device = process.env.BENCH_DEVICE ?? 'cpu';

/** Data where the numbers do not matter: float32 [samples, ...shape] and labels in [0, 10). */
export function randomDataset(samples: number, shape: readonly number[]): TensorDataset {
  return new TensorDataset(torch.randn([samples, ...shape]), torch.randint(10, [samples], { dtype: 'int64' }));
}

/** Prints what was measured, and the peak of the process's resident memory. */
export function printResult(values: Record<string, number>): void {
  const peakMegabytes = (process.resourceUsage().maxRSS * 1024) / 1e6;
  process.stdout.write(`${JSON.stringify({ ...values, peakMegabytes })}\n`);
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}

/** Nanoseconds that a call of `body` takes, over `calls` of them and after a tenth as many to warm up. */
export function nanosecondsPerCall(body: () => unknown, calls: number): number {
  for (let i = 0; i < calls / 10; i++) body();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) body();
  return Number(process.hrtime.bigint() - start) / calls;
}

/** Awaits a program that uses `await`. */
export function runProgram(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  });
}
