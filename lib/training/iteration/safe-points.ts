import { callsAround, insideCall } from '../../calls-around';

interface Request {
  /** Whether a hook, or something else that the call under way waits for, has asked. */
  isInside: boolean;
  serve: () => Promise<void>;
}

/**
 * What can be asked of a strategy at any time (a snapshot, a checkpoint), and is done where nothing of it is at work:
 *
 * - at once while it is idle, or where a hook asks, or an override, or anything else that the call of `train` or `eval`
 *   under way has called: that call may wait for the answer;
 * - else at the next safe point: between two jobs of a pass, all hooks of the iteration done; between two hooks outside of
 *   passes; and at the end of the call.
 *
 * One request is served after the other. The strategy goes on when all that have begun have come to their end.
 */
export class SafePoints {
  readonly #waiting: Request[] = [];
  /** Resolves when what is being served has been; null: nothing is. */
  #serving: Promise<void> | null = null;
  readonly #calls: number[] = [];
  #jobs = 0;

  /** Whether the call under way waits for what happens at the present place: a hook, for example. */
  get isInside(): boolean {
    const calls = callsAround();
    return this.#calls.some((call) => calls.includes(call));
  }

  /** Has `work` done at a safe point. @throws what `work` throws */
  ask<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const serve = () => Promise.resolve().then(work).then(resolve, reject);
      const request = { isInside: this.isInside, serve };
      if (this.#jobs === 0 && (this.#calls.length === 0 || request.isInside)) this.#begin([request]);
      else this.#waiting.push(request);
    });
  }

  /** The strategy has come to a safe point: a promise is to be awaited. It never rejects. */
  serve(): void | Promise<void> {
    if (this.#waiting.length > 0) this.#begin(this.#waiting.splice(0));
    return this.quiet();
  }

  /** Before anything is done with the model: a promise, of what is being served, is to be awaited. It never rejects. */
  quiet(): void | Promise<void> {
    if (this.#serving) return this.#serving;
  }

  /** A call, by its number; at its end everything that was asked meanwhile is served. */
  async during<T>(call: number, work: () => Promise<T>): Promise<T> {
    this.#calls.push(call);
    try {
      const served = this.quiet();
      if (served) await served;
      return await insideCall(call, work);
    } finally {
      // Before what is left is served: who then asks again has no other safe point to wait for.
      this.#calls.pop();
      const served = this.serve();
      if (served) await served;
    }
  }

  /** While a job is at work nothing is served; what was asked inside the call meanwhile is at its end. */
  async job<T>(running: Promise<T>): Promise<T> {
    this.#jobs++;
    try {
      return await running;
    } finally {
      this.#jobs--;
      const isAsked = ({ isInside }: Request) => isInside;
      if (this.#waiting.some(isAsked)) {
        this.#begin(this.#waiting.filter(isAsked));
        const rest = this.#waiting.filter((request) => !isAsked(request));
        this.#waiting.splice(0, this.#waiting.length, ...rest);
        await this.quiet();
      }
    }
  }

  /** Serves these behind what is being served. */
  #begin(requests: Request[]): void {
    const serving = (async (before: Promise<void> | null) => {
      await before;
      for (const { serve } of requests) await serve();
    })(this.#serving);
    this.#serving = serving;
    void serving.then(() => {
      if (this.#serving === serving) this.#serving = null;
    });
  }
}
