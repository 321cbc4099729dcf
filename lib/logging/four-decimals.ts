/** A number as Python's `f"{value:.4f}"` writes it; a zero never has a sign. */
export function fourDecimals(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const text = value.toFixed(4);
  // Half way between two of four decimals lie the odd multiples of 1/32 alone. JavaScript rounds them away from zero,
  // Python to the even digit.
  const isTie = Math.abs((value * 32) % 2) === 1;
  const isOdd = Number(text.at(-1)) % 2 === 1;
  return isTie && isOdd ? (value - Math.sign(value) * 1e-5).toFixed(4) : text;
}
