// Zip archives of stored records, with whatever is to be wrong in them.

export interface ZipRecordSpec {
  name: string;
  data: Buffer;
  /** Default 0, which stands for a checksum that was left out. */
  crc32?: number;
  /** Compression method; default 0, stored. */
  method?: number;
  /** General purpose bits; bit 0 says encrypted. */
  flags?: number;
  /** Where the directory says that the record begins; default: where it does. */
  offset?: number;
  /** What the directory says of the length; default: what is there. */
  length?: number;
  /** What the data is said to unpack to; default: `length`. */
  unpackedLength?: number;
  /** What stands before the data; default: the name. */
  localName?: string;
  /** Checksum and sizes stand behind the data instead of before it, with a mark or without. */
  descriptor?: 'plain' | 'marked';
  /** Further fields of the directory's entry. */
  extra?: Buffer;
  /** External attributes; 0x10: a folder. */
  attributes?: number;
}

/** An archive of these records. */
export function zipFile(records: readonly ZipRecordSpec[], entryCount = records.length): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  for (const {
    name,
    data,
    crc32 = 0,
    method = 0,
    flags = 0,
    offset = position,
    length = data.length,
    unpackedLength = length,
    localName = name,
    descriptor,
    extra = Buffer.alloc(0),
    attributes = 0,
  } of records) {
    const bits = flags | (descriptor === undefined ? 0 : 8);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(bits, 6);
    local.writeUInt16LE(method, 8);
    const sizes = Buffer.alloc(12);
    [crc32, length, unpackedLength].forEach((value, i) => sizes.writeUInt32LE(value, 4 * i));
    if (descriptor === undefined) local.set(sizes, 14);
    local.writeUInt16LE(Buffer.byteLength(localName), 26);
    const mark = Buffer.from(descriptor === 'marked' ? [0x50, 0x4b, 7, 8] : []);
    const file = [local, Buffer.from(localName), data, ...(descriptor === undefined ? [] : [mark, sizes])];
    files.push(...file);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(bits, 8);
    entry.writeUInt16LE(method, 10);
    entry.set(sizes, 16);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt16LE(extra.length, 30);
    entry.writeUInt32LE(attributes, 38);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name), extra);
    position += file.reduce((sum, part) => sum + part.length, 0);
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entryCount, 8);
  end.writeUInt16LE(entryCount, 10);
  end.writeUInt32LE(entries.length, 12);
  end.writeUInt32LE(position, 16);
  return Buffer.concat([...files, entries, end]);
}

/** The records of an archive that is whole, as PyTorch writes it. */
export function zipRecords(archive: Buffer): { name: string; data: Buffer }[] {
  const end = archive.lastIndexOf(Buffer.of(0x50, 0x4b, 5, 6));
  const records: { name: string; data: Buffer }[] = [];
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => archive.readUInt16LE(at + field)) as [
      number,
      number,
      number,
    ];
    const local = archive.readUInt32LE(at + 42);
    const begin = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
    const data = Buffer.from(archive.subarray(begin, begin + archive.readUInt32LE(at + 24)));
    records.push({ name: archive.toString('utf8', at + 46, at + 46 + nameLength), data });
    at += 46 + nameLength + extraLength + commentLength;
  }
  return records;
}
