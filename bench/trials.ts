/** Both sides of a question measured in turn, and what that says. */
import type { Program, Question } from './question';

export interface Result {
  question: Question;
  /** Medians of the trials, in the question's unit. */
  ours: number;
  peer: number | null;
  /** Of the medians, in the question's direction. */
  ratio: number | null;
  /** Quartiles of the trials' ratios; without a peer, of the numbers of ours. */
  spread: [number, number];
  trials: number;
}

/** The numbers that a program prints. */
export type Measured = Record<string, number>;

/** The value below which the share `p` of all values lies, between two of them by linear interpolation. */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = p * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (above - below) * (place - Math.floor(place));
}

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** What the trials of a question say; `peer` is empty where there is none. */
export function summarize(question: Question, ours: readonly number[], peer: readonly number[]): Result {
  const divide = (mine: number, theirs: number) => (question.ratio === 'ours / peer' ? mine / theirs : theirs / mine);
  const judged = question.peer ? ours.map((mine, i) => divide(mine, peer[i]!)) : ours;
  const [mine, theirs] = [median(ours), question.peer ? median(peer) : null];
  return {
    question,
    ours: mine,
    peer: theirs,
    ratio: theirs === null ? null : divide(mine, theirs),
    spread: [quantile(judged, 0.25), quantile(judged, 0.75)],
    trials: ours.length,
  };
}

/** The number that is to reach the question's figure. */
export const figure = ({ ratio, ours }: Result): number => ratio ?? ours;

export function isReached(result: Result): boolean {
  const { toReach } = result.question;
  if (toReach === null) return true;
  return 'atLeast' in toReach ? figure(result) >= toReach.atLeast : figure(result) <= toReach.atMost;
}

/**
 * Runs both sides `trials` times. They take turns in going first, so that what the machine does meanwhile meets both.
 * @param onTrial called before each trial with how many are done
 */
export async function measure(
  question: Question,
  trials: number,
  run: (program: Program) => Promise<Measured>,
  onTrial: (done: number) => void = () => {},
): Promise<Result> {
  const { ours, peer } = question;
  const programs = peer === null || peer.program === ours.program ? [ours.program] : [ours.program, peer.program];
  const values: Record<'ours' | 'peer', number[]> = { ours: [], peer: [] };
  for (let trial = 0; trial < trials; trial++) {
    onTrial(trial);
    const measured = new Map<Program, Measured>();
    for (const program of trial % 2 === 0 ? programs : programs.toReversed()) measured.set(program, await run(program));
    values.ours.push(numberOf(measured, ours.program, ours.value));
    if (peer) values.peer.push(numberOf(measured, peer.program, peer.value));
  }
  return summarize(question, values.ours, values.peer);
}

function numberOf(measured: Map<Program, Measured>, program: Program, value: string): number {
  const number = measured.get(program)![value];
  if (number !== undefined && Number.isFinite(number)) return number;
  throw new Error(`${program.file}: expected it to print a number "${value}", got ${JSON.stringify(measured.get(program))}`);
}
