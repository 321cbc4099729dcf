// What record_tensors.py has recorded.
import { readFileSync } from 'node:fs';
import { Complex, type DType, slice, tensor, type TensorIndex } from '../../lib/index';
import { fixturePath } from './fixtures';

type PackedIndex = number | boolean | string | null | { slice: [number | null, number | null, number | null] } | { tensor: any; dtype: DType } | (number | boolean)[];

/** A number, or what JSON cannot say. */
type PackedNumber = number | boolean | { number: string } | { bigint: string } | { complex: [PackedNumber, PackedNumber] } | PackedNumber[];

export interface RecordedTensors {
  index: [indices: PackedIndex[], shape: number[], values: any, isView: boolean][];
  indexPut: [indices: PackedIndex[], value: any, result: any][];
  indexErrors: [indices: PackedIndex[], error: string, message: string][];
  format: [values: PackedNumber, dtype: DType, text: string][];
  formatExpressions: [expression: string, text: string][];
  rounding: Record<string, PackedNumber[]> & { bits: number[] };
  draws: Record<string, number[]> & { initialSeed: string; stateSize: number };
}

export const recordedTensors = JSON.parse(readFileSync(fixturePath('tensors.json'), 'utf8')) as RecordedTensors;

/** Recorded indices as `Tensor.index` takes them. */
export function toIndices(packed: PackedIndex[]): TensorIndex[] {
  return packed.map((index): TensorIndex => {
    if (typeof index !== 'object' || index === null || Array.isArray(index)) return index as TensorIndex;
    if ('slice' in index) return slice(...index.slice);
    return tensor(index.tensor, { dtype: index.dtype });
  });
}

/** A recorded number, or numbers nested in arrays. */
export function toNumbers(packed: PackedNumber): any {
  if (typeof packed !== 'object') return packed;
  if (Array.isArray(packed)) return packed.map(toNumbers);
  if ('bigint' in packed) return BigInt(packed.bigint);
  if ('complex' in packed) return new Complex(toNumbers(packed.complex[0]) as number, toNumbers(packed.complex[1]) as number);
  return { nan: NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 }[packed.number];
}
