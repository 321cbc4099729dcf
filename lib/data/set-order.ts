/**
 * The order in which Python iterates over a set of these non-negative integers, because the reference walks classes and
 * task labels as sets: CPython's open addressing (`Objects/setobject.c`) with the integer as its own hash.
 */
export function setOrder(values: readonly number[]): number[] {
  const linearProbes = 9;
  const insert = (table: (number | undefined)[], value: number) => {
    const mask = table.length - 1;
    let perturb = value;
    let i = value & mask;
    for (;;) {
      const probes = i + linearProbes <= mask ? linearProbes : 0;
      for (let probe = i; probe <= i + probes; probe++) {
        if (table[probe] === undefined) {
          table[probe] = value;
          return;
        }
      }
      perturb >>>= 5;
      i = (i * 5 + 1 + perturb) & mask;
    }
  };
  let table = new Array<number | undefined>(8);
  let used = 0;
  for (const value of new Set(values)) {
    insert(table, value);
    used++;
    if (used * 5 >= (table.length - 1) * 3) {
      let size = 8;
      while (size <= used * 4) size *= 2;
      const old = table;
      table = new Array<number | undefined>(size);
      for (const member of old) if (member !== undefined) insert(table, member);
    }
  }
  return table.filter((value) => value !== undefined);
}
