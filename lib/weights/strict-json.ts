import { quoteName } from '../errors';
import type { Work } from '../latency';

/** Up to the quote that opens a string: a pattern for all of it would need a stack as deep as the string is long. */
const token = /[\t\n\r ]*(["{}[\]:,]|0|[1-9]\d*)/y;
const literal = /[\t\n\r ]*(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)/y;

/** JSON that nobody asked for is passed over only so deep. */
const deepest = 100;
/** Values that are passed over between two turns of the event loop. */
const portion = 2 ** 12;

/**
 * Reads JSON of a known form, a part at a time. Unlike `JSON.parse` it refuses names that come twice, and stops at the first
 * thing that has no place here, so that a hostile text cannot fill the memory. All throw an Error with the detail.
 */
export class StrictJson {
  private at = 0;
  private passed = 0;

  /** @param what the text, for messages */
  constructor(
    private readonly json: string,
    private readonly what: string,
  ) {}

  /** Refuses what stands behind the value. */
  end(): void {
    if (this.json.slice(this.at).trim() !== '') throw this.unexpected(this.what, 'nothing behind it');
  }

  /** Each name: whoever asks for the next one has read the value. @param twice what to say of a name that comes again */
  *members(what: string, twice: (name: string) => string): Generator<string, void, undefined> {
    const names = new Set<string>();
    this.expect(what, '{');
    if (this.skip('}')) return;
    do {
      const name = this.string(`${what}: a name`);
      this.expect(what, ':');
      if (names.has(name)) throw new Error(twice(quoteName(name)));
      names.add(name);
      yield name;
    } while (this.skip(','));
    this.expect(what, '}');
  }

  /** A list of them, none below 0. */
  integers(what: string, atMost: number): number[] {
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

  /** The string, without its quotes and escapes. */
  string(what: string): string {
    const text = this.next();
    if (!text.startsWith('"')) throw this.unexpected(what, 'a string');
    try {
      return JSON.parse(text) as string;
    } catch {
      throw this.unexpected(what, 'a string of JSON');
    }
  }

  /** Passes over any value. */
  *value(what: string, depth = 0): Work<void> {
    if (++this.passed % portion === 0) yield;
    if (depth > deepest) throw new Error(`${what} is nested more than ${deepest} deep`);
    if (this.match(literal) !== '') return;
    const text = this.next();
    if (text.startsWith('"')) return;
    const close = text === '{' ? '}' : text === '[' ? ']' : null;
    if (close === null) throw this.unexpected(what, 'a value');
    if (this.skip(close)) return;
    do {
      if (text === '{') {
        this.string(`${what}: a name`);
        this.expect(what, ':');
      }
      yield* this.value(what, depth + 1);
    } while (this.skip(','));
    this.expect(what, close);
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
    const text = this.match(token);
    return text === '"' ? this.restOfString(this.at - 1) : text;
  }

  /** "" where it does not match. */
  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.json)?.[1] ?? '';
    if (text !== '') this.at = pattern.lastIndex;
    return text;
  }

  private restOfString(begin: number): string {
    for (;;) {
      const quote = this.json.indexOf('"', this.at);
      if (quote < 0) throw new Error(`${this.what} ends inside a string`);
      this.at = quote + 1;
      let backslashes = 0;
      while (this.json[quote - 1 - backslashes] === '\\') backslashes++;
      if (backslashes % 2 === 0) return this.json.slice(begin, this.at);
    }
  }

  private unexpected(what: string, expected: string): Error {
    return new Error(`${what}: expected ${expected} before character ${this.at} of ${this.what}`);
  }
}
