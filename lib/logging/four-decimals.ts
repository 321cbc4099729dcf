/** A number as Python's `f"{value:.4f}"` writes it; a zero never has a sign. */
export function fourDecimals(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  // Beyond this `toFixed` turns to powers of ten; such numbers are whole.
  if (Math.abs(value) >= 1e21) return `${BigInt(value)}.0000`;
  const text = value.toFixed(4);
  // Half way between two of four decimals lie the odd multiples of 1/32 alone. JavaScript rounds them away from zero,
  // Python to the even digit.
  const isTie = Math.abs((value * 32) % 2) === 1;
  const last = Number(text.at(-1));
  return isTie && last % 2 === 1 ? `${text.slice(0, -1)}${last - 1}` : text;
}
