import type { TypedArray } from '../element-types';
import { ContinualTorchError, describeValue } from '../errors';
import { Complex } from '../tensor/complex';
import { cpuTensor, type NestedNumbers } from '../tensor/creation';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { severalOf } from './inputs';

/** Numbers as data comes: a tensor, a typed array, numbers nested in arrays, or rows that are tensors or typed arrays. */
export type Values = Tensor | TypedArray | Uint8ClampedArray | NestedNumbers | readonly (Tensor | TypedArray | Uint8ClampedArray)[];

/** Inputs as data comes: those of one input; an array of tensors, each an input of its own; or the values of inputs by name. */
export type InputValues = Values | { readonly [name: string]: Values };

/** Whether these are several inputs: by name, or tensors in an array. */
export function areSeveral(x: unknown): boolean {
  const several = severalOf(x);
  return several !== null && several.length > 0 && (!Array.isArray(x) || x.every((item) => item instanceof Tensor));
}

/** Inputs as a tensor; a typed array in this shape, where one is given. @throws ERR_INVALID_ARG_TYPE, ERR_SHAPE */
export function inputValues(operation: string, x: unknown, shape?: number[], name = 'x'): Tensor {
  if (x instanceof Tensor) return x;
  if (ArrayBuffer.isView(x)) return cpuTensor(typedArray(x), { shape });
  requireNumbers(operation, name, x);
  if (!isRows(x)) return cpuTensor(x as NestedNumbers);
  const rows = x.map((row) => (row instanceof Tensor ? row : cpuTensor(typedArray(row))));
  requireSameKind(operation, name, rows);
  return ops.aten.stack!(rows) as Tensor;
}

/**
 * Targets as a tensor: class labels are int64 (arrays of integers of any type, plain integers, bigints, booleans); floats
 * stay what they are, plain ones become float32. @throws ERR_INVALID_ARG_TYPE, ERR_SHAPE
 */
export function targetValues(operation: string, y: unknown): Tensor {
  if (y instanceof Tensor) return y;
  if (ArrayBuffer.isView(y)) {
    const array = typedArray(y);
    return /^Float/.test(array.constructor.name) ? cpuTensor(array) : cpuTensor(array, { dtype: 'int64' });
  }
  requireNumbers(operation, 'y', y);
  if (isRows(y)) return inputValues(operation, y);
  const areIntegers = [y].flat(Infinity).every((value) => typeof value !== 'number' || Number.isInteger(value));
  return cpuTensor(y as NestedNumbers, { dtype: areIntegers ? 'int64' : 'float32' });
}

/** @throws ERR_SHAPE unless all are of one dtype and shape */
export function requireSameKind(operation: string, name: string, values: readonly Tensor[]): void {
  const kind = ({ dtype, shape }: Tensor) => `${dtype} [${shape.join(', ')}]`;
  const odd = values.find((each) => kind(each) !== kind(values[0]!));
  if (!odd) return;
  throw new ContinualTorchError(
    'ERR_SHAPE',
    `${operation}: expected every ${name} to be ${kind(values[0]!)}, got ${kind(odd)}`,
  );
}

/** What canvases give is bytes all the same. */
function typedArray(view: ArrayBufferView): TypedArray {
  return view instanceof Uint8ClampedArray ? new Uint8Array(view.buffer, view.byteOffset, view.length) : (view as TypedArray);
}

function isRows(values: unknown): values is (Tensor | ArrayBufferView)[] {
  const isRow = (value: unknown) => value instanceof Tensor || ArrayBuffer.isView(value);
  return Array.isArray(values) && values.length > 0 && values.every(isRow);
}

/** Refuses what users bring instead of numbers: names of classes, texts, records; each with the way out. */
function requireNumbers(operation: string, name: string, values: unknown): void {
  const found = isRows(values) ? null : findNoNumber(values);
  if (!found) return;
  const { value, path } = found;
  const place = path.length === 0 ? '' : ` at index ${path.join(', ')}`;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `${operation}: expected ${name} to be a Tensor, a typed array or nested numbers, got ${describeValue(value)}${place}` +
      wayOut(name, value, path.length),
  );
}

function wayOut(name: string, value: unknown, depth: number): string {
  if (depth === 0) return '';
  if (typeof value === 'string') {
    const isNumber = value.trim() !== '' && !Number.isNaN(Number(value));
    if (isNumber) return `; turn texts into numbers: ${depth > 1 ? 'rows.map((row) => row.map(Number))' : 'values.map(Number)'}`;
    if (name !== 'y') return '; turn texts into numbers first, words into their places in a vocabulary for example';
    return '; class labels are integers: const names = [...new Set(labels)]; labels.map((label) => names.indexOf(label))';
  }
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    const keys = Object.keys(value).slice(0, 3).join(', ');
    const numbers = name === 'y' && !keys.includes(',') ? keys : `[${keys}]`;
    return `; make numbers of each record: records.map(({ ${keys} }) => ${numbers})`;
  }
  return '';
}

function findNoNumber(value: unknown, depth = 0): { value: unknown; path: number[] } | null {
  if (!Array.isArray(value)) return depth > 0 && isNumber(value) ? null : { value, path: [] };
  // `tensor` says what is wrong with arrays inside themselves.
  for (let i = 0; depth < 128 && i < value.length; i++) {
    const found = findNoNumber(value[i], depth + 1);
    if (found) return { value: found.value, path: [i, ...found.path] };
  }
  return null;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean' || value instanceof Complex;
}
