/** What has been measured, one JSON object a line: a sweep that was interrupted goes on where it was. */
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export type Form = 'gradient' | 'proximal';

export interface Result {
  task: string;
  seed: number;
  form: Form;
  /** `lambdaReg`; 0: no penalty. */
  lambda: number;
  /** Whether `suggestLambda` chose it. */
  isSuggested: boolean;
  /** Accuracy or R^2; null where the loss was no longer finite. */
  score: number | null;
}

const file = path.join('build', 'sweep', 'results.jsonl');

/** Without a last line that was cut off. */
export function readResults(): Result[] {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as Result);
}

export function addResult(result: Result): void {
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}
