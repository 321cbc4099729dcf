import { native } from '../native/binding';
import { elementCount } from '../tensor/element-count';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import type { LoadingFile } from './loading-file';
import { integers, PickledStorage, placeOf } from './rebuild-dense';
import { withoutTorchErrors } from './stored-tensors';
import { isTorchDtype, quantizedStorageClasses } from './torch-dtypes';

/** Parts of another tensor have elements in a storage. */
function requireDense(value: unknown, what: string): Tensor {
  if (!(value instanceof Tensor) || native.storageKind(value.handle) !== 'dense')
    throw new Error(`${what} without a dense tensor`);
  return value.detach();
}

/** (layout, (indices, values, size, is_coalesced)) or (layout, (compressed_indices, plain_indices, values, size)) */
export function rebuildSparse([layout, data]: unknown[], file: LoadingFile): Tensor {
  if (!Array.isArray(data)) throw new Error('a sparse tensor without its parts');
  if (layout === 'sparseCoo') return sparseCoo(data, file);
  if (typeof layout !== 'string' || !/^sparse[CB]s[rc]$/.test(layout))
    throw new Error('a sparse tensor of another layout');
  const [compressed, plain, values] = data.slice(0, 3).map((part) => requireDense(part, 'a sparse tensor')) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const size = integers(data[3], 'sizes');
  file.spend(elementCount(compressed.shape) + elementCount(plain.shape) + elementCount(values.shape));
  return withoutTorchErrors('a sparse tensor', () => {
    ops.aten._validate_sparse_compressed_tensor_args!(compressed, plain, values, size, layout);
    return ops.aten._sparse_compressed_tensor_unsafe!(compressed, plain, values, size, {
      dtype: values.dtype,
      layout,
      device: values.device,
    });
  });
}

function sparseCoo([indices, values, size, isCoalesced = null]: unknown[], file: LoadingFile): Tensor {
  const [where, what] = [requireDense(indices, 'a sparse tensor'), requireDense(values, 'a sparse tensor')];
  const shape = integers(size, 'sizes');
  if (isCoalesced !== null && typeof isCoalesced !== 'boolean')
    throw new Error('a sparse tensor whose is_coalesced is no bool');
  file.spend(elementCount(where.shape) + elementCount(what.shape));
  return withoutTorchErrors('a sparse tensor', () => {
    ops.aten._validate_sparse_coo_tensor_args!(where, what, shape, isCoalesced);
    return ops.aten._sparse_coo_tensor_unsafe!(where, what, shape, {
      dtype: what.dtype,
      device: what.device,
      isCoalesced,
    });
  });
}

/** The call of an old class of sparse tensors: (indices, values, size) */
export function oldSparse(dtype: string): (args: unknown[], file: LoadingFile) => Tensor {
  return ([indices, values, size], file) => {
    const tensor = sparseCoo([indices, values, size], file);
    if (tensor.dtype !== dtype) throw new Error(`a sparse tensor without values of ${dtype}`);
    return tensor;
  };
}

/** (storage, storage_offset, size, stride, (qscheme, ...), requires_grad, backward_hooks) */
export function rebuildQuantized([storage, offset, size, stride, quantizer]: unknown[], file: LoadingFile): Tensor {
  if (!(storage instanceof PickledStorage) || !quantizedStorageClasses.has(storage.dtype)) {
    throw new Error('a quantized tensor without a storage of qint8, quint8 or qint32');
  }
  if (!Array.isArray(quantizer)) throw new Error('a quantized tensor without its quantizer');
  const { dtype, stored } = storage;
  const place = placeOf([offset, size, stride]);
  const [scheme, ...parameters] = quantizer as unknown[];
  return withoutTorchErrors('a quantized tensor', () => {
    const options = { dtype, device: file.device };
    const empty =
      scheme === 'per_tensor_affine'
        ? perTensor(parameters, options)
        : perChannel(scheme, parameters, place.shape, options, file);
    return stored.place(empty, place);
  });
}

type QuantizedOptions = { dtype: string; device: string };

const zeroPoints: Readonly<Record<string, readonly [least: number, most: number]>> = {
  qint8: [-128, 127],
  quint8: [0, 255],
  qint32: [-(2 ** 31), 2 ** 31 - 1],
};

function requireZeroPoint(zeroPoint: number, dtype: string): number {
  const [least, most] = zeroPoints[dtype]!;
  if (zeroPoint >= least && zeroPoint <= most) return zeroPoint;
  throw new Error(`a quantized tensor whose zero point is none of ${dtype}`);
}

/** (scale, zero_point) */
function perTensor([scale, zeroPoint]: unknown[], options: QuantizedOptions): Tensor {
  if (typeof scale !== 'number' || !Number.isInteger(zeroPoint))
    throw new Error('a quantized tensor without scale and zero point');
  const zero = requireZeroPoint(zeroPoint as number, options.dtype);
  return ops.aten._empty_affine_quantized!([0], { ...options, scale, zeroPoint: zero }) as Tensor;
}

