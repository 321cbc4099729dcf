/** What a process that makes calls may take. */
export const limits = {
  /** Of one call: those that end take a fraction of it. */
  milliseconds: 30_000,
  /** Of resident memory: a call asks for as much as its sizes say. */
  bytes: 2 * 2 ** 30,
};
