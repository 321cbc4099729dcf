import type { DType } from '../element-types';
import { native } from '../native/binding';
import type { NativeAddon } from '../native/types';
import { getDefaultDevice } from './default-device';
import { formatElements, lineWidth } from './format-elements';
import { call } from './operator-call';
import type { Tensor } from './tensor';

/** @internal A tensor as PyTorch prints it. */
export function formatTensor(tensor: Tensor): string {
  if (tensor.isDisposed) return 'tensor(disposed)';
  return formatOfKind[native.storageKind(tensor.handle)](tensor);
}

const prefix = 'tensor(';

const formatOfKind: Record<ReturnType<NativeAddon['storageKind']>, (tensor: Tensor) => string> = {
  dense: formatStrided,
  quantized: formatQuantized,
  sparse: formatSparse,
  nested: formatNested,
  meta: formatMeta,
  other: formatStrided,
};

function formatStrided(tensor: Tensor): string {
  const { shape, dtype } = tensor;
  const suffixes: string[] = deviceSuffix(tensor);
  const isEmpty = shape.includes(0);
  if (isEmpty && shape.length !== 1) suffixes.push(`size=${tuple(shape)}`);
  if (isEmpty ? dtype !== 'float32' : !isPlain(dtype)) suffixes.push(`dtype=torch.${dtype}`);
  return withSuffixes(prefix + formatElements(tensor, prefix.length), [...suffixes, ...layoutSuffix(tensor), ...gradSuffix(tensor)], false);
}

/** The tensors that each layout is made of, by PyTorch's names, and the operators that give them. */
const sparseParts: Readonly<Record<string, readonly (readonly [name: string, operator: string])[]>> = {
  sparseCoo: [['indices', '_indices'], ['values', '_values']],
  sparseCsr: [['crow_indices', 'crow_indices'], ['col_indices', 'col_indices'], ['values', 'values']],
  sparseBsr: [['crow_indices', 'crow_indices'], ['col_indices', 'col_indices'], ['values', 'values']],
  sparseCsc: [['ccol_indices', 'ccol_indices'], ['row_indices', 'row_indices'], ['values', 'values']],
  sparseBsc: [['ccol_indices', 'ccol_indices'], ['row_indices', 'row_indices'], ['values', 'values']],
};

function formatSparse(tensor: Tensor): string {
  const detached = tensor.detach();
  const parts = sparseParts[tensor.layout]!.map(([name, operator]) => {
    const elements = call(operator, detached) as Tensor;
    const head = `${name}=tensor(`;
    const size = elements.shape.includes(0) ? `, size=${tuple(elements.shape)}` : '';
    return `${head}${formatElements(elements, prefix.length + head.length)}${size})`;
  });
  const suffixes = [
    ...deviceSuffix(tensor),
    `size=${tuple(tensor.shape)}`,
    `nnz=${call('_nnz', detached) as number}`,
    ...(isPlain(tensor.dtype) ? [] : [`dtype=torch.${tensor.dtype}`]),
    ...layoutSuffix(tensor),
    ...gradSuffix(tensor),
  ];
  return withSuffixes(prefix + parts.join(`,\n${' '.repeat(prefix.length)}`), suffixes, tensor.layout === 'sparseCoo');
}

function formatQuantized(tensor: Tensor): string {
  const perTensor = 0; // libtorch's number of the scheme with one scale for all
  const isPerTensor = call('qscheme', tensor) === perTensor;
  const parameter = (name: string, operator: string) => `${name}=${String(call(operator, tensor))}`;
  const suffixes = [
    ...deviceSuffix(tensor),
    `size=${tuple(tensor.shape)}`,
    `dtype=torch.${tensor.dtype}`,
    `quantization_scheme=torch.${isPerTensor ? 'per_tensor_affine' : 'per_channel_affine'}`,
    ...(isPerTensor
      ? [parameter('scale', 'q_scale'), parameter('zero_point', 'q_zero_point')]
      : [
          parameter('scale', 'q_per_channel_scales'),
          parameter('zero_point', 'q_per_channel_zero_points'),
          parameter('axis', 'q_per_channel_axis'),
        ]),
  ];
  return withSuffixes(prefix + formatElements(call('dequantize', tensor) as Tensor, prefix.length), suffixes, false);
}

function formatNested(tensor: Tensor): string {
  const parts = (call('unbind', tensor.detach()) as Tensor[]).map((part) => formatTensor(part).replace(/^/gm, '  '));
  return withSuffixes(`nested_tensor([\n${parts.join(',\n')}\n]`, [...deviceSuffix(tensor), ...gradSuffix(tensor)], false);
}

/** Without elements. */
function formatMeta(tensor: Tensor): string {
  const dtype = tensor.dtype === 'float32' ? [] : [`dtype=torch.${tensor.dtype}`];
  return withSuffixes(`${prefix}...`, [`device='${tensor.device}'`, `size=${tuple(tensor.shape)}`, ...dtype, ...gradSuffix(tensor)], false);
}

/** Dtypes that PyTorch does not name, because the elements show them. */
const isPlain = (dtype: DType) => ['float32', 'complex64', 'int64', 'bool'].includes(dtype);

function deviceSuffix({ device }: Tensor): string[] {
  return device.replace(/:.*/, '') === getDefaultDevice().replace(/:.*/, '') && device === 'cpu' ? [] : [`device='${device}'`];
}

function layoutSuffix({ layout }: Tensor): string[] {
  return layout === 'strided' ? [] : [`layout=torch.${layout.replace(/[A-Z]/, (letter) => `_${letter.toLowerCase()}`)}`];
}

function gradSuffix(tensor: Tensor): string[] {
  const { gradFn } = tensor;
  if (gradFn !== null) return [`grad_fn=<${gradFn}>`];
  return tensor.requiresGrad ? ['requires_grad=True'] : [];
}

const tuple = (shape: readonly number[]) => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

/** Each suffix behind the last, or on a line of its own where the line is full. */
function withSuffixes(text: string, suffixes: readonly string[], onNewLine: boolean): string {
  let result = text;
  let length = text.length - text.lastIndexOf('\n') + 1;
  suffixes.forEach((suffix, i) => {
    if ((onNewLine && i === 0) || length + suffix.length + 2 > lineWidth) {
      result += `,\n${' '.repeat(prefix.length)}${suffix}`;
      length = prefix.length + suffix.length;
    } else {
      result += `, ${suffix}`;
      length += suffix.length + 2;
    }
  });
  return `${result})`;
}
