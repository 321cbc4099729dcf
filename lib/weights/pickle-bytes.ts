// The pickle instructions (protocol 2) of plain values.
import { ContinualTorchError } from '../errors';
import type { Complex } from '../tensor/complex';

/** A class or function, and the instructions that follow it. */
export function global(module: string, name: string, then = ''): Buffer {
  return Buffer.from(`c${module}\n${name}\n${then}`);
}

/** An instruction with its operand. */
export function uint32(opcode: string, value: number): Buffer {
  const bytes = Buffer.alloc(5, opcode);
  bytes.writeUInt32LE(value, 1);
  return bytes;
}

/** A str. @throws ERR_INVALID_ARG_VALUE for half a surrogate pair */
export function textOf(text: string): Buffer {
  if (/\p{Surrogate}/u.test(text)) {
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `torch.save: expected text, got ${JSON.stringify(text)}`);
  }
  const bytes = Buffer.from(text);
  return Buffer.concat([uint32('X', bytes.length), bytes]);
}

/** An int where it is whole, else a float. @throws ERR_INVALID_ARG_VALUE */
export function numberOf(value: number | bigint): Buffer {
  if (typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0))) return floatOf(value);
  if (typeof value === 'number' && value === (value | 0)) {
    const bytes = Buffer.alloc(5, 'J');
    bytes.writeInt32LE(value, 1);
    return bytes;
  }
  return longOf(BigInt(value));
}

/** A float. */
export function floatOf(value: number): Buffer {
  const bytes = Buffer.alloc(9, 'G');
  bytes.writeDoubleBE(value, 1);
  return bytes;
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

/** Bytes, which protocol 2 has as text of latin1 alone. */
export function encodedOf(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return Buffer.concat([global('_codecs', 'encode'), textOf(text), textOf('latin1'), Buffer.from('\x86R', 'latin1')]);
}

/** A complex number. */
export function complexOf({ re, im }: Complex): Buffer {
  return Buffer.concat([global('__builtin__', 'complex'), floatOf(re), floatOf(im), Buffer.from('\x86R', 'latin1')]);
}

/** A tuple of integers. */
export function tupleOf(sizes: readonly number[]): Buffer {
  return Buffer.concat([Buffer.from('('), ...sizes.map(numberOf), Buffer.from('t')]);
}

/** A bool. */
export function booleanOf(value: boolean): Buffer {
  return Buffer.of(value ? 0x88 : 0x89);
}