/** (scales, zero_points, axis): of floats where the zero points are */
function perChannel(
  scheme: unknown,
  parameters: unknown[],
  shape: number[],
  options: QuantizedOptions,
  file: LoadingFile,
): Tensor {
  if (scheme !== 'per_channel_affine' && scheme !== 'per_channel_affine_float_qparams') {
    throw new Error('a quantized tensor of another scheme than per tensor or per channel');
  }
  const isFloat = scheme === 'per_channel_affine_float_qparams';
  const scales = channelTensor(parameters[0], isFloat ? 'float32' : 'float64');
  const zeros = channelTensor(parameters[1], isFloat ? 'float32' : 'int64');
  const [axis] = integers([parameters[2]], 'axis') as [number];
  if (!(axis >= 0 && axis < shape.length))
    throw new Error(`a quantized tensor with the axis ${axis} of ${shape.length}`);
  for (const channels of [scales, zeros]) {
    if (channels.ndim !== 1 || elementCount(channels.shape) !== shape[axis])
      throw new Error('a quantized tensor without a scale and zero point for each channel');
  }
  file.spend(2 * elementCount(scales.shape));
  if (elementCount(zeros.shape) > 0)
    for (const end of ['min', 'max'] as const)
      requireZeroPoint(Number((ops.aten[end]!(zeros) as Tensor).item()), options.dtype);
  // Without elements where that can be: it is placed in its storage then.
  const empty = shape.map((length, i) => (i === axis ? length : 0));
  return ops.aten._empty_per_channel_affine_quantized!(empty, {
    ...options,
    scales,
    zeroPoints: zeros,
    axis,
  }) as Tensor;
}

/** Lists come from files of old versions. */
function channelTensor(value: unknown, dtype: string): Tensor {
  if (!Array.isArray(value)) return requireDense(value, 'a quantized tensor');
  if (!value.every((item) => typeof item === 'number'))
    throw new Error('a quantized tensor whose scales are no numbers');
  return ops.aten._to_copy!(new Tensor(native.fromTypedArray(Float64Array.from(value), [value.length], 'float64')), {
    dtype,
  }) as Tensor;
}

/** (dtype, size, stride, requires_grad): a tensor without data. */
export function rebuildMeta([dtype, size, stride, requiresGrad]: unknown[]): Tensor {
  if (typeof dtype !== 'string' || !isTorchDtype(dtype)) throw new Error('a tensor without a dtype');
  if (typeof requiresGrad !== 'boolean') throw new Error('a tensor whose requires_grad is no bool');
  const { shape, strides } = placeOf([0, size, stride]);
  return withoutTorchErrors('a meta tensor', () =>
    (ops.aten.empty_strided!(shape, strides, { dtype, device: 'meta' }) as Tensor).requiresGrad_(requiresGrad),
  );
}

/** (buffer, sizes, strides, storage_offsets): one row of `sizes` and `strides`, and one offset, for each tensor. */
export function rebuildNested([buffer, sizes, strides, offsets]: unknown[], file: LoadingFile): Tensor {
  const values = requireDense(buffer, 'a nested tensor');
  const parts = [sizes, strides, offsets].map((part) => requireDense(part, 'a nested tensor')) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [count = 0, dims = 0] = parts[0].shape;
  const shapes = [parts[0], parts[1]].map(({ shape }) => shape.join());
  if (
    values.ndim !== 1 ||
    values.stride(0) !== 1 ||
    shapes[0] !== shapes[1] ||
    parts[2].shape.join() !== `${count}` ||
    dims > 63
  ) {
    throw new Error('a nested tensor whose parts do not fit');
  }
  if (!parts.every(({ dtype }) => dtype === 'int64')) throw new Error('a nested tensor whose sizes are not integers');
  file.spend(elementCount(parts[0].shape) * 2 + count);
  const [size, stride, offset] = parts.map((part) => part.toNumbers()) as [number[], number[], number[]];
  let elements = 0;
  for (let i = 0; i < count; i++) {
    const row = (of: number[]) => of.slice(i * dims, (i + 1) * dims);
    elements += requireWithin(elementCount(values.shape), offset[i]!, row(size), row(stride));
  }
  file.spend(elements);
  const [contiguousSizes, contiguousStrides, contiguousOffsets] = parts.map((part) => part.cpu().contiguous());
  const nested = withoutTorchErrors('a nested tensor', () =>
    ops.aten._nested_view_from_buffer!(values, contiguousSizes, contiguousStrides, contiguousOffsets),
  );
  return nested.detach().requiresGrad_((buffer as Tensor).requiresGrad);
}

/** How many elements these sizes make, which must lie among `available`. */
function requireWithin(available: number, offset: number, sizes: number[], strides: number[]): number {
  if (![offset, ...sizes, ...strides].every((n) => Number.isSafeInteger(n) && n >= 0))
    throw new Error('a nested tensor with negative sizes');
  const elements = sizes.reduce((product, n) => product * n, 1);
  const last = sizes.reduce((reach, n, i) => reach + (n - 1) * strides[i]!, offset);
  if (elements > 0 ? last >= available : offset > available)
    throw new Error('a nested tensor that reaches beyond its buffer');
  return elements;
}
