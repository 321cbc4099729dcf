import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import type { Strategy } from '../hooks/strategy';
import type { AccuracyMatrix } from '../results/accuracy-matrix';
import { nonNegativeInteger } from '../options';
import { anyNumber, arrayOf, object } from '../state';
import { correctPredictions } from './metrics/accuracy';
import { ratio } from './metrics/mean-metric';
import { TrainedSteps, trainedStepsState } from './trained-steps';

type Row = Map<number, number>;

interface StreamAccuracies {
  name: string;
  benchmark: number;
  /** Experiences that the stream has. */
  width: number;
  /** Accuracies by experience, by the experience trained on before; null before any training. */
  rows: Map<number | null, Row>;
}

const name = z.string('a name');
const cell = z.tuple([nonNegativeInteger, anyNumber], 'an index and an accuracy');
const rowState = z.tuple([nonNegativeInteger.nullable(), arrayOf(cell)], 'an index and a row');

/** What an `AccuracyRecorder` keeps: of streams, rows and accuracies what the maps above hold, in order. */
export const accuracyRecorderState = object({
  trained: trainedStepsState,
  streams: arrayOf(object({ key: name, name, benchmark: nonNegativeInteger, width: nonNegativeInteger, rows: arrayOf(rowState) })),
});
type AccuracyRecorderState = z.output<typeof accuracyRecorderState>;

/**
 * Keeps the accuracy of every experience that was evaluated: the latest for each experience of its benchmark trained on
 * before. What is evaluated while another benchmark is learned has no row.
 */
export class AccuracyRecorder {
  /** The one recorded last stands last. */
  private readonly streams = new Map<string, StreamAccuracies>();
  private readonly trained = new TrainedSteps();

  beforeTrainingExp({ experience }: Strategy): void {
    this.trained.add(experience!);
  }

  afterEvalExp(strategy: Strategy): void {
    const correct = correctPredictions(strategy);
    if (correct === null || correct.weight === 0) return; // outputs and targets that cannot be compared
    const trainedOn = this.trained.latestFor(strategy.experience!);
    if (trainedOn === null && !this.trained.isEmpty) return;
    const { currentExperience, originStream } = strategy.experience!;
    const stream = this.streamOf(strategy.experience!);
    const row = stream.rows.get(trainedOn) ?? new Map<number, number>();
    stream.rows.set(trainedOn, row);
    row.set(currentExperience, ratio(correct));
    stream.width = Math.max(stream.width, originStream.length, currentExperience + 1);
  }

  /** Number of the benchmark that the values of an experience go with. */
  benchmarkOf(experience: Experience<Dataset>): number {
    return this.trained.benchmarkOf(experience);
  }

  /** How many numbers `benchmarkOf` has given. */
  get benchmarkCount(): number {
    return this.trained.benchmarkCount;
  }

  /** All matrices. */
  stateDict(): AccuracyRecorderState {
    const streams = [...this.streams].map(([key, { rows, ...rest }]) => ({
      key,
      ...rest,
      rows: [...rows].map(([trainedOn, row]): z.output<typeof rowState> => [trainedOn, [...row]]),
    }));
    return { trained: this.trained.stateDict(), streams };
  }

  /** Takes over what was checked. */
  loadStateDict({ trained, streams }: AccuracyRecorderState): void {
    this.trained.loadStateDict(trained);
    this.streams.clear();
    for (const { key, rows, ...rest } of streams) {
      this.streams.set(key, { ...rest, rows: new Map(rows.map(([trainedOn, row]) => [trainedOn, new Map(row)])) });
    }
  }

  /** The matrix of each stream of a benchmark that was evaluated after training; of all of them, of several of one name the latest. */
  matrices(benchmark?: number): Record<string, AccuracyMatrix> {
    const entries = this.streamsOf(benchmark).map(({ name, rows, width }): [string, AccuracyMatrix] => {
      const trained = [...rows.keys()].filter((index) => index !== null);
      const height = trained.reduce((most, index) => Math.max(most, index + 1), 0);
      return [name, Array.from({ length: height }, (_, i) => toArray(rows.get(i), width))];
    });
    return Object.fromEntries(entries.filter(([, matrix]) => matrix.length > 0));
  }

  /** The accuracies of each stream that was evaluated before any training. */
  initial(benchmark?: number): Record<string, (number | null)[]> {
    const evaluated = this.streamsOf(benchmark).filter(({ rows }) => rows.has(null));
    return Object.fromEntries(evaluated.map(({ name, rows, width }) => [name, toArray(rows.get(null), width)]));
  }

  private streamOf(experience: Experience<Dataset>): StreamAccuracies {
    const { name } = experience.originStream;
    const key = this.trained.streamKey(experience);
    const stream = this.streams.get(key) ?? { name, benchmark: this.benchmarkOf(experience), width: 0, rows: new Map() };
    this.streams.delete(key);
    this.streams.set(key, stream);
    return stream;
  }

  private streamsOf(benchmark: number | undefined): StreamAccuracies[] {
    return [...this.streams.values()].filter((stream) => benchmark === undefined || stream.benchmark === benchmark);
  }
}

function toArray(row: Row | undefined, width: number): (number | null)[] {
  return Array.from({ length: width }, (_, k) => row?.get(k) ?? null);
}
