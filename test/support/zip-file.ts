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
  } of records) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(flags, 6);
    local.writeUInt16LE(method, 8);
    local.writeUInt32LE(crc32, 14);
    local.writeUInt32LE(length, 18);
    local.writeUInt32LE(unpackedLength, 22);
    local.writeUInt16LE(Buffer.byteLength(localName), 26);
    files.push(local, Buffer.from(localName), data);
    const entry = Buffer.alloc(46);
    entry.writeUInt32LE(0x02014b50);
    entry.writeUInt16LE(flags, 8);
    entry.writeUInt16LE(method, 10);
    entry.writeUInt32LE(crc32, 16);
    entry.writeUInt32LE(length, 20);
    entry.writeUInt32LE(unpackedLength, 24);
    entry.writeUInt16LE(Buffer.byteLength(name), 28);
    entry.writeUInt32LE(offset, 42);
    directory.push(entry, Buffer.from(name));
    position += 30 + Buffer.byteLength(localName) + data.length;
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
