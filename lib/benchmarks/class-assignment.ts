import { ContinualTorchError } from '../errors';

/** What labels become: what they are, their place in the order of classes, or their place in their experience. */
export type Remapping = 'none' | 'fromFirstExp' | 'inEachExp';

/** @throws ERR_INVALID_ARG_VALUE unless the order holds classes of the data, each once */
export function requireClasses(
  operation: string,
  name: string,
  order: readonly number[],
  classes: readonly number[],
): void {
  const known = new Set(classes);
  if (new Set(order).size === order.length && order.every((label) => known.has(label))) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected ${name} to hold classes of the data, each at most once, got [${order.join(', ')}]`,
  );
}

/** @throws ERR_INVALID_ARG_VALUE unless the counts add up to the number of classes */
export function requireSum(operation: string, name: string, counts: readonly number[], nClasses: number): void {
  const sum = counts.reduce((a, b) => a + b, 0);
  if (sum === nClasses) return;
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_VALUE',
    `${operation}: expected ${name} to add up to the number of classes, ${nClasses}, got ${sum}`,
  );
}

/**
 * How many classes each experience gets: those that `perExpClasses` counts, and an equal share of the rest for the others.
 * @throws ERR_INVALID_ARG_VALUE where the classes do not divide, or some are left over
 */
export function classCounts(
  operation: string,
  order: readonly number[],
  nExperiences: number,
  perExpClasses: Record<string, number>,
): number[] {
  const refuse = (expected: string, got: string) =>
    new ContinualTorchError('ERR_INVALID_ARG_VALUE', `${operation}: expected ${expected}, got ${got}`);
  const counted = Object.entries(perExpClasses);
  const odd = counted.find(([key]) => !/^(0|[1-9]\d*)$/.test(key) || Number(key) >= nExperiences);
  if (odd)
    throw refuse(`the keys of perExpClasses to be indices of experiences, in [0, ${nExperiences})`, `"${odd[0]}"`);
  const rest = order.length - counted.reduce((sum, [, count]) => sum + count, 0);
  const others = nExperiences - counted.length;
  const share = others > 0 ? rest / others : 0;
  if (others > 0 ? share < 1 || !Number.isInteger(share) : rest !== 0) {
    throw counted.length === 0
      ? refuse(
          `distinct classes of the data that divide evenly over ${nExperiences} experiences`,
          `[${order.join(', ')}]`,
        )
      : refuse(
          `perExpClasses to leave classes that divide evenly over the other ${others} experiences`,
          `${rest} of ${order.length} classes left`,
        );
  }
  return Array.from({ length: nExperiences }, (_, i) => perExpClasses[i] ?? share);
}

/** Which classes each experience holds and which labels they get (`NCScenario`). */
export class ClassAssignment {
  constructor(
    /** The classes of the data in their order of appearance. */
    readonly order: readonly number[],
    readonly counts: readonly number[],
    readonly remapping: Remapping,
  ) {}

  /** The classes of the data in each experience, in order of appearance. */
  get experiences(): number[][] {
    let start = 0;
    return this.counts.map((count) => this.order.slice(start, (start += count)));
  }

  /** From class of the data to label. */
  get mapping(): Map<number, number> {
    const { order, remapping } = this;
    if (remapping === 'inEachExp') {
      return new Map(this.experiences.flatMap((classes) => classes.map((label, i) => [label, i] as const)));
    }
    return new Map(order.map((label, i) => [label, remapping === 'fromFirstExp' ? i : label]));
  }
}
