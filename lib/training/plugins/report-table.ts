import { counted } from '../../inspect';
import type { MASReportEntry, MASReportJSON } from './mas-report-entries';

/** How long a name may be; of a longer one the end is shown. */
const longestName = 20;
/** How many experiences are told of each parameter, the largest shares first. */
const mostExperiences = 4;

/** A report in at most 80 columns: each layer with its parameters below it. */
export function reportTable({ lambda, parameters, layers, total }: MASReportJSON): string {
  const of = `${counted(parameters.length, 'parameter')} of ${counted(layers.length, 'layer')}`;
  const title = `MASReport (${of}, ${counted(total.elements, 'element')}, lambda ${lambda})`;
  if (parameters.length === 0) return title;
  const rows: [string, MASReportEntry][] = layers.flatMap((layer) => [
    [layer.name === '' ? '(model)' : layer.name, layer],
    ...parameters.filter((each) => each.layer === layer.name).map((each): [string, MASReportEntry] => [`  ${each.name.slice(layer.name.length).replace(/^\./, '')}`, each]),
  ]);
  rows.push(['total', total]);
  const numbers = rows.map(([name, { elements, importance, moved, penalty }]) => [
    ...[shortened(name), String(elements), number(importance.sum), percent(importance.share)],
    ...[number(moved.distance), number(penalty.value), percent(penalty.share)],
  ]);
  const parts = [title, columns([['', 'elements', 'importance', 'share', 'moved', 'penalty', 'share'], ...numbers])];
  if (total.experiences) {
    const ofExperiences = rows.map(([name, { experiences }]) => [shortened(name), listed(experiences!)]);
    parts.push(columns([['', 'importance by experience'], ...ofExperiences], 'left'));
  }
  return parts.join('\n\n');
}

/** The first column begins on the left, the others end on the right unless told otherwise. */
function columns(rows: string[][], side: 'left' | 'right' = 'right'): string {
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const cell = (text: string, i: number) => (i === 0 || side === 'left' ? text.padEnd(widths[i]!) : text.padStart(widths[i]!));
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}

function shortened(name: string): string {
  return name.length > longestName ? `...${name.slice(3 - longestName)}` : name;
}

/** Three digits; `-` where there is no number. */
function number(value: number | null): string {
  if (value === null) return '-';
  return value === 0 || (value >= 1e-3 && value < 1e3) || !Number.isFinite(value) ? String(Number(value.toPrecision(3))) : value.toExponential(2);
}

function percent(share: number | null): string {
  return share === null ? '-' : `${(100 * share).toFixed(1)}%`;
}

/** `0: 75.0%, 1: 25.0%`. */
function listed(experiences: NonNullable<MASReportEntry['experiences']>): string {
  const told = experiences.filter(({ share }) => share !== null && share > 0).sort((a, b) => b.share! - a.share!);
  const texts = told.slice(0, mostExperiences).map(({ experience, share }) => `${experience ?? 'data'}: ${percent(share)}`);
  return told.length === 0 ? '-' : [...texts, ...(told.length > mostExperiences ? ['...'] : [])].join(', ');
}
