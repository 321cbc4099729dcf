import { Complex } from '../tensor/complex';
import { describeValue } from '../errors';
import { Filling } from './unpickler';

/** (), or (pairs) as Python 2 wrote it */
export function orderedDict([pairs = []]: unknown[]): Filling {
  if (!Array.isArray(pairs)) throw new Error('an OrderedDict of something other than pairs');
  const dict = new Map<unknown, unknown>();
  return new Filling(dict, pairs.length, (i) => {
    const pair: unknown = pairs[i];
    if (!Array.isArray(pair) || pair.length !== 2) throw new Error('an OrderedDict of something other than pairs');
    dict.set(pair[0], pair[1]);
  });
}

/** (counts) */
export function counter([counts = new Map()]: unknown[]): Map<unknown, unknown> {
  if (!(counts instanceof Map)) throw new Error('a Counter of something other than a dict');
  return counts; // A copy could be asked for again and again.
}

/** (items) */
export function set([items = []]: unknown[]): Filling {
  if (!Array.isArray(items)) throw new Error('a set of something other than a list');
  const made = new Set<unknown>();
  return new Filling(made, items.length, (i) => made.add(items[i]));
}

/** (sizes) */
export function size([sizes = []]: unknown[]): unknown[] {
  if (!Array.isArray(sizes)) throw new Error('a torch.Size of something other than a tuple');
  return sizes;
}

/** (real, imaginary) */
export function complex([re = 0, im = 0]: unknown[]): Complex {
  if (typeof re !== 'number' || typeof im !== 'number')
    throw new Error('a complex number of something other than two numbers');
  return new Complex(re, im);
}

/** (text, encoding): protocol 2 has no bytes, only text. */
export function encode([text, encoding = 'utf-8']: unknown[]): Uint8Array {
  const name = typeof encoding === 'string' ? encoding.toLowerCase().replaceAll('_', '-') : '';
  if (typeof text !== 'string') throw new Error('bytes of something other than text');
  if (name === 'utf-8' || name === 'utf8') return new TextEncoder().encode(text);
  if (name !== 'latin1' && name !== 'latin-1' && name !== 'iso-8859-1') {
    throw new Error(`bytes in the encoding ${describeValue(encoding)}, expected "latin1"`);
  }
  if (/[^\0-\xff]/.test(text)) throw new Error('bytes of text that is not latin1');
  return Uint8Array.from(Buffer.from(text, 'latin1'));
}

/** (bytes) or (text, encoding) */
export function bytearray(args: unknown[]): Uint8Array {
  const [bytes = new Uint8Array()] = args;
  if (typeof bytes === 'string') return encode(args);
  if (!(bytes instanceof Uint8Array)) throw new Error('a bytearray of something other than bytes');
  return bytes.slice();
}

/** (type, index) */
export function device([type, index]: unknown[]): string {
  if (typeof type !== 'string' || !(index === undefined || typeof index === 'number')) {
    throw new Error('a device that is no name with a number');
  }
  return index === undefined ? type : `${type}:${index}`;
}

const layouts: ReadonlyMap<unknown, string> = new Map([
  ['torch.strided', 'strided'],
  ['torch.sparse_coo', 'sparseCoo'],
  ['torch.sparse_csr', 'sparseCsr'],
  ['torch.sparse_csc', 'sparseCsc'],
  ['torch.sparse_bsr', 'sparseBsr'],
  ['torch.sparse_bsc', 'sparseBsc'],
  ['torch._mkldnn', 'mkldnn'],
  ['torch.jagged', 'jagged'],
]);

/** PyTorch's name of a layout. */
export const torchLayoutName = new Map([...layouts].map(([torch, ours]) => [ours, torch as string]));

/** (name): as `Tensor.layout` says it. */
export function layout([name]: unknown[]): string {
  const known = layouts.get(name);
  if (known === undefined) throw new Error(`the layout ${describeValue(name)}, which is not known`);
  return known;
}
