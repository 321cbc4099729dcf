/**
 * Opens every file of torch.save below a folder here and in Python (weights_only): what is in it, bit for bit, and the time;
 * then whether Python reads the same from what is saved again.
 *
 *     npx tsx bench/torch-files.ts FOLDER        PYTHON names the Python, default python3
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Complex, type Loaded, ops, type Picklable, Tensor, torch } from 'continual-torch';
import { median } from './workloads/workload';

type Value = readonly (string | number | readonly number[])[];
type Outcome = { values: Value[]; ms: number } | { refused: string };

const loads = 15;
const endings = /\.(pt|pth|bin|ckpt|jit|tar)$/;

function inPython(files: readonly string[]): Record<string, Outcome> {
  if (files.length === 0) return {};
  const program = path.join(__dirname, 'peers', 'load_torch_files.py');
  const output = execFileSync(process.env.PYTHON ?? 'python3', [program, ...files], {
    maxBuffer: 2 ** 30,
    encoding: 'utf8',
  });
  return JSON.parse(output) as Record<string, Outcome>;
}

/** The dense tensors that a tensor is made of; null for a dense one. */
function denseParts(tensor: Tensor): Tensor[] | null {
  const call = (...names: string[]) => names.map((name) => ops.aten[name]!(tensor) as Tensor);
  if (tensor.device === 'meta') return [];
  if (/^qu?int/.test(tensor.dtype)) return call('int_repr', 'dequantize');
  if (tensor.layout === 'sparseCoo') return call('_indices', '_values');
  if (/^sparse.sr$/.test(tensor.layout)) return call('crow_indices', 'col_indices', 'values');
  if (/^sparse.sc$/.test(tensor.layout)) return call('ccol_indices', 'row_indices', 'values');
  return isNested(tensor) ? (ops.aten.unbind!(tensor) as Tensor[]) : null;
}

/** A nested tensor has no shape. */
function isNested(tensor: Tensor): boolean {
  try {
    return tensor.shape.length < 0;
  } catch {
    return true;
  }
}

/** What load_torch_files.py prints of a value. */
function walk(value: Loaded, at: string, values: Value[]): void {
  if (value instanceof Tensor) {
    const parts = denseParts(value.detach());
    if (parts) {
      values.push([at, 'parts', parts.length]);
      return parts.forEach((part, i) => walk(part, `${at}/${i}`, values));
    }
    const flat = value.detach().contiguous().reshape([-1]);
    const bits =
      flat.numel() === 0 ? new Uint8Array() : (ops.aten['view.dtype']!(flat, 'uint8') as Tensor).toTypedArray();
    values.push([at, 'tensor', value.dtype, value.shape, createHash('sha256').update(bits).digest('hex')]);
  } else if (value instanceof Map) {
    values.push([at, 'dict', value.size]);
    [...value].forEach(([key, item], i) => {
      walk(key, `${at}/${i}/key`, values);
      walk(item, `${at}/${i}`, values);
    });
  } else if (Array.isArray(value) || value instanceof Set) {
    const items = [...value];
    values.push([at, 'list', items.length]);
    items.forEach((item, i) => walk(item, `${at}/${i}`, values));
  } else if (typeof value === 'boolean') values.push([at, value ? 'True' : 'False']);
  else if (value === null) values.push([at, 'None']);
  else if (typeof value === 'number') values.push([at, 'number', Number.isNaN(value) ? 'nan' : value]);
  else if (typeof value === 'bigint') values.push([at, 'number', 'large']);
  else if (value instanceof Uint8Array) values.push([at, 'bytes', Buffer.from(value).toString('hex')]);
  else values.push([at, 'text', value instanceof Complex ? value.toString() : value]);
}

/** The first value that differs. */
function difference(ours: readonly Value[], theirs: readonly Value[]): string | null {
  const same = (a: Value, b: Value) =>
    a[1] === 'number' && typeof a[2] === 'number'
      ? b[1] === 'number' && Object.is(a[2], toNumber(b[2] as string))
      : JSON.stringify(a) === JSON.stringify(b);
  if (ours.length !== theirs.length) return `${ours.length} values instead of ${theirs.length}`;
  const wrong = ours.findIndex((value, i) => !same(value, theirs[i]!));
  return wrong < 0 ? null : `${JSON.stringify(ours[wrong])} instead of ${JSON.stringify(theirs[wrong])}`;
}

const toNumber = (text: string) => Number(text.replace('inf', 'Infinity'));

/** As Python does where nothing refers to a value any more. */
function dispose(value: Loaded): void {
  if (value instanceof Tensor) value.dispose();
  else if (value instanceof Map || Array.isArray(value)) for (const item of value.values()) dispose(item);
}

async function milliseconds(file: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < loads; i++) {
    const start = performance.now();
    const value = await torch.load(file);
    times.push(performance.now() - start);
    dispose(value);
  }
  return median(times);
}

/** Code that has just been loaded is not compiled yet. */
async function warmUp(folder: string): Promise<void> {
  const file = path.join(folder, 'warm-up.pt');
  await torch.save(new Map([...'abcdefgh'].map((name) => [name, torch.zeros([100, 100])])), file);
  for (let i = 0; i < 100; i++) dispose(await torch.load(file));
}

async function main(folder: string): Promise<void> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => endings.test(file))
    .sort();
  const saved = mkdtempSync(path.join(os.tmpdir(), 'torch-files-'));
  await warmUp(saved);
  const theirs = inPython(files.map((file) => path.join(folder, file)));
  const again = new Map<string, string>();
  let failures = 0;
  for (const file of files) {
    const python = theirs[path.join(folder, file)]!;
    let line: string;
    try {
      const value = await torch.load(path.join(folder, file));
      const values: Value[] = [];
      walk(value, '', values);
      const wrong = 'refused' in python ? 'Python refuses it' : difference(values, python.values);
      if (wrong !== null) failures++;
      again.set(file, path.join(saved, `${again.size}.pt`));
      await torch.save(value as Picklable, again.get(file)!);
      const [ours, peer] = [await milliseconds(path.join(folder, file)), 'ms' in python ? python.ms : NaN];
      line = `${wrong ?? 'the same'}, ${ours.toFixed(2)} ms, Python ${peer.toFixed(2)} ms, ratio ${(ours / peer).toFixed(2)}`;
    } catch (error) {
      if (!('refused' in python)) failures++;
      line = `${'refused' in python ? 'refused by both' : 'REFUSED HERE ALONE'}: ${(error as Error).message}`;
    }
    console.log(`${file}: ${line}`);
  }
  const reopened = inPython([...again.values()]);
  for (const [file, copy] of again) {
    const [first, second] = [theirs[path.join(folder, file)]!, reopened[copy]!];
    const same = 'values' in first && 'values' in second && difference(second.values, first.values) === null;
    if (!same)
      console.log(
        `${file}: Python reads something else from what was saved again: ${JSON.stringify(second).slice(0, 200)}`,
      );
    if (!same) failures++;
  }
  console.log(`${again.size} of ${files.length} files opened and were saved again, ${failures} failures`);
  rmSync(saved, { recursive: true });
  if (failures > 0) process.exitCode = 1;
}

void main(path.resolve(process.argv[2] ?? '.'));
