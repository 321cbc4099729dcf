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

export const readResults = (): Result[] =>
  existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as Result) : [];

export function addResult(result: Result): void {
  mkdirSync(path.dirname(file), { recursive: true });
  appendFileSync(file, `${JSON.stringify(result)}\n`);
}
