/**
 * A set of non-negative integers in the order in which Python walks it, because the reference walks classes and task labels
 * as sets: CPython's open addressing (`Objects/setobject.c`) with the integer as its own hash.
 */
export class IntegerSet {
  private table = new Array<number | undefined>(8);
  private size = 0;

  /** As Python's `set(values)`. */
  static of(values: Iterable<number>): IntegerSet {
    const set = new IntegerSet();
    for (const value of values) set.add(value);
    return set;
  }

  /** The members, in order. */
  values(): number[] {
    return this.table.filter((value) => value !== undefined);
  }

  /** As Python's `set.add`. */
  add(value: number): void {
    if (!insert(this.table, value)) return;
    this.size++;
    if (this.size * 5 >= (this.table.length - 1) * 3) this.resize(this.size * (this.size > 50_000 ? 2 : 4));
  }

  /** Adds the members of another set; makes room for all of them first, which is why the order may differ from adding. */
  update(other: IntegerSet): void {
    if (other.size === 0) return;
    if ((this.size + other.size) * 5 >= (this.table.length - 1) * 3) this.resize((this.size + other.size) * 2);
    if (this.size === 0 && this.table.length === other.table.length) {
      this.table = [...other.table];
      this.size = other.size;
    } else {
      for (const value of other.values()) this.add(value);
    }
  }

  /** As Python's `set.union`. */
  union(other: IntegerSet): IntegerSet {
    const result = new IntegerSet();
    result.update(this);
    result.update(other);
    return result;
  }

  private resize(atLeast: number): void {
    let size = 8;
    while (size <= atLeast) size *= 2;
    const members = this.values();
    this.table = new Array<number | undefined>(size);
    for (const value of members) insert(this.table, value);
  }
}

/** The distinct ones of these integers, in the order in which Python walks a set that they were added to. */
export function setOrder(values: Iterable<number>): number[] {
  return IntegerSet.of(values).values();
}

/** Whether the value was not there yet. */
function insert(table: (number | undefined)[], value: number): boolean {
  const linearProbes = 9;
  const mask = table.length - 1;
  let perturb = value;
  let i = value & mask;
  for (;;) {
    const probes = i + linearProbes <= mask ? linearProbes : 0;
    for (let probe = i; probe <= i + probes; probe++) {
      if (table[probe] === value) return false;
      if (table[probe] === undefined) {
        table[probe] = value;
        return true;
      }
    }
    perturb >>>= 5;
    i = (i * 5 + 1 + perturb) & mask;
  }
}
