import { z } from 'zod';
import type { NativeMiniBatches } from '../native/types';
import { checkState, isStateful, type State } from '../state';
import { Tensor } from '../tensor/tensor';

const order = z.instanceof(Tensor, { error: 'a Tensor' }).nullable();
const groupSchema = z.object({ order, next: z.int().min(0), hasEnded: z.boolean() });
const schema = z.object({ groups: z.array(groupSchema) });

/** Where a pass over data in memory stands. */
export function positionOf(pass: NativeMiniBatches): State {
  return {
    groups: pass.position().map(([order, next, hasEnded]) => ({
      order: order && new Tensor(order).to('int32'),
      next,
      hasEnded,
    })),
  };
}

/** Has a pass over data in memory that has just been opened go on at a position. @throws ERR_STATE_DICT */
export function goTo(pass: NativeMiniBatches, position: unknown): void {
  const { groups } = checkState('the position in a dataset', schema, position);
  pass.goTo(groups.map(({ order, next, hasEnded }) => [order && order.handle, next, hasEnded]));
}

/** A pass whose mini-batches JavaScript has a part in, and where it stands. */
export class PassInJavaScript {
  /** What gathers them, of data in memory. */
  gathered: NativeMiniBatches | null = null;
  /** What the source of an `IterableDataset` has opened. */
  opened: AsyncIterable<never> | Iterable<never> | null = null;

  /** @param begin what `position` of an earlier pass was; null: it begins at the beginning */
  constructor(readonly begin: State | null = null) {}

  /** Behind the mini-batch that was given last; null where nobody can go on there. */
  position(): State | null {
    if (this.gathered) return positionOf(this.gathered);
    return isStateful(this.opened) ? this.opened.stateDict() : null;
  }

  /** What gathers mini-batches has been opened. */
  gathers(pass: NativeMiniBatches): NativeMiniBatches {
    if (this.begin !== null) goTo(pass, this.begin);
    this.gathered = pass;
    return pass;
  }

  /** A source has been opened. */
  opens<T extends AsyncIterable<unknown> | Iterable<unknown>>(source: T): T {
    if (this.begin !== null && isStateful(source)) source.loadStateDict(this.begin);
    this.opened = source as typeof this.opened;
    return source;
  }
}
