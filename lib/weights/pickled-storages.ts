import type { FileBytes } from '../data/file-bytes';
import { quoteName } from '../errors';
import type { Work } from '../latency';
import { native } from '../native/binding';
import type { LoadingFile } from './loading-file';
import { PickledStorage, StorageClass } from './rebuild-dense';
import { StoredBytes } from './stored-tensors';
import { torchGlobal } from './torch-globals';
import { unpickle } from './unpickler';

/** Storages of archives lie at multiples of 64 in what PyTorch writes; complex128 needs 16. */
export const widestElement = 16;

/** Where the bytes of a storage lie. */
export interface StoragePlace {
  bytes: FileBytes;
  offset: number;
  /** In bytes. */
  length: number;
  /** Bytes at a multiple of which it must lie, which is copied where it does not. Default: for elements of every dtype. */
  alignment?: number;
}

/** How a pickle refers to a storage; counts and offset are of elements. */
interface StorageId {
  type: StorageClass;
  key: string;
  count: number;
  /** A part of it that is a storage of its own, in files from before PyTorch 0.4. */
  view: { key: string; offset: number; count: number } | null;
}

/** @param id ('storage', class, key, location, count), in old files also None or (key, offset, count) of a part */
function storageIdOf(id: unknown): StorageId {
  if (!Array.isArray(id) || id.length < 5 || id.length > 6 || id[0] !== 'storage')
    throw new Error('refers to something other than a storage');
  const [, type, key, , count, view = null] = id as unknown[];
  if (!(type instanceof StorageClass) || typeof key !== 'string') throw new Error('a storage without class or key');
  const isCount = (n: unknown): n is number => Number.isSafeInteger(n) && (n as number) >= 0;
  if (!isCount(count)) throw new Error(`storage ${quoteName(key)} has a size that is none`);
  if (view === null) return { type, key, count, view };
  const [viewKey, offset, viewCount] = Array.isArray(view) ? (view as unknown[]) : [];
  if (typeof viewKey !== 'string' || !isCount(offset) || !isCount(viewCount) || offset + viewCount > count) {
    throw new Error(`storage ${quoteName(key)} has a part that is none`);
  }
  return { type, key, count, view: { key: viewKey, offset, count: viewCount } };
}

const bytesOf = ({ type, count }: { type: StorageClass; count: number }) => count * native.dtypeSize(type.dtype);

/** In elements of the class that is first named, and in bytes. */
export interface StorageSize {
  count: number;
  length: number;
  /** What the elements of all classes that are named for it need; those of bytes may have any dtype. */
  alignment: number;
}

/**
 * The size of each storage that a pickle refers to, and the length of the pickle: what must be known before anything can
 * be built of storages that are yet to be found. Calls are answered by an empty dict, which takes whatever is set in it.
 * @throws as `unpickle`
 */
export function* storageSizes(
  pickle: Buffer,
  file: string,
  name?: string,
): Work<{ sizes: Map<string, StorageSize>; length: number }> {
  const sizes = new Map<string, StorageSize>();
  const { length } = yield* unpickle(
    pickle,
    {
      global: (global) => torchGlobal(global, file),
      call: () => new Map(),
      build: () => {},
      persistent: (id) => {
        const storage = storageIdOf(id);
        const { count, key, type } = storage;
        const size = sizes.get(key) ?? { count, length: bytesOf(storage), alignment: 1 };
        const needed = type.dtype === 'uint8' ? widestElement : native.dtypeSize(type.dtype);
        sizes.set(key, { ...size, alignment: Math.max(size.alignment, needed) });
        return null;
      },
    },
    name,
  );
  return { sizes, length };
}

/** The storages of one file, each made once, when it is first referred to. */
export class Storages {
  private readonly known = new Map<string, StoredBytes>();

  constructor(
    private readonly places: ReadonlyMap<string, StoragePlace>,
    private readonly file: LoadingFile,
  ) {}

  /** @throws Error for an id that is none, and for one that the file has no storage for */
  get(id: unknown): PickledStorage {
    const { type, key, count, view } = storageIdOf(id);
    const place = this.places.get(key);
    if (!place) throw new Error(`there is no record for storage ${quoteName(key)}`);
    const expected = bytesOf({ type, count });
    if (place.length !== expected)
      throw new Error(`storage ${quoteName(key)} has ${place.length} bytes, expected ${expected}`);
    const whole = this.once(key, () =>
      StoredBytes.of(place.bytes, place.offset, place.length, place.alignment ?? widestElement, this.file.device),
    );
    if (view === null) return new PickledStorage(whole, type.dtype);
    const size = native.dtypeSize(type.dtype);
    const [offset, length] = [view.offset * size, view.count * size];
    const part = this.once(`${key} ${view.key} ${offset} ${length}`, () => whole.part(offset, length));
    return new PickledStorage(part, type.dtype);
  }

  /** Lets go of them; tensors keep what they need. */
  close(): void {
    for (const stored of this.known.values()) stored.close();
  }

  private once(key: string, make: () => StoredBytes): StoredBytes {
    const known = this.known.get(key) ?? make();
    this.known.set(key, known);
    return known;
  }
}
