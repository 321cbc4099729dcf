// How much resident memory does loading a 500 MB safetensors file add, once every element was read? Without arguments the
// file is made first, and read mapped and unmapped, each in a process of its own: safetensors-memory FILE MMAP(true | false)
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadSafetensors, saveSafetensors, torch } from 'continual-torch';
import { printResult, runProgram } from './workload';

const tensors = 10;
const megabytes = 500;

/** Of this process, in bytes. */
const residentMemory = () => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))![1]) * 1024;

async function measure(file: string, mmap: boolean): Promise<void> {
  torch.ones([1024]).sum().item();
  const before = residentMemory();
  const loaded = await loadSafetensors(file, { mmap });
  const afterLoad = residentMemory() - before;
  for (const tensor of loaded.values()) tensor.sum().item();
  printResult({ loaded: afterLoad, read: residentMemory() - before });
}

async function measureBoth(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'continual-torch-'));
  try {
    const file = path.join(folder, 'large.safetensors');
    const made = Array.from({ length: tensors }, (_, i) => [`t${i}`, torch.rand([(megabytes * 1e6) / 4 / tensors])] as const);
    await saveSafetensors(new Map(made), file);
    const added = ['true', 'false'].map((mmap) => {
      const child = spawnSync(process.execPath, [__filename, file, mmap], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      return (JSON.parse(child.stdout) as { read: number }).read / 1e6;
    });
    printResult({ fileMegabytes: megabytes, addedMegabytes: Math.max(...added) });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [file, mmap] = process.argv.slice(2);
runProgram(() => (file === undefined ? measureBoth() : measure(file, mmap === 'true')));
