import type { State } from '../../state';
import { callUserAtOnce } from '../../user-function';
import { generatorState, loadGeneratorState } from '../state/generator-state';
import type { SourceState } from '../state/training-state';
import type { OpenSource } from './mini-batch-source';

/** Strategies that have been told, once, that a source cannot be gone on with. */
const warnedOf = new WeakSet<object>();

type Draws = Parameters<typeof generatorState>[0];

/** Where a pass over mini-batches stands, and how one goes on there. */
export class PassKeeper {
  private source: OpenSource | null = null;
  /** What a source draws from that can only be read again, as it was before it was opened. */
  private generators: State = null;

  /** @param from where it begins; null: at the beginning */
  constructor(
    private readonly strategy: Draws,
    private from: SourceState | null,
  ) {}

  /** @returns the source, and how many of its mini-batches have been before */
  async open(open: (begin: State | null) => OpenSource): Promise<{ source: OpenSource; before: number }> {
    const { strategy, from } = this;
    this.from = null;
    if (from && from.position !== null) {
      const now = generatorState(strategy);
      this.source = open(from.position);
      loadGeneratorState(strategy, now); // opening draws
      this.generators = from.generators;
      return { source: this.source, before: from.skip };
    }
    const now = generatorState(strategy);
    if (from) loadGeneratorState(strategy, from.generators);
    this.generators = from ? from.generators : now;
    this.source = open(null);
    if (from) {
      for (let i = 0; i < from.skip; i++) await this.source.fetch?.();
      loadGeneratorState(strategy, now);
    }
    return { source: this.source, before: from ? from.skip : 0 };
  }

  /** @param done mini-batches that have been trained */
  state(done: number): SourceState | null {
    const { source } = this;
    if (!source) return null;
    const position = callUserAtOnce('ERR_CHECKPOINT_STATE', 'stateDict of the source of mini-batches failed', () => source.position());
    if (position === null && done > 0 && !warnedOf.has(this.strategy)) {
      warnedOf.add(this.strategy);
      process.emitWarning(
        'checkpoint: the source of mini-batches says nothing of its place: a run that goes on from here reads it again from the ' +
          'beginning of the epoch, and skips what has been trained. With stateDict and loadStateDict it could go on at once.',
        'ContinualTorchWarning',
      );
    }
    return { position, skip: done, generators: position === null ? this.generators : null };
  }
}
