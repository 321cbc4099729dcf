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
  const header = Buffer.from(JSON.stringify(content.header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(file, Buffer.concat([length, header, content.data]));
}
