import { fromRandomAccessReaderPromise, RandomAccessReader } from 'yauzl';
import { quoteName } from '../errors';
import type { FileBytes } from './file-bytes';

/** A record of an archive: where its bytes lie. */
export interface ZipRecord {
  offset: number;
  /** Bytes in the archive. */
  length: number;
  /** Bytes that compressed ones stand for; otherwise `length`. */
  unpackedLength: number;
  isCompressed: boolean;
  /** Of the unpacked bytes; 0 where the writer left it out. */
  crc32: number;
}

/** More would be no archive of tensors, but one that fills the memory. */
const maxRecords = 1_000_000;

/**
 * The records of a zip archive by name: stored, or deflated (which PyTorch does with code alone). Nothing is unpacked.
 * @param damaged makes the error to throw of a detail: what is no zip archive or is cut short; records that are
 * encrypted, overlap, have the name of another, or one that leaves the archive (absolute, `..`)
 */
export async function readZipRecords(
  bytes: FileBytes,
  damaged: (detail: string) => Error,
): Promise<Map<string, ZipRecord>> {
  const records = new Map<string, ZipRecord>();
  const spans: { begin: number; end: number; name: string }[] = [];
  let directoryLength = 22;
  try {
    const reader = new FileBytesReader(bytes);
    const zip = await fromRandomAccessReaderPromise(reader, bytes.length, { strictFileNames: true });
    if (zip.entryCount > maxRecords) throw new Error(`${zip.entryCount} records, more than ${maxRecords}`);
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName;
      if (entry.isEncrypted()) throw new Error(`${quoteName(name)} is encrypted`);
      const isCompressed = entry.compressionMethod === 8;
      if (!isCompressed && entry.compressionMethod !== 0)
        throw new Error(`${quoteName(name)} is compressed in an unknown way`);
      if (records.has(name)) throw new Error(`two records are named ${quoteName(name)}`);
      const header = await zip.readLocalFileHeaderPromise(entry);
      if (!header.fileName.equals(entry.fileNameRaw))
        throw new Error(`${quoteName(name)} has another name before its data`);
      const { fileDataStart: offset } = header;
      const { compressedSize: length, uncompressedSize: unpackedLength, crc32 } = entry;
      records.set(name, { offset, length, unpackedLength, isCompressed, crc32 });
      spans.push({ begin: entry.relativeOffsetOfLocalHeader, end: offset + length, name });
      directoryLength += 46 + entry.fileNameRaw.length + entry.extraFieldRaw.length + entry.fileCommentRaw.length;
    }
  } catch (error) {
    throw damaged((error as Error).message);
  }
  let free = 0;
  for (const { begin, end, name } of spans.sort((a, b) => a.begin - b.begin)) {
    if (begin < free) throw damaged(`the data of ${quoteName(name)} overlaps that of another record`);
    if (end > bytes.length - directoryLength) throw damaged(`the data of ${quoteName(name)} overlaps the directory`);
    free = end;
  }
  return records;
}

/**
 * Compares stored records (not compressed ones) with their CRC-32.
 * @throws what `damaged` makes of the first that differs
 */
export async function checkZipRecords(
  bytes: FileBytes,
  records: ReadonlyMap<string, ZipRecord>,
  damaged: (detail: string) => Error,
): Promise<void> {
  const known = [...records].filter(([, record]) => record.crc32 !== 0 && !record.isCompressed);
  const sums = await bytes.crc32(known.map(([, { offset, length }]) => [offset, length]));
  const wrong = known.find(([, record], i) => record.crc32 !== sums[i]);
  if (wrong) throw damaged(`${quoteName(wrong[0])} does not have the CRC-32 that was written with it`);
}

/** yauzl's door to the bytes: they are at hand, so nothing is streamed. */
class FileBytesReader extends RandomAccessReader {
  private reads = 0;

  constructor(private readonly bytes: FileBytes) {
    super();
  }

  override _readStreamForRange(): never {
    throw new Error('streams are not used');
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    const isThere = position >= 0 && position + length <= this.bytes.length;
    if (isThere) this.bytes.copy(position, buffer.subarray(offset, offset + length));
    // Called at once it would recurse; the event loop gets its turn now and then.
    const soon = ++this.reads % 256 === 0 ? setImmediate : process.nextTick;
    soon(callback, isThere ? null : new Error('it is cut short'));
  }
}
