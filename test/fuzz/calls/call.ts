/** A call that is made of a seed and a position alone. */
export interface Call {
  name: string;
  /** Described before the call: it may change them. */
  args: unknown[];
  run: () => unknown;
}
