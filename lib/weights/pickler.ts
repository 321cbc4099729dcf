import { ContinualTorchError, describeValue } from '../errors';
import { native } from '../native/binding';
import type { NativePart, NativeStorageView } from '../native/types';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { layOutStorages, type PlacedTensor } from './storage-layout';
import { newDtypes, storageClasses } from './torch-globals';

/** What `save` takes. */
export type Picklable =
  | Tensor
  | ReadonlyMap<string | number | bigint | boolean | null, Picklable>
  | readonly Picklable[]
  | { readonly [name: string]: Picklable }
  | string
  | number
  | bigint
  | boolean
  | null;

const maxDepth = 1000;

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

interface PendingTensor {
  view: NativeStorageView;
  requiresGrad: boolean;
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
    const chunks = this.chunks.map((chunk) => (Buffer.isBuffer(chunk) ? chunk : tensorOf(chunk, placed[next++]!)));
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
    for (const [key, value] of items) {
      if (key !== null && typeof key === 'object') throw refused(key, path, 'keys');
      this.write(key, path);
      this.write(value, [...path, key]);
    }
    this.chunks.push(Buffer.from('u'));
  }

  private tensor(tensor: Tensor, path: readonly unknown[]): void {
    // A conjugated or negated view is a flag over other elements.
    const conjugated = ops.aten.resolve_conj!(tensor) as Tensor;
    const plain = ops.aten.resolve_neg!(conjugated) as Tensor;
    let view: NativeStorageView;
    try {
      view = native.describeStorage(plain.handle);
    } catch (error) {
      if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_INVALID_ARG_VALUE') throw error;
      throw new ContinualTorchError(error.code, `torch.save: ${error.message}${at(path)}`, { cause: error });
    }
    if (!storageClasses.has(view.dtype) && !newDtypes.has(view.dtype)) {
      const message = `torch.save: expected a dtype of PyTorch's files, got ${view.dtype}${at(path)}`;
      throw new ContinualTorchError('ERR_UNSUPPORTED_DTYPE', message);
    }
    this.chunks.push({ view, requiresGrad: tensor.requiresGrad });
  }
}

/** The call that makes a tensor of its storage. */
function tensorOf({ view: { dtype, shape, stride }, requiresGrad }: PendingTensor, placed: PlacedTensor): Buffer {
  const { storage, offset } = placed;
  const storageClass = storage.dtype === null ? undefined : storageClasses.get(storage.dtype);
  const elements = storageClass === undefined ? storage.length : storage.length / native.dtypeSize(dtype);
  return Buffer.concat([
    global('torch._utils', storageClass === undefined ? '_rebuild_tensor_v3' : '_rebuild_tensor_v2', '(('),
    textOf('storage'),
    storageClass === undefined ? global('torch.storage', 'UntypedStorage') : global('torch', storageClass),
    textOf(storage.key),
    textOf('cpu'),
    numberOf(elements),
    Buffer.from('tQ'),
    numberOf(offset),
    ...[shape, stride].flatMap((sizes) => [Buffer.from('('), ...sizes.map(numberOf), Buffer.from('t')]),
    Buffer.of(requiresGrad ? 0x88 : 0x89),
    global('collections', 'OrderedDict', ')R'),
    ...(storageClass === undefined ? [global('torch', dtype)] : []),
    Buffer.from('tR'),
  ]);
}

function global(module: string, name: string, then = ''): Buffer {
  return Buffer.from(`c${module}\n${name}\n${then}`);
}

function uint32(opcode: string, value: number): Buffer {
  const bytes = Buffer.alloc(5, opcode);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}

function textOf(text: string): Buffer {
  if (/\p{Surrogate}/u.test(text)) {
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `torch.save: expected text, got ${JSON.stringify(text)}`);
  }
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32('X', bytes.length), bytes]);
}

function numberOf(value: number | bigint): Buffer {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0))) {
    const bytes = Buffer.alloc(9, 'G');
    bytes.writeDoubleBE(value, 1);
    return bytes;
  }
  if (typeof value === 'number' && value === (value | 0)) {
    const bytes = Buffer.alloc(5, 'J');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  return longOf(BigInt(value));
}

/** Two's complement, little-endian, with room for the sign. */
function longOf(value: bigint): Buffer {
  const bits = (value < 0n ? -value : value).toString(2).length + 1;
  const length = Math.ceil(bits / 8);
  if (length > 255) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `torch.save: expected integers of at most 255 bytes, got ${length}`,
    );
  }
  const bytes = Buffer.alloc(2 + length);
  bytes.set([0x8a, length]);
  let rest = BigInt.asUintN(8 * length, value);
  for (let i = 0; i < length; i++, rest >>= 8n) bytes[2 + i] = Number(rest & 0xffn);
  return bytes;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function refused(value: unknown, path: readonly unknown[], what = 'values'): ContinualTorchError {
  const expected =
    what === 'keys'
      ? 'strings, numbers, booleans or null'
      : 'tensors, Maps, plain objects, arrays, strings, numbers, booleans or null';
  const message = `torch.save: expected ${what} to be ${expected}, got ${describeValue(value)}${at(path)}`;
  return new ContinualTorchError('ERR_INVALID_ARG_TYPE', message);
}

/** Where in the value something lies: ` at ["model"][0]`. */
function at(path: readonly unknown[]): string {
  const steps = path.slice(0, 10).map((key) => `[${typeof key === 'string' ? JSON.stringify(key) : String(key)}]`);
  return path.length === 0 ? '' : ` at ${steps.join('')}${path.length > 10 ? '...' : ''}`;
}
