/** PyTorch's storage classes; the other dtypes come in an `UntypedStorage` with the dtype beside it. */
export const storageClasses: ReadonlyMap<string, string> = new Map([
  ['float64', 'DoubleStorage'],
  ['float32', 'FloatStorage'],
  ['float16', 'HalfStorage'],
  ['bfloat16', 'BFloat16Storage'],
  ['int64', 'LongStorage'],
  ['int32', 'IntStorage'],
  ['int16', 'ShortStorage'],
  ['int8', 'CharStorage'],
  ['uint8', 'ByteStorage'],
  ['bool', 'BoolStorage'],
  ['complex64', 'ComplexFloatStorage'],
  ['complex128', 'ComplexDoubleStorage'],
]);

/** Those of quantized tensors. */
export const quantizedStorageClasses: ReadonlyMap<string, string> = new Map([
  ['qint8', 'QInt8Storage'],
  ['quint8', 'QUInt8Storage'],
  ['qint32', 'QInt32Storage'],
]);

/** The dtypes of files beyond those. */
export const newDtypes: ReadonlySet<string> = new Set([
  ...['uint16', 'uint32', 'uint64', 'complex32', 'float8_e4m3fn', 'float8_e5m2', 'float8_e4m3fnuz', 'float8_e5m2fnuz'],
  ...['float8_e8m0fnu', 'float4_e2m1fn_x2', 'bits8', 'bits16', 'bits1x8', 'bits2x4', 'bits4x2'],
]);

/** dtypes that are named, but of which no file has tensors: several elements share a byte. */
export const packedDtypes: ReadonlySet<string> = new Set([
  ...['quint4x2', 'quint2x4'],
  ...[1, 2, 3, 4, 5, 6, 7].flatMap((bits) => [`int${bits}`, `uint${bits}`]),
]);

/** Whether a dense tensor of a file may have this dtype. */
export const isTorchDtype = (name: string): boolean => storageClasses.has(name) || newDtypes.has(name);
