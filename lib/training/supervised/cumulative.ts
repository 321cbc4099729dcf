import { z } from 'zod';
import { concatDatasets } from '../../data/concat-datasets';
import type { TensorDataset } from '../../data/tensor-dataset';
import { ContinualTorchError } from '../../errors';
import { Numbering, numberingState } from '../../evaluation/numbering';
import { experienceKey } from '../../evaluation/trained-steps';
import type { AnyExperience } from '../../hooks/train-options';
import { integer, nonNegativeInteger } from '../../options';
import { arrayOf, checkState, object, readState, type State } from '../../state';
import { SupervisedTemplate, type SupervisedTemplateOptions } from '../templates/supervised';

const begun = object({
  benchmark: nonNegativeInteger,
  stream: z.string('the name of a stream'),
  index: integer,
  /** Experiences that had been learned before. */
  before: nonNegativeInteger,
});
const stateSchema = z.object({ benchmarks: numberingState, experiences: arrayOf(begun) });

/** An experience that training has begun with. */
type Begun = z.output<typeof begun>;

/**
 * Trains on the data of all experiences so far at once, that of the present one last: what continual learning is measured against
 * (Avalanche's `Cumulative`). Data that several experiences select from the same tensors is not copied, other data once
 * (`concatDatasets`). Model, plugins and metrics see the present experience, as in the reference. An experience that was aborted, or has
 * failed, does not count until it is trained to its end.
 *
 * A checkpoint keeps which experiences there were, and not their data: that comes from the benchmark of the experience that is trained
 * next.
 *
 * @throws as `SupervisedTemplate`; while training as `concatDatasets`, and ERR_CHECKPOINT_MISMATCH where the data of an earlier
 * experience cannot be found after a checkpoint was loaded: it was one of another benchmark
 */
export class Cumulative extends SupervisedTemplate {
  readonly #benchmarks = new Numbering();
  #begun: readonly Begun[] = [];
  /** Those of this process, by `experienceKey`. */
  readonly #known = new Map<string, AnyExperience>();

  constructor(options: SupervisedTemplateOptions) {
    super({ evalMbSize: null, ...options });
  }

  /** Sets `adaptedDataset` to the data of all experiences so far with its training transforms. */
  override trainDatasetAdaptation(): void {
    const experience = this.requireExperience('trainDatasetAdaptation');
    const { benchmark, originStream, currentExperience } = experience;
    const before = this.clock.trainExpCounter;
    const own = { benchmark: this.#benchmarks.of(benchmark), stream: originStream.identity, index: currentExperience, before };
    // One that was begun at the same count did not come to its end: aborted, or to be gone on with.
    const experiences = [...this.#begun.filter((each) => each.before < before), own];
    this.adaptedDataset = concatDatasets(experiences.map((each) => this.#dataOf(each, experience).train()));
    this.#known.set(experienceKey(experience), experience);
    this.#begun = experiences;
  }

  /** As that of other strategies, and which experiences there were. */
  override stateDict(): { readonly [part: string]: State } {
    return { ...super.stateDict(), cumulative: { benchmarks: this.#benchmarks.stateDict(), experiences: this.#begun } };
  }

  /** Takes what `stateDict` gave. @throws as of other strategies */
  override loadStateDict(state: State): void {
    const { cumulative, ...parts } = { cumulative: null, ...(readState('the strategy', state) as { readonly [part: string]: State } | null) };
    const { benchmarks, experiences } = checkState('Cumulative', stateSchema, cumulative);
    super.loadStateDict(parts);
    this.#benchmarks.loadStateDict(benchmarks);
    this.#begun = experiences;
  }

  /** From what this process knows, or else from the benchmark that is trained. */
  #dataOf({ benchmark, stream, index }: Begun, current: AnyExperience): TensorDataset {
    const ofBenchmark = [...current.benchmark.streams.values()].flatMap(({ experiences }) => experiences);
    const found = [current, ...this.#known.values(), ...ofBenchmark].find(
      (each) => each.currentExperience === index && each.originStream.identity === stream && this.#benchmarks.find(each.benchmark) === benchmark,
    );
    if (found) return found.dataset as TensorDataset;
    throw new ContinualTorchError(
      'ERR_CHECKPOINT_MISMATCH',
      `Cumulative: expected the data of experience ${index} of stream "${stream}", which was learned before the checkpoint, in the benchmark that ` +
        'is trained, got one without it: experiences of several benchmarks are gone on with only where benchmarkFromDatasets has made one of them',
    );
  }
}
