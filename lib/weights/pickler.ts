import { ContinualTorchError, describeValue } from '../errors';
import type { NativePart } from '../native/types';
import { Complex } from '../tensor/complex';
import { Tensor } from '../tensor/tensor';
import { complexOf, encodedOf, global, numberOf, textOf, uint32 } from './pickle-bytes';
import { callOf, type PendingTensor, tensorPieces, UnsavableTensor } from './pickled-tensors';
import { repeatedKey } from './python-equality';
import { layOutStorages } from './storage-layout';

/** A key of a Map, and what a Set holds, as `save` takes it; arrays become tuples. */
export type PicklableKey = string | number | bigint | boolean | null | Uint8Array | Complex | readonly PicklableKey[];

/** What `save` takes. */
export type Picklable =
  | Tensor
  | ReadonlyMap<PicklableKey, Picklable>
  | ReadonlySet<PicklableKey>
  | readonly Picklable[]
  | { readonly [name: string]: Picklable }
  | Uint8Array
  | Complex
  | string
  | number
  | bigint
  | boolean
  | null;

const maxDepth = 1000;
/** Python's own functions follow tuples of tuples so far. */
const maxKeyDepth = 100;

/**
 * @internal A value as a pickle (protocol 2) in the form that `torch.save` writes, and its storages as records of the archive. An
 * object that occurs twice is one object in Python too.
 * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE, ERR_UNSUPPORTED_DTYPE
 */
export function pickle(value: Picklable): { pickled: Buffer; records: NativePart[] } {
  const pickler = new Pickler();
  pickler.write(value, []);
  return pickler.finish();
}

class Pickler {
  /** Tensors wait until it is known which storage each lies in. */
  private readonly chunks: (Buffer | PendingTensor)[] = [Buffer.of(0x80, 2)];
  private readonly memo = new Map<object, number>();
  /** What is being written, from the outside in. */
  private readonly open = new Set<object>();

  write(value: unknown, path: readonly unknown[]): void {
    if (value === null) this.chunks.push(Buffer.from('N'));
    else if (typeof value === 'boolean') this.chunks.push(Buffer.of(value ? 0x88 : 0x89));
    else if (typeof value === 'number' || typeof value === 'bigint') this.chunks.push(numberOf(value));
    else if (typeof value === 'string') this.chunks.push(textOf(value));
    else if (typeof value === 'object') this.object(value, path);
    else throw refused(value, path);
  }

  finish(): { pickled: Buffer; records: NativePart[] } {
    const pending = this.chunks.filter((chunk): chunk is PendingTensor => !Buffer.isBuffer(chunk));
    const { placed, records } = layOutStorages(pending.map(({ view }) => view));
    let next = 0;
    const chunks = this.chunks.map((chunk) => (Buffer.isBuffer(chunk) ? chunk : callOf(chunk, placed[next++]!)));
    return { pickled: Buffer.concat([...chunks, Buffer.from('.')]), records };
  }

  private object(value: object, path: readonly unknown[]): void {
    const index = this.memo.get(value);
    if (this.open.has(value) || path.length > maxDepth) {
      const message = `torch.save: expected values that end, got one nested in itself or more than ${maxDepth} deep${at(path)}`;
      throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', message);
    }
    if (index !== undefined) {
      this.chunks.push(uint32('j', index));
      return;
    }
    this.open.add(value);
    if (value instanceof Tensor) this.tensor(value, path);
    else if (value instanceof Uint8Array || value instanceof Complex)
      this.chunks.push(value instanceof Complex ? complexOf(value) : encodedOf(value));
    else if (value instanceof Set) this.set(value, path);
    else if (Array.isArray(value)) this.list(value, path);
    else if (value instanceof Map) this.dict(value, global('collections', 'OrderedDict', ')R'), path);
    else if (isPlain(value)) this.dict(new Map(Object.entries(value)), Buffer.from('}'), path);
    else throw refused(value, path);
    this.open.delete(value);
    this.memo.set(value, this.memo.size);
    this.chunks.push(uint32('r', this.memo.size - 1));
  }

  private list(items: readonly unknown[], path: readonly unknown[]): void {
    this.chunks.push(Buffer.from(']('));
    for (let i = 0; i < items.length; i++) this.write(items[i], [...path, i]);
    this.chunks.push(Buffer.from('e'));
  }

  private dict(items: ReadonlyMap<unknown, unknown>, empty: Buffer, path: readonly unknown[]): void {
    this.chunks.push(empty, Buffer.from('('));
    requireDistinct(items.keys(), path, 'keys');
    for (const [key, value] of items) {
      this.key(key, path, 'keys');
      this.write(value, [...path, key]);
    }
    this.chunks.push(Buffer.from('u'));
  }

  private set(items: ReadonlySet<unknown>, path: readonly unknown[]): void {
    this.chunks.push(global('__builtin__', 'set', ']('));
    requireDistinct(items, path, 'items of a Set');
    for (const item of items) this.key(item, path, 'what a Set holds');
    this.chunks.push(Buffer.from('e\x85R', 'latin1'));
  }

  /** What Python can look up: arrays as tuples, which are not remembered as the lists that they are elsewhere. */
  private key(key: unknown, path: readonly unknown[], what: string, depth = 0): void {
    if (Array.isArray(key) && depth < maxKeyDepth) {
      this.chunks.push(Buffer.from('('));
      for (const item of key) this.key(item, path, what, depth + 1);
      this.chunks.push(Buffer.from('t'));
    } else if (key === null || typeof key !== 'object' || key instanceof Uint8Array || key instanceof Complex)
      this.write(key, path);
    else throw refused(key, path, what);
  }

  private tensor(tensor: Tensor, path: readonly unknown[]): void {
    try {
      this.chunks.push(...tensorPieces(tensor));
    } catch (error) {
      if (!(error instanceof UnsavableTensor)) throw error;
      throw new ContinualTorchError(error.code, `torch.save: ${error.message}${at(path)}`, { cause: error.cause });
    }
  }
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function requireDistinct(keys: Iterable<unknown>, path: readonly unknown[], what: string): void {
  const repeated = repeatedKey(keys);
  if (repeated === null) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `torch.save: expected ${what} that differ in Python, where true is 1 and arrays of equal items are one, got ${describeValue(repeated.key)} again${at(path)}`,
  );
}

function refused(value: unknown, path: readonly unknown[], what = 'values'): ContinualTorchError {
  const plain = 'strings, numbers, booleans or null';
  const expected =
    what === 'values'
      ? `tensors, Maps, Sets, plain objects, arrays, Uint8Arrays, Complex, ${plain}`
      : `${plain}, Uint8Arrays, Complex or arrays of these`;
  const message = `torch.save: expected ${what} to be ${expected}, got ${describeValue(value)}${at(path)}`;
  return new ContinualTorchError('ERR_INVALID_ARG_TYPE', message);
}

/** Where in the value something lies: ` at ["model"][0]`. */
function at(path: readonly unknown[]): string {
  const steps = path.slice(0, 10).map((key) => `[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`);
  return path.length === 0 ? '' : ` at ${steps.join('')}${path.length > 10 ? '...' : ''}`;
}
