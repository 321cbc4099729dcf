import { createHash, randomUUID } from 'node:crypto';
import { cpus } from 'node:os';
import { loaded, native } from '../native/binding';
import { version } from '../version';

/** The version of what is written here. What a later one adds without changing what there is leaves it as it is. */
export const format = 1;

/** Where a checkpoint was made: what may differ where it is read, and may change last digits of what is computed. */
export interface Surroundings {
  /** Of this package. */
  package: string;
  /** Of libtorch, with its build: `2.13.0+cpu`. */
  torch: string;
  /** Of Node.js. */
  node: string;
  /** `linux-x64`. */
  platform: string;
  /** As the system calls it. */
  processor: string;
  /** What the package does otherwise than libtorch, and the vectors of its own loops. */
  overrides: string;
  /** Of an operator. */
  threads: number;
}

/** What stands in `checkpoint.json`. */
export interface Manifest {
  format: number;
  /** Counts the checkpoints of a folder. */
  number: number;
  /** Names the process that wrote it, or a part of one. */
  run: string;
  /** Milliseconds since 1970. */
  time: number;
  surroundings: Surroundings;
  /** The other file. */
  tensors: { size: number; crc32: number };
  /** What it is a checkpoint of, for messages and for whoever reads the file. */
  about: unknown;
  /** As `takeApart` makes it. */
  state: unknown;
}

/** This process, among those that write to a folder. */
export const thisRun = randomUUID();

/** Those of this process. */
export function surroundings(): Surroundings {
  const on = native.overrides().filter(({ isOn }) => isOn);
  return {
    package: version,
    torch: loaded.candidate.place.version ?? native.torchVersion,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    processor: cpus()[0]?.model ?? 'unknown',
    overrides: [native.vectorWidth, ...on.map(({ name }) => name)].join(', '),
    threads: native.getNumThreads(),
  };
}

/** What differs, in words; nothing where the same numbers are to be expected. */
export function differences(then: Surroundings): string[] {
  const now = surroundings();
  const counting = ['package', 'torch', 'platform', 'processor', 'overrides', 'threads'] as const;
  return counting.filter((key) => then[key] !== now[key]).map((key) => `${key} ${then[key]} then, ${now[key]} now`);
}

const opening = /^\{"sha256":"([0-9a-f]{64})",\n"checkpoint":/;
const closing = '}\n';

/** The text of the file. */
export function writeManifest(manifest: Manifest): string {
  const text = JSON.stringify(manifest);
  return `{"sha256":"${digest(text)}",\n"checkpoint":${text}${closing}`;
}

/** What the text says. @throws Error with the detail where it is damaged */
export function readManifest(text: string): Manifest {
  const [start, sum] = opening.exec(text) ?? [];
  if (!start || !text.endsWith(closing)) throw new Error('checkpoint.json is incomplete');
  const content = text.slice(start.length, -closing.length);
  if (digest(content) !== sum) throw new Error('checkpoint.json is damaged: it has another SHA-256 than it says');
  return JSON.parse(content) as Manifest;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
