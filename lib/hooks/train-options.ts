import type { Experience, Stream } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';

/** An experience whose data may lie in memory or come from a source. */
export type AnyExperience = Experience<Dataset>;

/** One experience or several: a stream, or an array. */
export type Experiences = AnyExperience | Stream<Dataset> | readonly AnyExperience[];

/** Options of `train` and `eval`; hooks get them, and those given to `train` reach the evaluations inside it. */
export interface TrainOptions {
  /** What periodic evaluation (`evalEvery`) evaluates: one stream or experience, or several. Default: the training experiences. */
  evalStreams?: Experiences | readonly Experiences[];
  /** Draws mini-batches in random order. Default: true in training, false in evaluation. */
  shuffle?: boolean;
  /** Leaves out a last training mini-batch that is not full. Default false. */
  dropLast?: boolean;
  /** Forgets momentum and moments before each experience. Default false. */
  resetOptimizerState?: boolean;
  /** Takes parameters that the model no longer has out of the optimizer. Default false. */
  removeParams?: boolean;
  /**
   * Aborts the call after the current iteration, or before the next hook outside of iterations: it rejects with ERR_ABORTED,
   * evaluations and importance passes inside it too. Hooks may watch it while they work.
   */
  signal?: AbortSignal;
  /** Begins anew although an experience is half ended: what its last hooks have done is given up. Default false. */
  restart?: boolean;
}
