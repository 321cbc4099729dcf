// Safetensors files with something changed in them.
import { readFile, writeFile } from 'node:fs/promises';

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [begin: number, end: number];
}

export interface SafetensorsFile {
  header: Record<string, Entry>;
  data: Buffer;
}

export async function editSafetensors(file: string, edit: (content: SafetensorsFile) => void): Promise<void> {
  const bytes = await readFile(file);
  const headerEnd = 8 + Number(bytes.readBigUInt64LE(0));
  const content: SafetensorsFile = {
    header: JSON.parse(bytes.toString('utf8', 8, headerEnd)) as Record<string, Entry>,
    data: Buffer.from(bytes.subarray(headerEnd)),
  };
  edit(content);
  const header = Buffer.from(JSON.stringify(withoutHoles(content)));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(file, Buffer.concat([length, header, content.data]));
}

/** Moves the data of the entries that are left together; an entry that was taken out leaves a hole. */
function withoutHoles(content: SafetensorsFile): Record<string, Entry> {
  const pieces: Buffer[] = [];
  let end = 0;
  const move = ({ data_offsets: [from, to], ...entry }: Entry): Entry => {
    pieces.push(content.data.subarray(from, to));
    return { ...entry, data_offsets: [end, (end += to - from)] };
  };
  const header = Object.entries(content.header).map(([name, entry]) => [
    name,
    name === '__metadata__' ? entry : move(entry),
  ]);
  content.data = Buffer.concat(pieces);
  return Object.fromEntries(header) as Record<string, Entry>;
}
