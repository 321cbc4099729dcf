import type { DType } from './element-types';
import { getDefaultDevice } from './default-device';
import { isComplexDtype, isInexactDtype } from './dtype';
import { formatterOf } from './number-format';
import { call } from './operator-call';
import type { Complex } from './complex';
import type { NestedElements, Tensor, TensorElement } from './tensor';

/** PyTorch's defaults (`torch.set_printoptions`). */
const lineWidth = 80;
const threshold = 1000;
const edgeItems = 3;

/** @internal A tensor as PyTorch prints it. */
export function formatTensor(tensor: Tensor): string {
  if (tensor.isDisposed) return 'tensor(disposed)';
  return tensor.layout === 'sparseCoo' ? formatSparse(tensor) : formatStrided(tensor);
}

const prefix = 'tensor(';

function formatStrided(tensor: Tensor): string {
  const { shape, dtype } = tensor;
  const suffixes: string[] = deviceSuffix(tensor);
  const isEmpty = shape.includes(0);
  if (isEmpty && shape.length !== 1) suffixes.push(`size=${tuple(shape)}`);
  if (isEmpty ? dtype !== 'float32' : !isPlain(dtype)) suffixes.push(`dtype=torch.${dtype}`);
  return withSuffixes(prefix + formatElements(tensor, prefix.length), [...suffixes, ...layoutSuffix(tensor), ...gradSuffix(tensor)], false);
}

function formatSparse(tensor: Tensor): string {
  const detached = tensor.detach();
  const part = (name: string, elements: Tensor) => {
    const head = `${name}=tensor(`;
    const size = elements.shape.includes(0) ? `, size=${tuple(elements.shape)}` : '';
    return `${head}${formatElements(elements, prefix.length + head.length)}${size})`;
  };
  const indices = part('indices', call('_indices', detached) as Tensor);
  const values = part('values', call('_values', detached) as Tensor);
  const suffixes = [
    ...deviceSuffix(tensor),
    `size=${tuple(tensor.shape)}`,
    `nnz=${call('_nnz', detached) as number}`,
    ...(isPlain(tensor.dtype) ? [] : [`dtype=torch.${tensor.dtype}`]),
    ...layoutSuffix(tensor),
    ...gradSuffix(tensor),
  ];
  return withSuffixes(`${prefix}${indices},\n${' '.repeat(prefix.length)}${values}`, suffixes, true);
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

function formatElements(tensor: Tensor, indent: number): string {
  const { shape, dtype } = tensor;
  const count = shape.reduce((product, size) => product * size, 1);
  if (count === 0) return '[]';
  const isCut = count > threshold;
  const shown = isCut ? edges(tensor.detach()) : tensor;
  const array = shown.toArray();
  const { format, width } = elementFormatter(([array] as unknown[]).flat(Infinity) as TensorElement[], dtype);
  const isShort = (dim: number) => isCut && shape[dim]! > 2 * edgeItems;
  const nested = (items: NestedElements, dim: number, margin: number): string => {
    if (!Array.isArray(items)) return format(items);
    const isInnermost = dim === shape.length - 1;
    const parts = items.map((item) => nested(item, dim + 1, margin + 1));
    if (isShort(dim)) parts.splice(edgeItems, 0, isInnermost ? ' ...' : '...');
    if (!isInnermost) return `[${parts.join(`,${'\n'.repeat(shape.length - dim - 1)}${' '.repeat(margin + 1)}`)}]`;
    const perLine = Math.max(1, Math.floor((lineWidth - margin) / (width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(margin + 1)}`)}]`;
  };
  return nested(array, 0, indent);
}

/** The first and last elements along each dimension that is too long. */
function edges(tensor: Tensor): Tensor {
  return tensor.shape.reduce((part, size, dim) => {
    if (size <= 2 * edgeItems) return part;
    return call('cat', [part.narrow(dim, 0, edgeItems), part.narrow(dim, size - edgeItems, edgeItems)], dim) as Tensor;
  }, tensor);
}

function elementFormatter(elements: TensorElement[], dtype: DType): { width: number; format: (element: TensorElement) => string } {
  if (!isComplexDtype(dtype)) {
    const { width, format } = formatterOf(elements as number[], isInexactDtype(dtype) || /^q/.test(dtype));
    return { width, format: (element) => format(element as number) };
  }
  const real = formatterOf(elements.map((element) => (element as Complex).re), true);
  const imaginary = formatterOf(elements.map((element) => (element as Complex).im), true);
  return {
    width: real.width + imaginary.width + 1,
    format: (element) => {
      const { re, im } = element as Complex;
      const behind = imaginary.format(im).trimStart();
      return `${real.format(re)}${behind.startsWith('-') ? '' : '+'}${behind}j`;
    },
  };
}
