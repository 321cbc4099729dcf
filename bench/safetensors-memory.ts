// How much resident memory does loading a 500 MB safetensors file add? In a process of its own, also after every element
// was read.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSafetensors, manualSeed, ops, saveSafetensors, type Tensor } from '../lib/index';

const megabyte = 2 ** 20;
const megabytes = Number(process.env['MEGABYTES'] ?? 500);

/** Of this process, in bytes. */
const residentMemory = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;

/** Loads a file and reads all of it; prints what that added to resident memory, in bytes. */
async function measure(file: string, mmap: boolean): Promise<void> {
  const warmUp = ops.aten.ones!([1024]) as Tensor;
  (ops.aten.sum!(warmUp) as Tensor).item();
  const before = residentMemory();
  const start = performance.now();
  const tensors = await loadSafetensors(file, { mmap });
  const milliseconds = performance.now() - start;
  const loaded = residentMemory() - before;
  for (const tensor of tensors.values()) (ops.aten.sum!(tensor) as Tensor).item();
  console.log(JSON.stringify({ milliseconds, loaded, read: residentMemory() - before }));
}

async function main(): Promise<void> {
  const [file, mmap] = process.argv.slice(2);
  if (file !== undefined) return measure(file, mmap === 'true');
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-'));
  try {
    manualSeed(1);
    const count = 10;
    const elements = (megabytes * megabyte) / 4 / count;
    const made = path.join(folder, 'large.safetensors');
    await saveSafetensors(
      new Map(Array.from({ length: count }, (_, i) => [`tensor${i}`, ops.aten.rand!([elements]) as Tensor])),
      made,
    );
    for (const mode of ['true', 'false']) {
      const args = ['--import', 'tsx', __filename, made, mode];
      const child = spawnSync(process.execPath, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
      const { milliseconds, loaded, read } = JSON.parse(child.stdout) as Record<
        'milliseconds' | 'loaded' | 'read',
        number
      >;
      const times = (bytes: number) => (bytes / (megabytes * megabyte)).toFixed(3);
      console.log(
        `${megabytes} MiB, mmap ${mode}: loaded in ${milliseconds.toFixed(0)} ms; resident memory grew by ` +
          `${times(loaded)} times its size, ${times(read)} times once every element was read (to reach: at most 1.1)`,
      );
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

void main();
