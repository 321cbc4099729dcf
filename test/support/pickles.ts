// Pickles and files of torch.save written by hand, as text of latin1.
import { zipFile, type ZipRecordSpec } from './zip-file';

export const int = (value: number): string => {
  const bytes = Buffer.alloc(5, 'J');
  bytes.writeInt32LE(value, 1);
  return bytes.toString('latin1');
};
export const float = (value: number): string => {
  const bytes = Buffer.alloc(9, 'G');
  bytes.writeDoubleBE(value, 1);
  return bytes.toString('latin1');
};
export const str = (text: string): string => {
  const bytes = Buffer.alloc(5, 'X');
  bytes.writeUInt32LE(Buffer.byteLength(text), 1);
  return bytes.toString('latin1') + Buffer.from(text).toString('latin1');
};
/** As Python 2 writes it. */
export const oldStr = (text: string): string => `U${String.fromCharCode(text.length)}${text}`;
export const bool = (value: boolean): string => (value ? '\x88' : '\x89');
export const tuple = (...items: string[]): string => `(${items.join('')}t`;
export const list = (...items: string[]): string => `](${items.join('')}e`;
export const ints = (...values: number[]): string => tuple(...values.map(int));
/** `"torch._utils._rebuild_tensor_v2"` and the like. */
export const global = (name: string): string =>
  `c${name.slice(0, name.lastIndexOf('.'))}\n${name.slice(name.lastIndexOf('.') + 1)}\n`;
export const call = (name: string, ...args: string[]): string => `${global(name)}${tuple(...args)}R`;

/** A storage by key, of a class like `"torch.FloatStorage"`. */
export const storage = (type: string, key: string, count: number, ...more: string[]): string =>
  `${tuple(str('storage'), global(type), str(key), str('cpu'), int(count), ...more)}Q`;

/** A tensor over all of a storage. */
export const tensorOver = (stored: string, shape: number[], stride: number[]): string =>
  call(
    'torch._utils._rebuild_tensor_v2',
    stored,
    int(0),
    ints(...shape),
    ints(...stride),
    bool(false),
    call('collections.OrderedDict'),
  );

const pickle = (body: string) => Buffer.from(`\x80\x02${body}.`, 'latin1');

/** An archive of torch.save around the body of a pickle. */
export const archive = (
  body: string,
  storages: Readonly<Record<string, Buffer>> = {},
  more: ZipRecordSpec[] = [],
): Buffer =>
  zipFile([
    { name: 'x/data.pkl', data: pickle(body) },
    { name: 'x/version', data: Buffer.from('3\n') },
    ...Object.entries(storages).map(([key, data]) => ({ name: `x/data/${key}`, data })),
    ...more,
  ]);

const magic = '\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19';

export interface LegacyParts {
  magic?: string;
  version?: string;
  facts?: string;
  keys?: string;
}

/** A file of torch.save before PyTorch 1.6 around the body of a pickle; storages by key, with the count that is written. */
export const legacy = (
  body: string,
  storages: Readonly<Record<string, readonly [count: number, data: Buffer]>> = {},
  parts: LegacyParts = {},
): Buffer =>
  Buffer.concat([
    pickle(parts.magic ?? magic),
    pickle(parts.version ?? int(1001)),
    pickle(parts.facts ?? '}'),
    pickle(body),
    pickle(parts.keys ?? list(...Object.keys(storages).map(str))),
    ...Object.values(storages).flatMap(([count, data]) => {
      const length = Buffer.alloc(8);
      length.writeBigInt64LE(BigInt(count));
      return [length, data];
    }),
  ]);

export const floats = (...values: number[]): Buffer => Buffer.from(Float32Array.from(values).buffer);
export const longs = (...values: number[]): Buffer => Buffer.from(BigInt64Array.from(values.map(BigInt)).buffer);
