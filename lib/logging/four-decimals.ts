import { toFixed } from '../half-to-even';

/** A number as Python's `f"{value:.4f}"` writes it; a zero never has a sign. */
export function fourDecimals(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  // Beyond this JavaScript turns to powers of ten; such numbers are whole.
  return Math.abs(value) >= 1e21 ? `${BigInt(value)}.0000` : toFixed(value, 4);
}
