import type { FileBytes } from '../data/file-bytes';
import { describeValue, quoteName } from '../errors';
import type { Work } from '../latency';
import { type StoragePlace, type StorageSize, storageSizes } from './pickled-storages';
import { maxPickleLength, type TorchArchive } from './torch-archive';
import { PickleCutShort, UnknownInstruction, unpickle } from './unpickler';

/** What the first pickle of a file holds, and the second. */
const magicNumber = 0x1950a86a20f9469cfc6cn;
const protocolVersion = 1001;

/** Most pickles are smaller; of a larger one more is read. */
const firstRead = 2 ** 18;

/** Storages that are placed between two turns of the event loop. */
const portion = 2 ** 12;

/** Of the number of elements before a storage. */
const countLength = 8;

const plain = {
  global: (name: string): never => {
    throw new Error(`has the global ${quoteName(name)} outside of its object`);
  },
  persistent: (): never => {
    throw new Error('refers to a storage outside of its object');
  },
  call: (): never => {
    throw new Error('calls a function outside of its object');
  },
  build: (): never => {
    throw new Error('sets attributes outside of its object');
  },
};

/**
 * A file of `torch.save` before PyTorch 1.6: pickles of a magic number, of the version, of facts about the machine (which
 * PyTorch does not look at either: numbers are little-endian whatever they say), of the object, and of the keys of its
 * storages; behind them the storages in the order of the keys, each as its number of elements (int64) and the elements.
 * @throws Error with the detail, ERR_UNSAFE_GLOBAL
 */
export function* readLegacyFile(bytes: FileBytes): Work<TorchArchive> {
  let at = 0;
  const next = function* (name: string): Work<unknown> {
    const { value, length } = yield* wholePickle(bytes, at, (head) => unpickle(head, plain, name));
    at += length;
    return value;
  };
  if ((yield* firstValue(next('the first pickle'))) !== magicNumber)
    throw new Error('it is a bare pickle (pickle.dump), which torch.load refuses in Python too');
  const version = yield* next('the second pickle');
  if (version !== protocolVersion) throw new Error(`protocol version ${describeValue(version)}, expected ${protocolVersion}`);
  yield* next('the third pickle');
  const object = yield* wholePickle(bytes, at, (head) => storageSizes(head, bytes.name, 'its pickle'));
  const pickle = bytes.read(at, object.length);
  at += object.length;
  const keys = yield* next('the list of storages');
  // Most storages lie as their elements need then, and need not be copied.
  const moved = bytes.align(at, countLength);
  const places = yield* placesOf(bytes, at - moved, bytes.length - moved, requireKeys(keys), object.sizes);
  return { pickle, places, checked: Promise.resolve() };
}

/** A pickle that is no number may well be of another protocol. */
function* firstValue(reading: Work<unknown>): Work<unknown> {
  try {
    return yield* reading;
  } catch (error) {
    if (error instanceof UnknownInstruction) return undefined;
    throw error;
  }
}

/** Reads as much as a pickle needs, of which only reading it tells the length. */
function* wholePickle<T>(bytes: FileBytes, at: number, read: (head: Buffer) => Work<T>): Work<T> {
  for (let length = firstRead; ; length *= 8) {
    const there = Math.min(bytes.length - at, maxPickleLength);
    try {
      return yield* read(bytes.read(at, Math.min(length, there)));
    } catch (error) {
      if (!(error instanceof PickleCutShort) || length >= there) throw error;
    }
  }
}

function requireKeys(keys: unknown): string[] {
  if (!Array.isArray(keys) || !keys.every((key) => typeof key === 'string'))
    throw new Error('the list of storages is none');
  return keys;
}

function* placesOf(
  bytes: FileBytes,
  begin: number,
  end: number,
  keys: readonly string[],
  sizes: ReadonlyMap<string, StorageSize>,
): Work<Map<string, StoragePlace>> {
  const places = new Map<string, StoragePlace>();
  let at = begin;
  for (const key of keys) {
    const size = sizes.get(key);
    if (size === undefined) throw new Error(`the list of storages has ${quoteName(key)}, which nothing refers to`);
    if (places.has(key)) throw new Error(`the list of storages has ${quoteName(key)} twice`);
    const { count, length, alignment } = size;
    if (length > end - at - countLength)
      throw new Error(`it is cut short: storage ${quoteName(key)} needs ${length} bytes`);
    const found = bytes.read(at, countLength).readBigInt64LE();
    if (found !== BigInt(count)) throw new Error(`storage ${quoteName(key)} has ${found} elements, expected ${count}`);
    places.set(key, { bytes, offset: at + countLength, length, alignment });
    at += countLength + length;
    if (places.size % portion === 0) yield;
  }
  return places;
}
