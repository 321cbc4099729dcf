/** @internal Events as they come, for one who may be slow: what has not been taken gives way to the next. */
export class LatestEvents<T> implements AsyncIterableIterator<T> {
  private newest: { event: T } | null = null;
  private hasEnded = false;
  private readonly waiting: ((result: IteratorResult<T, undefined>) => void)[] = [];

  /** @param letGo called once nobody listens any more */
  constructor(private readonly letGo: (events: LatestEvents<T>) => void) {}

  /** Something has happened. */
  push(event: T): void {
    if (this.hasEnded) return;
    const next = this.waiting.shift();
    if (next) next({ value: event, done: false });
    else this.newest = { event };
  }

  /** Nothing more comes; what came last can still be taken. */
  end(): void {
    this.hasEnded = true;
    for (const next of this.waiting.splice(0)) next({ value: undefined, done: true });
    this.letGo(this);
  }

  /** The latest event that has not been taken, or the next one. */
  next(): Promise<IteratorResult<T, undefined>> {
    const { newest } = this;
    this.newest = null;
    if (newest) return Promise.resolve({ value: newest.event, done: false });
    if (this.hasEnded) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Nobody listens any more. */
  return(): Promise<IteratorResult<T, undefined>> {
    this.newest = null;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
