import type { DType } from '../element-types';
import type { Complex } from './complex';
import { isComplexDtype, isInexactDtype } from './dtype';
import { elementCount } from './element-count';
import { formatterOf } from './number-format';
import { call } from './operator-call';
import type { NestedElements, Tensor, TensorElement } from './tensor';

/** PyTorch's defaults (`torch.set_printoptions`). */
export const lineWidth = 80;
const threshold = 1000;
const edgeItems = 3;

/** The elements of a dense tensor in brackets, as PyTorch prints them from column `indent` on. */
export function formatElements(tensor: Tensor, indent: number): string {
  const { shape, dtype } = tensor;
  const count = elementCount(shape);
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
