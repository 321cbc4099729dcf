/** What has been measured, one JSON object a line: a table that was interrupted goes on where it was. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Setting } from './published';

export type TargetName = 'split' | 'permuted' | 'authors';

/** What is to be trained. */
export interface Run {
  target: TargetName;
  row: string;
  column: string;
  seed: number;
  /** How many samples of each task; null: all. */
  samples: number | null;
  setting: Partial<Setting>;
}

/** What came of it. */
export interface Result extends Run {
  /** Of each task at the end, in [0, 1]. */
  accuracies: number[];
  /** Of each task right after it was learned, where that was measured. */
  learned?: number[];
  /** Of the package. */
  version: string;
  torch: string;
  processor: string;
  seconds: number;
  date: string;
}

/** A last line that was cut off is left out. */
export function readResults(file: string): Result[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Result]));
}

/** Begins a line of its own, whatever an interrupted write has left. */
export function addResult(file: string, result: Result): void {
  mkdirSync(path.dirname(file), { recursive: true });
  if (existsSync(file)) {
    const text = readFileSync(file, 'utf8');
    if (text !== '' && !text.endsWith('\n')) writeFileSync(file, text.slice(0, text.lastIndexOf('\n') + 1));
  }
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}

/** Whether a result is of this run, with these settings. */
export function isOf({ target, row, column, seed, samples, setting }: Run, result: Result): boolean {
  return (
    result.target === target && result.row === row && result.column === column && result.seed === seed &&
    result.samples === samples && isDeepStrictEqual(result.setting, setting)
  ); // prettier-ignore
}
