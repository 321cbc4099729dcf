import { z } from 'zod';
import { FileBytes } from '../data/file-bytes';
import { checkZipRecords, readZipRecords, type ZipRecord } from '../data/zip-archive';
import { ContinualTorchError, quoteName } from '../errors';
import { job, native } from '../native/binding';
import { boolean, deviceName, parseOptions } from '../options';
import { getDefaultDevice } from '../tensor/default-device';
import { Tensor } from '../tensor/tensor';
import { requirePath, writeAside } from '../write-aside';
import { pickle, type Picklable } from './pickler';
import type { LoadOptions } from './safetensors';
import { StoredBytes } from './stored-tensors';
import { PickledStorage, StorageClass, torchGlobal } from './torch-globals';
import { PickledGlobal, unpickle } from './unpickler';

/**
 * What a file of `torch.save` holds: dicts as Maps, tuples as arrays, None as null, dtypes and devices by their names.
 */
export type Loaded = Tensor | Map<Loaded, Loaded> | Loaded[] | string | number | bigint | boolean | null;

const schema = z.object({ device: deviceName.optional(), mmap: boolean.default(false) });

/** A pickle of this size has some millions of tensors. */
const maxPickleLength = 2 ** 28;
/** Nesting that callers can follow with functions that call themselves. */
const maxDepth = 1000;
/** Storages lie at multiples of 64 in what PyTorch writes; complex128 needs 16. */
const storageAlignment = 16;

/**
 * Reads a file that `torch.save` wrote (PyTorch 1.6 or later), as `torch.load(path, weights_only=True)` does: tensors,
 * and dicts, lists, tuples, strings, numbers, booleans and None around them, so state dicts, the state of optimizers
 * and whole checkpoints. No code of the file is run: it may name the classes and functions that tensors need, and any
 * other global is refused by its name. Tensors that share memory share it here too; a Parameter becomes a tensor that
 * requires gradients. Python attributes (`_metadata` of a state dict) are left out.
 *
 * All that is read is checked against the CRC-32 in the file. With `mmap: true` a file of 1 MiB or more is mapped
 * instead: pages come from the disk when they are first used, are not checked, and writing to a tensor never reaches
 * the file; nobody may shorten the file meanwhile.
 *
 * ```ts
 * const checkpoint = (await torch.load('checkpoint.pt')) as Map<string, Loaded>;
 * ```
 * @param source a file name, or the bytes of a file, which are copied
 * @param options `device` for all tensors, default `getDefaultDevice()`; `mmap`, default false
 * @throws ERR_UNSAFE_GLOBAL; ERR_TORCH_FILE_FORMAT for a file of another kind, cut short or damaged;
 * ERR_DATA_NOT_FOUND; ERR_DEVICE; ERR_UNKNOWN_OPTION, ERR_INVALID_ARG_TYPE
 */
export async function load(source: string | Uint8Array, options?: LoadOptions): Promise<Loaded> {
  const { device = getDefaultDevice(), mmap } = parseOptions('torch.load', schema, options);
  native.checkDevice(device);
  const bytes = await FileBytes.open('torch.load', source, mmap);
  const damaged = (detail: string) =>
    new ContinualTorchError(
      'ERR_TORCH_FILE_FORMAT',
      `torch.load: expected a file of torch.save, ${bytes.name}: ${detail}`,
    );
  const storages = new Storages(bytes, device);
  try {
    checkKind(bytes, damaged);
    storages.records = await recordsOf(bytes, damaged);
    return read(bytes, storages, damaged);
  } finally {
    storages.close();
    bytes.close();
  }
}

/**
 * Writes what `torch.load(path, weights_only=True)` reads: tensors, and Maps, plain objects, arrays, strings, numbers,
 * booleans and null around them. A Map becomes an OrderedDict (a state dict is one), an object a dict, an array a list,
 * an integer an int and any other number a float. Tensors of any device are written as CPU tensors. Those that overlap
 * in memory are written once and overlap again after loading; of a larger storage only what they reach is written.
 * Written aside and renamed, so that a file which was there is replaced whole or not at all.
 * @throws ERR_WEIGHTS_SAVE; ERR_INVALID_ARG_TYPE naming the place of a value of another type; ERR_INVALID_ARG_VALUE for
 * a value that contains itself, and for sparse and quantized tensors
 */
export async function save(value: Picklable, path: string): Promise<void> {
  requirePath('torch.save', path);
  const { pickled, records } = pickle(value);
  const all = [['data.pkl', pickled] as const, ['byteorder', Buffer.from('little')] as const, ...records];
  await writeAside('torch.save', path, 'ERR_WEIGHTS_SAVE', (aside) => job(native.writeZip(aside, all)));
}

type Damaged = (detail: string) => ContinualTorchError;

/** What is no zip archive, but something that a user of PyTorch may well have. */
function checkKind(bytes: FileBytes, damaged: Damaged): void {
  const head = bytes.read(0, Math.min(bytes.length, 9));
  if (head.length === 0) throw damaged('it is empty');
  if (head[0] === 0x50 && head[1] === 0x4b) return;
  if (head[0] === 0x80 && head[1]! <= 5) {
    throw damaged(
      'it is a bare pickle, as torch.save wrote before PyTorch 1.6 (or pickle.dump): load it in Python and save it again',
    );
  }
  if (head[8] === 0x7b) throw damaged('it looks like safetensors, which loadSafetensors reads');
  throw damaged('it is no zip archive');
}

