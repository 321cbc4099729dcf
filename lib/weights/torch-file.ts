import { z } from 'zod';
import { FileBytes } from '../data/file-bytes';
import { atDoor, type Door } from '../data/file-kind';
import { ContinualTorchError, describeValue } from '../errors';
import { inTurns, type Work } from '../latency';
import { job, native } from '../native/binding';
import { boolean, deviceName, parseOptions } from '../options';
import { getDefaultDevice } from '../tensor/default-device';
import { requirePath, writeAside } from '../write-aside';
import { inPlaceOfStateDict } from '../wrong-argument';
import { readLegacyFile } from './legacy-file';
import { type Loaded, loadedValue } from './loaded-values';
import { LoadingFile } from './loading-file';
import { Storages } from './pickled-storages';
import { pickle, type Picklable } from './pickler';
import { buildTensor } from './rebuild-dense';
import type { LoadOptions } from './safetensors';
import { readTorchArchive, type TorchArchive } from './torch-archive';
import { callTorchGlobal, torchGlobal } from './torch-globals';
import { unpickle } from './unpickler';

export type { Loaded } from './loaded-values';

const schema = z.object({ device: deviceName.optional(), mmap: boolean.default(false) });

const door: Door = {
  operation: 'torch.load',
  expected: 'a file of torch.save',
  opens: ['torchSave', 'legacyTorchSave', 'pickle'],
  codes: ['ERR_TORCH_FILE_FORMAT'],
};

/**
 * Reads a file that `torch.save` wrote (also before PyTorch 1.6), as `torch.load(path, weights_only=True)` does: tensors
 * (also sparse, quantized, nested and meta ones), and dicts, lists, tuples, sets, strings, bytes, numbers, booleans and
 * None around them, so state dicts, the state of optimizers and whole checkpoints. No code of the file is run: it may name
 * the classes and functions that tensors need, and any other global is refused by its name. Tensors that share memory share
 * it here too; a Parameter becomes a tensor that requires gradients, a storage a one-dimensional tensor of its elements.
 * Python attributes (`_metadata` of a state dict) are left out.
 *
 * All that is read is checked against the CRC-32 in the file; files from before 1.6 have none. With `mmap: true` a file of
 * 1 MiB or more is mapped instead: pages come from the disk when they are first used, are not checked, and writing to a
 * tensor never reaches the file; nobody may shorten the file meanwhile. Of a file from before 1.6 most storages are copied
 * then, for they are not aligned.
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
  const damaged = (detail: string, cause?: unknown) =>
    new ContinualTorchError(
      'ERR_TORCH_FILE_FORMAT',
      `torch.load: expected a file of torch.save, ${bytes.name}: ${detail}`,
      cause === undefined ? undefined : { cause },
    );
  const places = new Set([bytes]);
  try {
    checkKind(bytes, damaged);
    const isArchive = bytes.read(0, 1)[0] === 0x50;
    const archive = isArchive ? await readTorchArchive(bytes, damaged) : await inTurns(readLegacyFile(bytes));
    for (const place of archive.places.values()) places.add(place.bytes);
    try {
      return await inTurns(build(archive, new LoadingFile(bytes.name, device, bytes.length)));
    } finally {
      await archive.checked; // A wrong checksum says more than what came of it.
    }
  } catch (error) {
    const told = error instanceof ContinualTorchError ? error : damaged((error as Error).message, (error as Error).cause);
    throw await atDoor(door, told, bytes);
  } finally {
    for (const place of places) place.close();
  }
}

function* build({ pickle, places }: TorchArchive, file: LoadingFile): Work<Loaded> {
  const storages = new Storages(places, file);
  try {
    const { value } = yield* unpickle(pickle, {
      global: (name) => torchGlobal(name, file.name),
      persistent: (id) => storages.get(id),
      call: (callee, args, isNew) => callTorchGlobal(callee, args, isNew, file),
      build: (object, state) => buildTensor(object, state, file),
    });
    return yield* loadedValue(value);
  } finally {
    storages.close();
  }
}

/**
 * Writes what `torch.load(path, weights_only=True)` reads: tensors of any layout, and Maps, Sets, plain objects, arrays,
 * Uint8Arrays, strings, numbers, `Complex`, booleans and null around them. A Map becomes an OrderedDict (a state dict is
 * one), an object a dict, an array a list (as a key or in a Set a tuple), a Uint8Array bytes, an integer an int and any
 * other number a float. Tensors of any device are written as CPU tensors. Those that overlap in memory are written once
 * and overlap again after loading; of a larger storage only what they reach is written. Written aside and renamed, so that
 * a file which was there is replaced whole or not at all.
 * @throws ERR_WEIGHTS_SAVE; ERR_INVALID_ARG_TYPE naming the place of a value of another type; ERR_INVALID_ARG_VALUE for
 * a value that contains itself, and for tensors without storage (of MKL-DNN); ERR_UNSUPPORTED_DTYPE
 */
export async function save(value: Picklable, path: string): Promise<void> {
  requirePath('torch.save', path);
  const advice = inPlaceOfStateDict(value);
  if (advice !== '' && typeof value === 'object') {
    const message = `torch.save: expected tensors and plain data, got ${describeValue(value)}${advice}`;
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', message);
  }
  const { pickled, records } = pickle(value);
  const all = [['data.pkl', pickled] as const, ['byteorder', Buffer.from('little')] as const, ...records];
  await writeAside('torch.save', path, 'ERR_WEIGHTS_SAVE', (aside) => job(native.writeZip(aside, all)));
}

type Damaged = (detail: string) => ContinualTorchError;

/** A zip archive, or pickles. */
function checkKind(bytes: FileBytes, damaged: Damaged): void {
  const head = bytes.read(0, Math.min(bytes.length, 2));
  if (head.length === 0) throw damaged('it is empty');
  if ((head[0] === 0x50 && head[1] === 0x4b) || (head[0] === 0x80 && head[1]! <= 5)) return;
  throw damaged('it is no zip archive');
}
