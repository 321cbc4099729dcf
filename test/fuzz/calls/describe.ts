import { Complex, Generator, Tensor } from '../../../lib/index';

/** A value as a person would look for it: what kind of tensor, which numbers. */
export function describe(value: unknown, depth = 0): string {
  if (value instanceof Tensor) return describeTensor(value);
  if (value instanceof Generator) return '<Generator>';
  if (value instanceof Complex) return value.toString();
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value === 'function') return '<function>';
  if (typeof value !== 'object' || value === null) return String(value);
  if (depth > 3) return '...';
  if (Array.isArray(value)) return `[${value.map((item) => describe(item, depth + 1)).join(', ')}]`;
  if (Object.getPrototypeOf(value) !== Object.prototype) return `<${Object.prototype.toString.call(value).slice(8, -1)}>`;
  return `{ ${Object.entries(value).map(([key, item]) => `${key}: ${describe(item, depth + 1)}`).join(', ')} }`;
}

function describeTensor(x: Tensor): string {
  try {
    const { shape, dtype, layout, requiresGrad } = x;
    const elements = shape.reduce((product, size) => product * size, 1) <= 12 && layout === 'strided' ? ` ${x.toNumbers().join(' ')}` : '';
    const strides = layout === 'strided' ? ` strides [${x.stride().join(', ')}]` : ` ${layout}`;
    return `<${dtype} [${shape.join(', ')}]${strides}${requiresGrad ? ' requiresGrad' : ''}${elements}>`;
  } catch {
    return '<Tensor>'; // disposed, or none at all
  }
}
