/** The published tables. */
import { authorsPublished, permutedRows, type Published, type Row, scenarios, type Setting, splitRows } from './published';
import type { Result, Run, TargetName } from './results';
import { isOf } from './results';
import { mean, measured, type Table } from './table';

export interface Target {
  name: TargetName;
  title: string;
  columns: readonly string[];
  rows: readonly TargetRow[];
  /** How many, unless told otherwise. */
  seeds: number;
}

interface TargetRow {
  key: string;
  name: string;
  setting: (column: string) => Partial<Setting>;
  /** What is shown of a run, in percent. */
  value: (result: Result) => number;
  published: (column: string) => Published | null;
}

const accuracy = ({ accuracies }: Result) => 100 * mean(accuracies);
/** As the authors print it: over all tasks, the last one among them. */
const forgetting = ({ accuracies, learned = [] }: Result) => 100 * mean(accuracies.map((value, i) => learned[i]! - value));

const ofPaper = ({ key, name, settings, published }: Row): TargetRow => ({
  key,
  name,
  setting: (column) => settings[column as 'task'],
  value: accuracy,
  published: (column) => published?.[column as 'task'] ?? null,
});

export const targets: Record<TargetName, Target> = {
  split: { name: 'split', title: 'Split MNIST', columns: scenarios, rows: splitRows.map(ofPaper), seeds: 10 },
  permuted: { name: 'permuted', title: 'Permuted MNIST', columns: scenarios, rows: permutedRows.map(ofPaper), seeds: 3 },
  authors: {
    name: 'authors',
    title: 'Split MNIST as by the authors of MAS',
    columns: ['accumulated', 'sequence'],
    rows: [
      { key: 'mas', name: 'MAS, accuracy', setting: () => ({}), value: accuracy, published: (column) => authorsPublished[column as 'sequence'].accuracy },
      { key: 'mas', name: 'MAS, forgetting', setting: () => ({}), value: forgetting, published: (column) => authorsPublished[column as 'sequence'].forgetting },
    ],
    seeds: 5,
  },
};

/** What is to be trained: of every seed all that is wanted before the next. */
export function runsOf(target: Target, rows: readonly string[], columns: readonly string[], seeds: number, samples: number | null): Run[] {
  const wanted = target.rows.filter(({ key }, i) => rows.includes(key) && target.rows.findIndex((row) => row.key === key) === i);
  return Array.from({ length: seeds }, (_, seed) =>
    wanted.flatMap(({ key, setting }) => columns.map((column) => ({ target: target.name, row: key, column, seed, samples, setting: setting(column) }))),
  ).flat();
}

/** Of the results those of these runs. */
export function tableOf(target: Target, runs: readonly Run[], results: readonly Result[]): Table {
  const rows = target.rows.filter(({ key }) => runs.some((run) => run.row === key));
  const columns = target.columns.filter((column) => runs.some((run) => run.column === column));
  const valuesOf = ({ key, value }: TargetRow, column: string) =>
    runs.flatMap((run) => {
      const result = run.row === key && run.column === column ? results.find((each) => isOf(run, each)) : undefined;
      return result ? [value(result)] : [];
    });
  return {
    columns,
    rows: rows.map((row) => ({
      name: row.name,
      cells: columns.map((column) => ({ ours: measured(valuesOf(row, column)), published: row.published(column), isJudged: row.value === accuracy })),
    })),
  };
}
