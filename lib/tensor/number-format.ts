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
  const size = Math.abs(value);
  return sign(value) + halfToEven(size.toFixed(precision), size.toFixed(40), size.toFixed(40).indexOf('.') + 1 + precision);
}

function scientific(value: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const size = Math.abs(value);
  const [digits, exponent] = size.toExponential(precision).split('e') as [string, string];
  const [exact, exactExponent] = size.toExponential(40).split('e') as [string, string];
  // Rounding up may have carried into the exponent: then nothing was half way.
  const mantissa = exponent === exactExponent ? halfToEven(digits, exact, 2 + precision) : digits;
  return `${sign(value)}${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** Python rounds what is exactly half way to an even digit, JavaScript away from zero. */
function halfToEven(rounded: string, exact: string, length: number): string {
  const isHalf = /^50*$/.test(exact.slice(length));
  return isHalf && Number(exact[length - 1]) % 2 === 0 ? exact.slice(0, length) : rounded;
}
