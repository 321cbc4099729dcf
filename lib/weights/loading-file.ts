import type { Tensor } from '../tensor/tensor';

/** A tensor may stand for more elements than its file has bytes, but not for ever more. */
const leastElements = 2 ** 24;

/** What is being read: where its tensors go, and what it may still cost. */
export class LoadingFile {
  /** Tensors of old pickles between their making and the state that is set. */
  readonly blanks = new WeakSet<Tensor>();
  private left: number;

  constructor(
    /** For messages: the quoted path, or what else it is. */
    readonly name: string,
    readonly device: string,
    /** In bytes. */
    length: number,
  ) {
    this.left = Math.max(length, leastElements);
  }

  /**
   * Counts elements that are computed or looked at, where views of a storage cost nothing: a pickle can ask for them again
   * and again.
   * @throws Error
   */
  spend(elements: number): void {
    this.left -= elements;
    if (this.left < 0) throw new Error('computes more elements than it has bytes');
  }
}
