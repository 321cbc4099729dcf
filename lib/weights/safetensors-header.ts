import { quoteName } from '../errors';

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

/**
 * Parses the JSON of a header. Unlike `JSON.parse` it refuses names that come twice, and stops at the first thing that
 * has no place here, so that a hostile header cannot fill the memory.
 * @throws Error with the detail
 */
export function parseHeader(json: string): Header {
  const parser = new HeaderParser(json);
  const header = parser.header();
  parser.end();
  return header;
}

/** Up to the quote that opens a string: a pattern for all of it would need a stack as deep as the string is long. */
const token = /[\t\n\r ]*(["{}[\]:,]|0|[1-9]\d*)/y;

class HeaderParser {
  private at = 0;

  constructor(private readonly json: string) {}

  header(): Header {
    const header: Header = { metadata: new Map(), tensors: new Map() };
    let hasMetadata = false;
    this.object('the header', (name) => {
      if (name !== '__metadata__') {
        if (header.tensors.has(name)) throw new Error(`two tensors are named ${quoteName(name)}`);
        header.tensors.set(name, this.entry(name));
        return;
      }
      if (hasMetadata) throw new Error('there is "__metadata__" twice');
      hasMetadata = true;
      this.object('"__metadata__"', (key) => {
        if (header.metadata.has(key)) throw new Error(`"__metadata__" has ${quoteName(key)} twice`);
        header.metadata.set(key, this.string(`"__metadata__": ${quoteName(key)}`));
      });
    });
    return header;
  }

  end(): void {
    if (this.json.slice(this.at).trim() !== '') throw this.unexpected('the header', 'nothing behind it');
  }

  private entry(name: string): TensorEntry {
    const what = quoteName(name);
    let dtype: string | undefined;
    let shape: number[] | undefined;
    let offsets: number[] | undefined;
    this.object(what, (key) => {
      if (key === 'dtype' && dtype === undefined) dtype = this.string(`${what}: dtype`);
      else if (key === 'shape' && !shape) shape = this.integers(`${what}: shape`, maxDimensions);
      else if (key === 'data_offsets' && !offsets) offsets = this.integers(`${what}: data_offsets`, 2);
      else throw new Error(`${what}: expected dtype, shape and data_offsets once each, got ${quoteName(key)}`);
    });
    if (dtype === undefined || !shape || offsets?.length !== 2) {
      throw new Error(`${what} has not all of dtype, shape and data_offsets`);
    }
    return { dtype, shape, begin: offsets[0]!, end: offsets[1]! };
  }

  private object(what: string, member: (name: string) => void): void {
    this.expect(what, '{');
    if (this.skip('}')) return;
    do {
      const name = this.string(`${what}: a name`);
      this.expect(what, ':');
      member(name);
    } while (this.skip(','));
    this.expect(what, '}');
  }

  private integers(what: string, atMost: number): number[] {
    const result: number[] = [];
    this.expect(what, '[');
    if (this.skip(']')) return result;
    do {
      const text = this.next();
      const value = Number(text);
      if (!/^\d/.test(text) || !Number.isSafeInteger(value)) throw this.unexpected(what, 'an integer');
      if (result.push(value) > atMost) throw new Error(`${what}: expected at most ${atMost} integers, got more`);
    } while (this.skip(','));
    this.expect(what, ']');
    return result;
  }

  private string(what: string): string {
    const text = this.next();
    if (!text.startsWith('"')) throw this.unexpected(what, 'a string');
    try {
      return JSON.parse(text) as string;
    } catch {
      throw this.unexpected(what, 'a string of JSON');
    }
  }

  private expect(what: string, text: string): void {
    if (this.next() !== text) throw this.unexpected(what, `"${text}"`);
  }

  private skip(text: string): boolean {
    const before = this.at;
    if (this.next() === text) return true;
    this.at = before;
    return false;
  }

  private next(): string {
    token.lastIndex = this.at;
    const text = token.exec(this.json)?.[1] ?? '';
    if (text !== '') this.at = token.lastIndex;
    return text === '"' ? this.restOfString(this.at - 1) : text;
  }

  private restOfString(begin: number): string {
    for (;;) {
      const quote = this.json.indexOf('"', this.at);
      if (quote < 0) throw new Error('the header ends inside a string');
      this.at = quote + 1;
      let backslashes = 0;
      while (this.json[quote - 1 - backslashes] === '\\') backslashes++;
      if (backslashes % 2 === 0) return this.json.slice(begin, this.at);
    }
  }

  private unexpected(what: string, expected: string): Error {
    return new Error(`${what}: expected ${expected} before character ${this.at} of the header`);
  }
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
