/** The passes that each call of `train` and `eval` under way has begun: an override that begins one may not wait for it. */
export class PassesUnderWay {
  private readonly calls: Promise<void>[][] = [];

  /** A call begins, perhaps in a hook of another call. */
  callBegins(): void {
    const passes: Promise<void>[] = [];
    this.calls.push(passes);
  }

  /** The innermost call has come to its end. */
  callEnds(): void {
    void this.calls.pop();
  }

  /** Begins a pass of the innermost call. */
  begin(run: () => Promise<void>): Promise<void> {
    // Of this call: an evaluation may have begun by the time that `run` returns.
    const passes = this.calls.at(-1);
    const pass = run();
    pass.catch(() => {});
    passes?.push(pass);
    return pass;
  }

  /** @throws what a pass that nobody waited for has failed with */
  async end(): Promise<void> {
    await Promise.all(this.calls.at(-1)!.splice(0));
  }

  /** Waits until none runs any more, however it ends. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.calls.at(-1)!);
  }
}
