/** What `console.log` shows of an object of ours: one line, `Name (what, tells, something)`. */
export function summary(name: string, ...parts: (string | null)[]): string {
  return `${name} (${parts.filter((part) => part !== null).join(', ')})`;
}

/** `1 sample`, `2 samples`; without a number where it is not known. */
export function counted(count: number | undefined, what: string, several = `${what}s`): string {
  return count === undefined ? `unknown number of ${several}` : `${count} ${count === 1 ? what : several}`;
}

/** `classes 0, 1`, those beyond the tenth left out; null where there are none. */
export function listed(what: string, items: readonly unknown[]): string | null {
  if (items.length === 0) return null;
  return `${what} ${items.slice(0, 10).join(', ')}${items.length > 10 ? `, ... (${items.length})` : ''}`;
}
