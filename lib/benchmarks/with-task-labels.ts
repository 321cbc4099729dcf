import type { Dataset } from '../data/dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { Benchmark, Experience, Stream } from './stream';

/**
 * Makes sure that all data carries task labels, and returns what it was given (`with_task_labels`): experiences always tell
 * the task labels of their data.
 * @throws ERR_INVALID_ARG_VALUE where data carries none; ERR_INVALID_ARG_TYPE
 */
export function withTaskLabels<T extends Benchmark<Dataset> | Stream<Dataset> | Experience<Dataset>>(source: T): T {
  for (const { dataset, currentExperience, originStream } of experiencesOf(source)) {
    if (dataset.taskLabels.length > 0) continue;
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_VALUE',
      `withTaskLabels: expected data with task labels, got none in experience ${currentExperience} of stream "${originStream.name}"`,
    );
  }
  return source;
}

function experiencesOf(source: unknown): Iterable<Experience<Dataset>> {
  if (source instanceof Benchmark) return [...source.streams.values()].flatMap(({ experiences }) => experiences);
  if (source instanceof Stream) return source.experiences;
  if (source instanceof Experience) return [source];
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `withTaskLabels: expected a Benchmark, a Stream or an Experience, got ${describeValue(source)}`,
  );
}
