import type { Dataset } from '../data/dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { Benchmark, Stream } from './stream';

/**
 * The same data in new experiences, numbered from 0, whose classes are those of the data and whose past and future are the
 * other experiences of what was given (`with_classes_timeline`): a slice becomes a stream of its own.
 * @throws ERR_INVALID_ARG_TYPE
 */
export function withClassesTimeline<Data extends Dataset>(source: Stream<Data>): Stream<Data>;
export function withClassesTimeline<Data extends Dataset>(source: Benchmark<Data>): Benchmark<Data>;
export function withClassesTimeline<Data extends Dataset>(
  source: Benchmark<Data> | Stream<Data>,
): Benchmark<Data> | Stream<Data> {
  const dataOf = (stream: Stream<Data>) => stream.experiences.map(({ dataset }) => ({ dataset }));
  if (source instanceof Stream) return Stream.of(source.name, source.benchmark, dataOf(source), identityOf(source));
  if (source instanceof Benchmark) {
    const streams = [...source.streams].map(([name, stream]) => [name, dataOf(stream)] as const);
    return new Benchmark(Object.fromEntries(streams), source.identity);
  }
  throw new ContinualTorchError(
    'ERR_INVALID_ARG_TYPE',
    `withClassesTimeline: expected a Benchmark or a Stream, got ${describeValue(source)}`,
  );
}

/** Still the same stream where its experiences keep their indices. */
function identityOf({ identity, experiences }: Stream<Dataset>): string {
  const places = experiences.map(({ currentExperience }) => currentExperience);
  return places.every((place, i) => place === i) ? identity : `${identity}[${places.join()}]`;
}