async function recordsOf(bytes: FileBytes, damaged: Damaged): Promise<Map<string, ZipRecord>> {
  const records = await readZipRecords(bytes, damaged);
  const roots = [...records.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name)).map((name) => name.slice(0, -8));
  if (roots.length !== 1) throw damaged(`it holds ${roots.length} records "data.pkl", expected one`);
  const root = roots[0]!;
  if (records.has(`${root}constants.pkl`)) throw damaged('it is a TorchScript file, which jit.load reads');
  const ours = new Map([...records].filter(([name]) => name.startsWith(root)));
  for (const [name, { isCompressed }] of ours) {
    if (isCompressed) throw damaged(`${quoteName(name)} is compressed, torch.save stores records as they are`);
  }
  const mapped = (name: string) => bytes.isMapped && name.startsWith(`${root}data/`);
  await checkZipRecords(bytes, new Map([...ours].filter(([name]) => !mapped(name))), damaged);
  return new Map([...ours].map(([name, record]) => [name.slice(root.length), record]));
}

function read(bytes: FileBytes, storages: Storages, damaged: Damaged): Loaded {
  const { records } = storages;
  const text = (name: string) => {
    const record = records.get(name);
    return record && bytes.read(record.offset, Math.min(record.length, 20)).toString('latin1').trim();
  };
  const version = text('version');
  if (version === undefined || !/^([1-9]|10)$/.test(version))
    throw damaged(`format version ${version ?? 'none'}, expected 1 to 10`);
  const byteOrder = text('byteorder') ?? 'little';
  if (byteOrder !== 'little') throw damaged(`byte order ${quoteName(byteOrder)}, expected "little"`);
  const { offset, length } = records.get('data.pkl')!;
  if (length > maxPickleLength) throw damaged(`data.pkl has ${length} bytes, expected at most ${maxPickleLength}`);
  try {
    const value = unpickle(bytes.read(offset, length), {
      global: (name) => torchGlobal(name, bytes.name),
      persistent: (id) => storages.get(id),
    });
    requireData(value, maxDepth, new Map());
    return value as Loaded;
  } catch (error) {
    if (error instanceof ContinualTorchError) throw error;
    throw damaged((error as Error).message);
  }
}

/** The storages of one file, each once. */
class Storages {
  records: ReadonlyMap<string, ZipRecord> = new Map();
  private readonly known = new Map<string, StoredBytes>();

  constructor(
    private readonly bytes: FileBytes,
    private readonly device: string,
  ) {}

  /** @param id ('storage', class, key, location, number of elements) */
  get(id: unknown): PickledStorage {
    if (!Array.isArray(id) || id.length !== 5 || id[0] !== 'storage')
      throw new Error('refers to something other than a storage');
    const [, type, key, , count] = id as unknown[];
    if (!(type instanceof StorageClass) || typeof key !== 'string') throw new Error('a storage without class or key');
    const record = this.records.get(`data/${key}`);
    if (!record) throw new Error(`there is no record for storage ${quoteName(key)}`);
    const expected = Number(count) * native.dtypeSize(type.dtype);
    if (!Number.isSafeInteger(count) || record.length !== expected) {
      throw new Error(`storage ${quoteName(key)} has ${record.length} bytes, expected ${expected}`);
    }
    let stored = this.known.get(key);
    if (!stored) {
      stored = new StoredBytes(this.bytes, record.offset, record.length, storageAlignment, this.device);
      this.known.set(key, stored);
    }
    return new PickledStorage(stored, type.dtype);
  }

  close(): void {
    for (const stored of this.known.values()) stored.close();
  }
}

/**
 * Refuses classes, functions and storages that are no part of a tensor, and what is nested too deeply or in itself.
 * @returns how deep the value is
 */
function requireData(value: unknown, depthLeft: number, known: Map<object, number>): number {
  if (typeof value !== 'object' || value === null || value instanceof Tensor) return 0;
  if (value instanceof PickledGlobal) throw new Error(`holds ${value.name} itself, expected tensors and plain data`);
  if (value instanceof PickledStorage || value instanceof StorageClass)
    throw new Error('holds a storage that is no tensor');
  const depth = known.get(value);
  if (depth !== undefined && depth <= depthLeft) return depth;
  if (depth !== undefined || depthLeft === 0) throw new Error(`is nested more than ${maxDepth} deep, or in itself`);
  known.set(value, Infinity);
  let deepest = 0;
  const look = (item: unknown) => {
    deepest = Math.max(deepest, 1 + requireData(item, depthLeft - 1, known));
  };
  if (Array.isArray(value)) value.forEach(look);
  else {
    for (const [key, item] of value as Map<unknown, unknown>) {
      look(key);
      look(item);
    }
  }
  known.set(value, deepest);
  return deepest;
}
