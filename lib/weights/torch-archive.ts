import { promisify } from 'node:util';
import { inflateRaw } from 'node:zlib';
import { FileBytes } from '../data/file-bytes';
import { checkZipRecords, readZipRecords, type ZipRecord } from '../data/zip-archive';
import { quoteName } from '../errors';
import { inTurns } from '../latency';
import { type StoragePlace, storageSizes } from './pickled-storages';

type Damaged = (detail: string, cause?: unknown) => Error;

/** A pickle of this size has some millions of tensors. */
export const maxPickleLength = 2 ** 28;
/** One byte of deflated data stands for no more. */
const maxDeflation = 1032;

/** The pickle of a file of PyTorch 1.6 or later, and its storages by key. */
export interface TorchArchive {
  pickle: Buffer;
  places: Map<string, StoragePlace>;
  /** Rejects where a checksum is wrong: it is computed while what is read is built. */
  checked: Promise<void>;
}

/** @throws what `damaged` makes of the detail for what is no archive of `torch.save` */
export async function readTorchArchive(bytes: FileBytes, damaged: Damaged): Promise<TorchArchive> {
  const { records, checked } = await ownRecords(bytes, damaged);
  const text = async (name: string) =>
    (await contentOf(bytes, name, records.get(name), 64, damaged))?.toString('latin1').trim();
  const version = (await text('.data/version')) ?? (await text('version'));
  if (version === undefined || !/^([1-9]|10)$/.test(version))
    throw damaged(`format version ${version ?? 'none'}, expected 1 to 10`);
  const byteOrder = (await text('byteorder')) ?? 'little';
  if (byteOrder !== 'little') throw damaged(`byte order ${quoteName(byteOrder)}, expected "little"`);
  const pickle = (await contentOf(bytes, 'data.pkl', records.get('data.pkl'), maxPickleLength, damaged))!;
  const storages = new Map(
    [...records]
      .filter(([name]) => name.startsWith(folder))
      .map(([name, record]) => [name.slice(folder.length), record]),
  );
  return { pickle, places: await placesOf(bytes, storages, pickle, damaged), checked };
}

/** Of the storages. */
const folder = 'data/';

/** The records below the folder of the file, by their names in it; those that are not compressed are being checked. */
async function ownRecords(
  bytes: FileBytes,
  damaged: Damaged,
): Promise<{ records: Map<string, ZipRecord>; checked: Promise<void> }> {
  const records = await readZipRecords(bytes, damaged);
  const roots = [...records.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name)).map((name) => name.slice(0, -8));
  if (roots.length !== 1) throw damaged(`it holds ${roots.length} records "data.pkl", expected one`);
  const root = roots[0]!;
  if (records.has(`${root}constants.pkl`)) throw damaged('it is a TorchScript file, which jit.load reads');
  const ours = [...records].filter(([name]) => name.startsWith(root));
  const mapped = (name: string) => bytes.isMapped && name.startsWith(root + folder);
  const checked = checkZipRecords(bytes, new Map(ours.filter(([name]) => !mapped(name))), damaged);
  checked.catch(() => {}); // Whoever reads the archive awaits it.
  return { records: new Map(ours.map(([name, record]) => [name.slice(root.length), record])), checked };
}

async function contentOf(
  bytes: FileBytes,
  name: string,
  record: ZipRecord | undefined,
  most: number,
  damaged: Damaged,
): Promise<Buffer | undefined> {
  if (record === undefined) return undefined;
  if (record.unpackedLength > most)
    throw damaged(`${name} has ${record.unpackedLength} bytes, expected at most ${most}`);
  const place = record.isCompressed ? await unpacked(bytes, name, record, damaged) : placeIn(bytes, record);
  return place.bytes.read(place.offset, place.length);
}

/** Of compressed storages those that the pickle refers to, each of the size that it says: nothing else is unpacked. */
async function placesOf(
  bytes: FileBytes,
  storages: ReadonlyMap<string, ZipRecord>,
  pickle: Buffer,
  damaged: Damaged,
): Promise<Map<string, StoragePlace>> {
  const places = new Map<string, StoragePlace>();
  const isPacked = [...storages.values()].some(({ isCompressed }) => isCompressed);
  const sizes = isPacked ? (await inTurns(storageSizes(pickle, bytes.name))).sizes : undefined;
  for (const [key, record] of storages) {
    const expected = sizes?.get(key)?.length ?? 0;
    if (record.isCompressed && expected !== record.unpackedLength) {
      if (expected === 0) continue;
      throw damaged(`storage ${quoteName(key)} has ${record.unpackedLength} bytes, expected ${expected}`);
    }
    places.set(key, record.isCompressed ? await unpacked(bytes, folder + key, record, damaged) : placeIn(bytes, record));
  }
  return places;
}

const placeIn = (bytes: FileBytes, { offset, length }: ZipRecord): StoragePlace => ({ bytes, offset, length });

const inflate = promisify(inflateRaw);

/** Never more than the record is said to unpack to, which deflated data of its length must be able to. */
async function unpacked(bytes: FileBytes, name: string, record: ZipRecord, damaged: Damaged): Promise<StoragePlace> {
  const { offset, length, unpackedLength } = record;
  const wrong = (cause?: unknown) =>
    damaged(`${quoteName(name)} does not unpack to the ${unpackedLength} bytes that it is said to have`, cause);
  if (unpackedLength > maxDeflation * (length + 1)) throw wrong();
  let content: Buffer;
  try {
    content = await inflate(bytes.read(offset, length), { maxOutputLength: Math.max(1, unpackedLength) });
  } catch (error) {
    throw wrong(error);
  }
  if (content.length !== unpackedLength) throw wrong();
  const file = FileBytes.of(content);
  await checkZipRecords(
    file,
    new Map([[name, { ...record, offset: 0, length: unpackedLength, isCompressed: false }]]),
    damaged,
  );
  return { bytes: file, offset: 0, length: unpackedLength };
}
