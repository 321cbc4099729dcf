import { toExponential, toFixed } from '../half-to-even';

/** PyTorch's precision (`torch.set_printoptions`): digits behind the point. */
const precision = 4;

/** How the numbers of one tensor are printed: all to one width. */
export interface NumberFormatter {
  width: number;
  format(value: number | bigint | boolean): string;
}

/**
 * As `torch._tensor_str._Formatter`: numbers without a fraction as `1.`, others with four digits, all in scientific form
 * where the largest is over 1000 times the smallest, or some are very large or small.
 */
export function formatterOf(values: readonly (number | bigint | boolean)[], isFloat: boolean): NumberFormatter {
  if (!isFloat) return padded(values, (value) => (typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value)));
  const finite = (values as number[]).filter((value) => Number.isFinite(value) && value !== 0);
  if (finite.length === 0) return { width: 1, format: (value) => whole(value as number) };
  let [smallest, largest] = [Infinity, 0];
  for (const value of finite) {
    smallest = Math.min(smallest, Math.abs(value));
    largest = Math.max(largest, Math.abs(value));
  }
  const isWide = largest / smallest > 1000 || largest > 1e8;
  if (finite.every(Number.isInteger)) return isWide ? padded(finite, scientific) : padded(finite, whole);
  return padded(finite, isWide || smallest < 1e-4 ? scientific : fixed);
}

function padded<T>(values: readonly T[], text: (value: T) => string): NumberFormatter {
  const width = values.reduce((most, value) => Math.max(most, text(value).length), 1);
  return { width, format: (value) => text(value as T).padStart(width) };
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

const sign = (value: number) => (value < 0 || Object.is(value, -0) ? '-' : '');

function whole(value: number): string {
  return Number.isFinite(value) ? `${sign(value)}${Math.abs(value).toFixed(0)}.` : nonFinite(value);
}

function fixed(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  return sign(value) + toFixed(Math.abs(value), precision);
}

function scientific(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const [digits, exponent] = toExponential(Math.abs(value), precision).split('e') as [string, string];
  return `${sign(value)}${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}
