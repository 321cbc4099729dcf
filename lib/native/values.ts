/** What passes through the door: tensors and generators, and what operators, TorchScript and files are given. */

/** Opaque: a tensor. `native.tensor...` work on it. */
export interface NativeTensor {
  readonly __tensor: never;
}

/** Opaque: a random number generator. */
export interface NativeGenerator {
  readonly __generator: never;
}

export interface OperatorArgumentSchema {
  name: string;
  type: string;
  /** N of `int[N]`. */
  length: number | null;
  hasDefault: boolean;
  isKeyword: boolean;
}

export interface OperatorSchema {
  name: string;
  overload: string;
  /** In full. */
  schema: string;
  arguments: OperatorArgumentSchema[];
  returns: string[];
}

/** A position, a mask or positions as a tensor, null for a new dimension, '...', or [start, stop, step] of a slice. */
export type NativeIndex = number | boolean | null | '...' | NativeTensor | [number | null, number | null, number | null];

/** One tensor; several in order; or by name, a name for each. */
export type NativeInputs = NativeTensor | NativeTensor[] | { names: string[]; tensors: NativeTensor[] };

export type NativeValue =
  NativeTensor | NativeGenerator | Float64Array | number | bigint | boolean | string | null | undefined | NativeValue[];

/** What is written under a name: bytes, a range of a uint8 tensor, or all elements of any tensor. */
export type NativePart =
  | readonly [name: string, bytes: Uint8Array]
  | readonly [name: string, storage: NativeTensor, offset: number, length: number]
  | readonly [name: string, tensor: NativeTensor];

/** A tensor as a view of its storage; offset and strides count elements. */
export interface NativeStorageView {
  /** Equal for tensors that share a storage. */
  id: bigint;
  /** All bytes of it, as uint8. */
  storage: NativeTensor;
  /** Any of libtorch. */
  dtype: string;
  offset: number;
  shape: number[];
  stride: number[];
}

/** What TorchScript takes and returns. */
export type NativeScriptValue =
  | NativeTensor
  | NativeDict
  | number
  | bigint
  | boolean
  | string
  | Float64Array
  | null
  | undefined
  | NativeScriptValue[];

/** A dict. `isMap` false: a plain object, whose keys are texts, and which may stand for a named tuple or keywords. */
export interface NativeDict {
  pairs: [key: NativeScriptValue, value: NativeScriptValue][];
  isMap?: boolean;
}
