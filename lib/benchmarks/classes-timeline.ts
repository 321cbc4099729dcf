import { IntegerSet } from '../data/python-set';

/** The classes of an experience, and what of its stream came before and comes after. */
export interface Classes {
  classesInThisExperience: readonly number[];
  previousClasses: readonly number[];
  classesSeenSoFar: readonly number[];
  futureClasses: readonly number[];
}

/**
 * Which classes come when in a stream. Labels are looked at when the first experience is asked about. All lists are in the
 * order in which Python walks a set, as the reference's are.
 */
export class ClassesTimeline {
  private sets: IntegerSet[] | null = null;
  private readonly known = new Map<number, Classes>();

  /** @param classesOf for each experience, its distinct classes in the order in which they come up in the data */
  constructor(private readonly classesOf: readonly (() => readonly number[])[]) {}

  /** For the experience at this place. */
  at(index: number): Classes {
    this.sets ??= this.classesOf.map((classes) => IntegerSet.of(classes()));
    const classes = this.known.get(index) ?? classesAt(this.sets, index);
    this.known.set(index, classes);
    return classes;
  }
}

function classesAt(sets: readonly IntegerSet[], index: number): Classes {
  const current = sets[index]!;
  const previous = unionOf(sets.slice(0, index));
  return {
    classesInThisExperience: current.values(),
    previousClasses: previous.values(),
    classesSeenSoFar: current.union(previous).values(),
    futureClasses: unionOf(sets.slice(index + 1)).values(),
  };
}

function unionOf(sets: readonly IntegerSet[]): IntegerSet {
  const union = new IntegerSet();
  for (const set of sets) union.update(set);
  return union;
}
