import type { DType, TypedArray } from '../element-types';

type TypedArrayConstructor = { new (length: number): TypedArray; from(values: ArrayLike<number>): TypedArray };

/** @internal JavaScript's typed array for the elements of a dtype; null where there is none. */
export const arrayOfDtype: Record<DType, TypedArrayConstructor | null> = {
  float32: Float32Array,
  float64: Float64Array,
  float16: null,
  bfloat16: null,
  int64: BigInt64Array as unknown as TypedArrayConstructor,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array as unknown as TypedArrayConstructor,
  bool: Uint8Array,
  complex64: null,
  complex128: null,
  complex32: null,
  float8_e4m3fn: null,
  float8_e5m2: null,
  float8_e4m3fnuz: null,
  float8_e5m2fnuz: null,
  float8_e8m0fnu: null,
  float4_e2m1fn_x2: null,
  qint8: null,
  quint8: null,
  qint32: null,
};

/** @internal */
export const dtypeNames = Object.keys(arrayOfDtype) as [DType, ...DType[]];

/** @internal */
export const isDtype = (name: unknown): name is DType => typeof name === 'string' && Object.hasOwn(arrayOfDtype, name);

/** @internal */
export const isComplexDtype = (dtype: DType): boolean => dtype.startsWith('complex');

/** @internal Floating point or complex: what can hold fractions. */
export const isInexactDtype = (dtype: DType): boolean => /^(b?float|complex)/.test(dtype);
