import { ContinualTorchError } from '../../errors';
import type { AnyExperience } from '../../hooks/train-options';

/** A call of `train` or `eval` that is under way, or of a plugin that works with the model by itself. */
export interface Call {
  /** By which it is known to who holds the model. */
  readonly number: number;
  readonly operation: string;
  readonly experiences: readonly AnyExperience[];
  readonly signal: AbortSignal | undefined;
  /** When it began, by `performance.now()`. */
  readonly begunAt: number;
  /** Which of its experiences it is at. */
  position: number;
  /** Whether it ends with that one. */
  isStopping: boolean;
  /** Whether plugins have heard that it is aborted. */
  isTold: boolean;
}

/**
 * The calls of a strategy that are under way, an evaluation in a hook of training the innermost, and what can abort them. Signals
 * are looked at where a call may end; they are listened to only while a source of data is waited for.
 */
export class CallsUnderWay {
  /** Signals that hold for every call. */
  readonly standing = new Set<AbortSignal>();
  private readonly calls: Call[] = [];

  /** How many there are. */
  get count(): number {
    return this.calls.length;
  }

  /** All of them, the innermost last. */
  get all(): readonly Call[] {
    return this.calls;
  }

  /** The one that works at present. */
  get innermost(): Call | undefined {
    return this.calls.at(-1);
  }

  /** The one that somebody outside has made. */
  get outermost(): Call | undefined {
    return this.calls[0];
  }

  /** The error of an operation that has to wait for the call under way. */
  busy(operation: string, otherwise = ''): ContinualTorchError {
    const message = `${operation}: expected an idle strategy, got one with a call of ${this.outermost?.operation} under way; await its promise first`;
    return new ContinualTorchError('ERR_BUSY', message + otherwise);
  }

  /** The error of an operation in a hook that has begun another call, which is still under way. */
  busyHook(operation: string): ContinualTorchError {
    const message = `${operation}: expected a hook of the strategy in which no other call is under way, got one with a call of ${this.innermost?.operation}; await its promise first`;
    return new ContinualTorchError('ERR_BUSY', message);
  }

  /** The error of an evaluation in a hook of another one. */
  busyEvaluation(): ContinualTorchError {
    return new ContinualTorchError('ERR_BUSY', 'eval: expected a strategy that does not evaluate, or a hook of training, got a hook of an evaluation; evaluate behind it');
  }

  /** A call begins, perhaps in a hook of another call. */
  begin(call: Omit<Call, 'begunAt' | 'position' | 'isStopping' | 'isTold'>): Call {
    const begun: Call = { ...call, begunAt: performance.now(), position: 0, isStopping: false, isTold: false };
    this.calls.push(begun);
    return begun;
  }

  /** The innermost call has come to its end. */
  end(): void {
    this.calls.pop();
  }

  /** The signal that has been aborted, of this call or of one under way; nothing where there is none. */
  aborted(own?: AbortSignal): AbortSignal | undefined {
    if (own?.aborted) return own;
    for (const { signal } of this.calls) if (signal?.aborted) return signal;
    for (const signal of this.standing) if (signal.aborted) return signal;
    return undefined;
  }

  /**
   * What the promise gives. What comes of it after an abort nobody hears.
   * @throws what `interrupt` throws, or rejects with, as soon as a signal is aborted
   */
  unlessAborted<T>(promise: PromiseLike<T>, interrupt: () => void | Promise<void>): PromiseLike<T> {
    const ofCalls = this.calls.flatMap(({ signal }) => signal ?? []);
    const signals = [...ofCalls, ...this.standing];
    if (signals.length === 0) return promise;
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => resolve(Promise.resolve().then(interrupt) as Promise<never>);
      const letGo = () => signals.forEach((signal) => signal.removeEventListener('abort', onAbort));
      signals.forEach((signal) => signal.addEventListener('abort', onAbort));
      promise.then(resolve, reject);
      promise.then(letGo, letGo);
      if (this.aborted()) onAbort();
    });
  }
}
