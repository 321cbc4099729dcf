/** `value.toFixed(digits)` for numbers below 1e21, but what lies exactly half way goes to the even digit, as in Python. */
export function toFixed(value: number, digits: number): string {
  const exact = value.toFixed(exactDigits);
  return halfToEven(value.toFixed(digits), exact, exact.indexOf('.') + 1 + digits);
}

/** The same of `value.toExponential(digits)`, for numbers from 0 on. */
export function toExponential(value: number, digits: number): string {
  const [mantissa, exponent] = value.toExponential(digits).split('e') as [string, string];
  const [exact, exactExponent] = value.toExponential(exactDigits).split('e') as [string, string];
  // Rounding up may have carried into the exponent: then nothing was half way.
  return `${exponent === exactExponent ? halfToEven(mantissa, exact, 2 + digits) : mantissa}e${exponent}`;
}

/** Enough for what lies half way between numbers of a few digits. */
const exactDigits = 40;

/** JavaScript rounds what is exactly half way away from zero. `length`: what of `exact` is kept. */
function halfToEven(rounded: string, exact: string, length: number): string {
  const isHalf = /^50*$/.test(exact.slice(length));
  return isHalf && Number(exact[length - 1]) % 2 === 0 ? exact.slice(0, length) : rounded;
}
