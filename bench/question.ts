/** What a question of `bench/questions` is made of. */

/** Does one side's work in a process of its own and prints one JSON object of numbers. */
export interface Program {
  /** `node`: a file of `bench/workloads` on `dist`; `python`: a file of `bench/peers`; `native`: a file of `bench/native`. */
  runs: 'node' | 'python' | 'native';
  /** Its name without the ending. */
  file: string;
  args?: readonly (string | number)[];
  /** Another checkout than this, whose program it is. */
  checkout?: string;
}

export interface Side {
  program: Program;
  /**
   * The number that counts of those it prints. `secondsToResult` is there for each: from the start of the process until
   * its numbers were there.
   */
  value: string;
}

export interface Question {
  name: string;
  /** In words, with the workload. */
  asks: string;
  unit: string;
  ours: Side;
  /** With a name for the table; null: the number of ours stands for itself. Both sides of one program share its processes. */
  peer: (Side & { name: string }) | null;
  /** What the ratio is; of a question without a peer the number of ours is to reach the figure. */
  ratio: 'peer / ours' | 'ours / peer' | null;
  /** On the CPU; null where there is no figure. */
  toReach: { atLeast: number } | { atMost: number } | null;
  /** Where it can be asked. Default: on the CPU alone. */
  devices?: 'all' | 'cuda';
}

/** A failure that is shown as its message alone. */
export class BenchError extends Error {
  override name = 'BenchError';

  constructor(
    message: string,
    readonly exitCode: number = 1,
  ) {
    super(message);
  }
}

/** The questions that can be asked on a device: `cpu`, `cuda` or `cuda:N`. */
export function questionsFor(device: string, all: readonly Question[]): Question[] {
  return all.filter(({ devices = 'cpu' }) => devices === 'all' || devices === device.split(':')[0]);
}

/** The questions of these names, in their own order; all where none is named. @throws BenchError for an unknown name */
export function chooseQuestions(all: readonly Question[], names: readonly string[]): Question[] {
  const known = all.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new BenchError(`no such question: ${unknown.join(', ')}\nThere are:\n  ${known.join('\n  ')}`, 2);
  }
  return all.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** The questions that our side answers in Node, asked of this checkout and of another one. */
export function questionsAgainst(checkout: string, all: readonly Question[]): Question[] {
  return all
    .filter(({ ours }) => ours.program.runs === 'node')
    .map((question) => {
      const { program, value } = question.ours;
      return { ...question, peer: { name: 'there', program: { ...program, checkout }, value }, ratio: 'ours / peer', toReach: null };
    });
}
