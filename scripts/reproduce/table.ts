/** What came of all seeds beside what was published. */
import type { Published } from './published';

export interface Measured {
  mean: number;
  /** Of the population, as the published ones. */
  deviation: number;
  seeds: number;
}

/** `same`: within two published deviations of the published mean, or 0.5 points where that is more. */
export type Verdict = 'same' | 'other' | 'too few';

/** A single seed may lie anywhere. */
export const fewestSeeds = 3;
const leastTolerance = 0.5;

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Of values of each seed, in percent; null: there are none. */
export function measured(values: readonly number[]): Measured | null {
  if (values.length === 0) return null;
  const middle = mean(values);
  return { mean: middle, deviation: Math.sqrt(mean(values.map((value) => (value - middle) ** 2))), seeds: values.length };
}

export function verdictOn({ mean: ours, seeds }: Measured, published: Published): Verdict {
  if (seeds < fewestSeeds) return 'too few';
  return Math.abs(ours - published.mean) <= Math.max(2 * published.deviation, leastTolerance) ? 'same' : 'other';
}

export interface Cell {
  ours: Measured | null;
  published: Published | null;
  /** Whether points say something of it: forgetting is far below one. */
  isJudged: boolean;
}

export interface Table {
  columns: readonly string[];
  rows: readonly { name: string; cells: readonly Cell[] }[];
}

const number = ({ mean, deviation }: Published, spread = deviation > 0) => mean.toFixed(2) + (spread ? ` ± ${deviation.toFixed(2)}` : '');

function textOf({ ours, published, isJudged }: Cell): string {
  const left = ours ? number(ours, ours.seeds > 1) : '-';
  if (!published) return ours ? `${left} (${ours.seeds})` : left;
  const verdict = ours && isJudged ? `, ${verdictOn(ours, published)}` : '';
  return `${left} / ${number(published)}${verdict}`;
}

/** Rows of Markdown. */
export function markdown({ columns, rows }: Table): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(['', ...columns]), line(['', ...columns].map(() => '---')), ...rows.map(({ name, cells }) => line([name, ...cells.map(textOf)]))].join('\n');
}

/** The same in columns, for a terminal. */
export function plain({ columns, rows }: Table): string {
  const lines = [['', ...columns], ...rows.map(({ name, cells }) => [name, ...cells.map(textOf)])];
  const widths = ['', ...columns].map((_, i) => Math.max(...lines.map((line) => line[i]!.length)));
  return lines.map((line) => line.map((text, i) => text.padEnd(widths[i]!)).join('  ').trimEnd()).join('\n');
}
