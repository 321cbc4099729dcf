/** What the results look like: a table on the terminal, one object for machines, a page for people. */
import { readFileSync } from 'node:fs';
import os from 'node:os';
import type { PeerPython } from './python-environment';
import { BenchError } from './question';
import { figure, isReached, type Result } from './trials';

export interface Machine {
  processor: string;
  cores: number;
  memory: string;
  system: string;
  node: string;
  libtorch: string;
  python: string | null;
  threads: number;
  date: string;
}

export function describeMachine(libtorch: string, python: PeerPython | null, threads: number): Machine {
  return {
    processor: os.cpus()[0]?.model.trim() ?? 'unknown',
    cores: os.availableParallelism(),
    memory: `${Math.round(os.totalmem() / 2 ** 30)} GiB`,
    system: systemName(),
    node: process.versions.node,
    libtorch,
    python: python && `${python.python} with torch ${python.torch} and Avalanche ${python.avalanche}`,
    threads,
    date: new Date().toISOString().slice(0, 10),
  };
}

function systemName(): string {
  const kernel = `${os.type()} ${os.release()}, ${os.arch()}`;
  try {
    const [, name] = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))!;
    return `${name} (${kernel})`;
  } catch {
    return kernel;
  }
}

/** Three digits that count. */
export function number(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  return value.toFixed(Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
}

/** The results by name. */
export function toJson(results: readonly Result[]): Record<string, { ours: number; peer: number | null; ratio: number | null; unit: string }> {
  return Object.fromEntries(
    results.map(({ question, ours, peer, ratio }) => [question.name, { ours, peer, ratio, unit: question.unit }]),
  );
}

const heading = ['question', 'ours', 'peer', 'ratio', 'quartiles', 'to reach', ''];

function cells(result: Result): string[] {
  const { question, ours, peer, ratio, spread } = result;
  const { unit, toReach } = question;
  return [
    question.name,
    `${number(ours)} ${unit}`,
    peer === null ? '' : `${question.peer!.name} ${number(peer)} ${unit}`,
    ratio === null ? '' : figure(result).toFixed(2),
    spread.map((value) => value.toFixed(2)).join(' to '),
    toReach === null ? '' : 'atLeast' in toReach ? `at least ${toReach.atLeast}` : `at most ${toReach.atMost}`,
    isReached(result) ? '' : 'missed',
  ];
}

export function table(results: readonly Result[]): string {
  const rows = [heading, ...results.map(cells)];
  const widths = heading.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

/** Results and machine as Markdown. */
export function page(results: readonly Result[], machine: Machine): string {
  const line = (row: readonly string[]) => `| ${row.join(' | ')} |`;
  const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;
  return [
    `${machine.date}; ${machine.processor}, ${machine.cores} cores, ${machine.memory}; ${machine.system}; Node.js ${machine.node}, libtorch ${machine.libtorch}` +
      `${machine.python ? `; Python ${machine.python}` : ''}; ${counted(machine.threads, 'thread')} on each side; medians of ${counted(results[0]!.trials, 'trial')}.`,
    '',
    line(heading),
    line(heading.map(() => '---')),
    ...results.map((result) => line(cells(result))),
  ].join('\n');
}

const begin = '<!-- results: written by `npm run bench -- --write` -->';
const end = '<!-- end of results -->';

/** The document with new results between its markers. @throws BenchError where it has none */
export function withResults(document: string, results: string): string {
  const [from, to] = [document.indexOf(begin), document.indexOf(end)];
  if (from < 0 || to < from) throw new BenchError(`docs/performance.md: expected the lines ${begin} and ${end}`);
  return `${document.slice(0, from + begin.length)}\n\n${results}\n\n${document.slice(to)}`;
}
