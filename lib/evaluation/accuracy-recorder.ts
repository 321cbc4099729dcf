import type { SupervisedTemplate } from '../training/templates/supervised';
import type { AccuracyMatrix } from './accuracy-matrix';
import { correctPredictions } from './metrics/accuracy';
import { ratio } from './metrics/mean-metric';

type Row = Map<number, number>;

interface StreamAccuracies {
  /** Experiences that the stream has. */
  width: number;
  /** Accuracies by experience, by the experience trained on before; null before any training. */
  rows: Map<number | null, Row>;
}

/** Keeps the accuracy of every experience that was evaluated: the latest for each experience trained on before. */
export class AccuracyRecorder {
  private readonly streams = new Map<string, StreamAccuracies>();
  private trainedOn: number | null = null;

  beforeTrainingExp({ experience }: SupervisedTemplate): void {
    this.trainedOn = experience!.currentExperience;
  }

  afterEvalExp(strategy: SupervisedTemplate): void {
    const correct = correctPredictions(strategy);
    if (correct.weight === 0) return; // outputs and targets that cannot be compared
    const { currentExperience, originStream } = strategy.experience!;
    const stream = this.streams.get(originStream.name) ?? { width: 0, rows: new Map<number | null, Row>() };
    this.streams.set(originStream.name, stream);
    const row = stream.rows.get(this.trainedOn) ?? new Map<number, number>();
    stream.rows.set(this.trainedOn, row);
    row.set(currentExperience, ratio(correct));
    stream.width = Math.max(stream.width, originStream.length, currentExperience + 1);
  }

  /** The matrix of each stream that was evaluated after training. */
  matrices(): Record<string, AccuracyMatrix> {
    const entries = [...this.streams].map(([name, { rows, width }]): [string, AccuracyMatrix] => {
      const trained = [...rows.keys()].filter((index) => index !== null);
      const height = trained.reduce((most, index) => Math.max(most, index + 1), 0);
      return [name, Array.from({ length: height }, (_, i) => toArray(rows.get(i), width))];
    });
    return Object.fromEntries(entries.filter(([, matrix]) => matrix.length > 0));
  }

  /** The accuracies of each stream that was evaluated before any training. */
  initial(): Record<string, (number | null)[]> {
    const evaluated = [...this.streams].filter(([, { rows }]) => rows.has(null));
    return Object.fromEntries(evaluated.map(([name, { rows, width }]) => [name, toArray(rows.get(null), width)]));
  }
}

function toArray(row: Row | undefined, width: number): (number | null)[] {
  return Array.from({ length: width }, (_, k) => row?.get(k) ?? null);
}
