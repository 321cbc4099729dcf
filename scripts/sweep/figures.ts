/** Figures and tables of what was measured. */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TopLevelSpec } from 'vega-lite' with { 'resolution-mode': 'import' };
import type { Form, Result } from './results';
import { mnistTasks, smallTasks, type Task } from './tasks';

const folder = path.join('docs', 'figures');

/** Those of one task, way of updating and lambda. */
interface Point {
  task: string;
  form: Form;
  lambda: number;
  /** null where one of the seeds was no longer finite. */
  mean: number | null;
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

function points(results: readonly Result[]): Point[] {
  const groups: Record<string, Result[]> = {};
  for (const result of results) (groups[JSON.stringify([result.task, result.form, result.lambda])] ??= []).push(result);
  return Object.values(groups).map((group) => {
    const { task, form, lambda } = group[0]!;
    const scores = group.map(({ score }) => score);
    return { task, form, lambda, mean: scores.includes(null) ? null : mean(scores as number[]) };
  });
}

/** A panel for each task: the score over lambda in both forms, the score without a penalty, and what was suggested. */
function chart(names: readonly string[], results: readonly Result[]): TopLevelSpec {
  const swept = points(results.filter(({ isSuggested }) => !isSuggested)).filter((point) => point.mean !== null);
  const suggested = points(results.filter(({ isSuggested, lambda }) => isSuggested && lambda > 0)).filter((point) => point.mean !== null);
  const x = { field: 'lambda', type: 'quantitative', scale: { type: 'log' }, axis: { title: 'lambdaReg', format: '~e', tickCount: 4 } } as const;
  const y = { field: 'mean', type: 'quantitative', scale: { zero: false }, title: null } as const;
  const color = { field: 'form', type: 'nominal', title: 'penaltyUpdate', legend: { orient: 'bottom' }, scale: { domain: ['gradient', 'proximal'], range: ['#d95f02', '#1b6ca8'] } } as const;
  return {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    columns: 5,
    resolve: { scale: { y: 'independent' } },
    concat: names.map((task) => {
      const ofTask = (values: readonly Point[], isWanted: (point: Point) => boolean) => ({ values: values.filter((point) => point.task === task && isWanted(point)) });
      return {
        title: { text: task, fontSize: 11 },
        width: 150,
        height: 120,
        layer: [
          { data: ofTask(swept, ({ lambda }) => lambda === 0), mark: { type: 'rule', strokeDash: [3, 3], color: 'gray' }, encoding: { y } },
          { data: ofTask(swept, ({ lambda }) => lambda > 0), mark: { type: 'line', point: { size: 12 } }, encoding: { x, y, color } },
          { data: ofTask(suggested, () => true), mark: { type: 'point', shape: 'diamond', filled: true, size: 60 }, encoding: { x, y, color } },
        ],
      };
    }),
  };
}

async function draw(name: string, spec: TopLevelSpec): Promise<void> {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  const svg = await new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, name), `${svg}\n`);
}

const shown = (value: number | null) => (value === null ? '-' : value.toFixed(3));

/** The best lambda of a form, and from where to where it is within 0.02 of that, without a gap. */
function plateau(all: readonly Point[]): { best: number; lambda: number; from: number; to: number } {
  const ordered = all.filter(({ lambda }) => lambda > 0).sort((a, b) => a.lambda - b.lambda);
  const best = ordered.reduce((a, b) => ((b.mean ?? -Infinity) > (a.mean ?? -Infinity) ? b : a));
  const isNear = ({ mean }: Point) => mean !== null && mean >= best.mean! - 0.02;
  const at = ordered.indexOf(best);
  const from = ordered.slice(0, at).findLastIndex((point) => !isNear(point)) + 1;
  const until = ordered.findIndex((point, i) => i > at && !isNear(point));
  return { best: best.mean!, lambda: best.lambda, from: ordered[from]!.lambda, to: ordered[until < 0 ? ordered.length - 1 : until - 1]!.lambda };
}

const rowOf = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

/** Whether there is something in both forms. */
const isMeasured = (results: readonly Result[]) => (task: Task) =>
  (['gradient', 'proximal'] as const).every((form) => results.some((result) => result.task === task.name && result.form === form && result.lambda > 0));

/** Of each task and form the best, what the rule of thumb comes to, and what was suggested. */
function rulesTable(results: readonly Result[]): string {
  const swept = points(results.filter(({ isSuggested }) => !isSuggested));
  return smallTasks
    .filter(isMeasured(results))
    .map((task) => {
      const of = <T extends { task: string; form: Form }>(list: readonly T[], form: Form) => list.filter((each) => each.task === task.name && each.form === form);
      const cells = (['gradient', 'proximal'] as const).flatMap((form) => {
        const { best, lambda } = plateau(of(swept, form));
        const byRule = of(swept, form).find((point) => point.lambda === task.ruleOfThumb[form])?.mean ?? null;
        const suggested = of(results, form).filter(({ isSuggested }) => isSuggested);
        return [`${shown(best)} (${lambda})`, shown(byRule), ...suggested.map((result) => `${shown(result.score)} (${result.lambda})`)];
      });
      return rowOf([task.name, shown(of(swept, 'gradient').find(({ lambda }) => lambda === 0)?.mean ?? null), ...cells]);
    })
    .join('\n');
}

/** Of each task and form the best, and from which lambda to which it is near. */
function rangesTable(results: readonly Result[]): string {
  const swept = points(results);
  return mnistTasks
    .filter(isMeasured(results))
    .flatMap((task) =>
      (['gradient', 'proximal'] as const).map((form) => {
        const ofTask = swept.filter((point) => point.task === task.name);
        const { best, lambda, from, to } = plateau(ofTask.filter((point) => point.form === form));
        const unpenalized = ofTask.find((point) => point.lambda === 0)?.mean ?? null;
        return rowOf([task.name, form, shown(unpenalized), `${shown(best)} (${lambda})`, `${from} to ${to}`]);
      }),
    )
    .join('\n');
}

/** Draws what there is of each task, and prints the tables. */
export async function writeFigures(results: readonly Result[]): Promise<void> {
  for (const [file, tasks, table] of [['lambda-tasks.svg', smallTasks, rulesTable], ['lambda-mnist.svg', mnistTasks, rangesTable]] as const) {
    const names = tasks.filter(isMeasured(results)).map(({ name }) => name);
    if (names.length === 0) continue;
    await draw(file, chart(names, results));
    console.log(table(results));
  }
}
