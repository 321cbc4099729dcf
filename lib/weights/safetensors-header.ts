import { quoteName } from '../errors';
import type { Work } from '../latency';
import { StrictJson } from './strict-json';

/** A tensor as the header describes it; offsets count from the end of the header. */
export interface TensorEntry {
  dtype: string;
  shape: number[];
  begin: number;
  end: number;
}

/** What a header says, in its order. */
export interface Header {
  metadata: Map<string, string>;
  tensors: Map<string, TensorEntry>;
}

/** The longest header that the reference implementation reads. */
export const maxHeaderLength = 100_000_000;

/** libtorch has no operators for more. */
const maxDimensions = 64;

/** Entries that are read between two turns of the event loop. */
const portion = 2 ** 10;

/** Parses the JSON of a header. @throws Error with the detail */
export function* parseHeader(text: string): Work<Header> {
  const json = new StrictJson(text, 'the header');
  const header: Header = { metadata: new Map(), tensors: new Map() };
  const twice = (name: string) => (name === '"__metadata__"' ? `there is ${name} twice` : `two tensors are named ${name}`);
  for (const name of json.members('the header', twice)) {
    if (name === '__metadata__') yield* readMetadata(json, header.metadata);
    else header.tensors.set(name, readEntry(json, name));
    if (header.tensors.size % portion === 0) yield;
  }
  json.end();
  return header;
}

function* readMetadata(json: StrictJson, metadata: Map<string, string>): Work<void> {
  const what = '"__metadata__"';
  for (const key of json.members(what, (key) => `${what} has ${key} twice`)) {
    metadata.set(key, json.string(`${what}: ${quoteName(key)}`));
    if (metadata.size % portion === 0) yield;
  }
}

function readEntry(json: StrictJson, name: string): TensorEntry {
  const what = quoteName(name);
  const unknown = (key: string) => `${what}: expected dtype, shape and data_offsets once each, got ${key}`;
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const key of json.members(what, unknown)) {
    if (key === 'dtype') dtype = json.string(`${what}: dtype`);
    else if (key === 'shape') shape = json.integers(`${what}: shape`, maxDimensions);
    else if (key === 'data_offsets') offsets = json.integers(`${what}: data_offsets`, 2);
    else throw new Error(unknown(quoteName(key)));
  }
  if (dtype === undefined || !shape || offsets?.length !== 2) {
    throw new Error(`${what} has not all of dtype, shape and data_offsets`);
  }
  return { dtype, shape, begin: offsets[0]!, end: offsets[1]! };
}

/** The JSON of a header, padded so that the data behind it begins at a multiple of eight bytes. */
export function writeHeader({ metadata, tensors }: Header): Buffer {
  const members: [string, unknown][] = [...tensors].map(([name, { dtype, shape, begin, end }]) => [
    name,
    { dtype, shape, data_offsets: [begin, end] },
  ]);
  if (metadata.size > 0) members.unshift(['__metadata__', Object.fromEntries(metadata)]);
  const json = Buffer.from(
    `{${members.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`,
  );
  const length = Math.ceil(json.length / 8) * 8;
  const header = Buffer.alloc(8 + length, ' ');
  header.writeBigUInt64LE(BigInt(length));
  json.copy(header, 8);
  return header;
}
