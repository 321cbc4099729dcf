import { Experience, Stream } from '../../benchmarks/stream';
import { ContinualTorchError, describeValue } from '../../errors';
import type { AnyExperience, Experiences } from '../../hooks/train-options';
import { callUser } from '../../user-function';

/** The experiences that `train` or `eval` was given. @throws ERR_INVALID_ARG_TYPE, ERR_DATA_SOURCE, ERR_EMPTY_EXPERIENCE */
export function toExperiences(operation: string, experiences: Experiences): AnyExperience[] {
  const list = callUser('ERR_DATA_SOURCE', `${operation}: the experiences cannot be read`, () =>
    experiences instanceof Experience ? [experiences] : isIterable(experiences) ? [...experiences] : null,
  );
  const wrong = list === null ? -1 : list.findIndex((item: unknown) => !(item instanceof Experience));
  if (list === null || wrong >= 0) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `${operation}: expected an experience, a stream or an array of experiences, got ${list === null ? describeValue(experiences) : `${describeValue(list[wrong])} at index ${wrong}`}`,
    );
  }
  for (const { dataset, originStream, currentExperience } of list) {
    if (dataset.length !== 0) continue;
    throw new ContinualTorchError(
      'ERR_EMPTY_EXPERIENCE',
      `${operation}: expected an experience with samples, got none in experience ${currentExperience} of stream "${originStream.name}"`,
    );
  }
  return list;
}

/** One group, or several. */
export function toGroups(given: Experiences | readonly Experiences[]): readonly Experiences[] {
  return given instanceof Experience || given instanceof Stream ? [given] : (given as readonly Experiences[]);
}

function isIterable(value: unknown): value is Iterable<AnyExperience> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value;
}

/** Experiences by the name of their stream, in the order in which the names first come. */
export function groupByStream(experiences: AnyExperience[]): AnyExperience[][] {
  const groups = new Map<string, AnyExperience[]>();
  for (const experience of experiences) {
    const group = groups.get(experience.originStream.name);
    if (group) group.push(experience);
    else groups.set(experience.originStream.name, [experience]);
  }
  return [...groups.values()];
}

/** Metrics go by stream name and index: the values of one experience must not pass for those of another. */
export function requireNamesApart(groups: AnyExperience[][]): void {
  for (const group of groups) {
    const seen = new Map<number, AnyExperience>();
    for (const experience of group) {
      const { currentExperience, originStream, dataset } = experience;
      const other = seen.get(currentExperience);
      seen.set(currentExperience, experience);
      if (!other || other.dataset === dataset) continue;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_VALUE',
        `train: expected evalStreams of different names, got two "${originStream.name}" that both have an experience ${currentExperience}`,
      );
    }
  }
}
