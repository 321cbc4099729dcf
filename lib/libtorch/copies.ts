import { realpathSync } from 'node:fs';
import path from 'node:path';
import { ContinualTorchError } from '../errors';
import type { Candidate } from './candidates';
import type { Machine } from './machine';

interface Copy {
  root: string;
  version: string;
}

const key = Symbol.for('continual-torch.copy');

const holderIn = (scope: object) => scope as { [key]?: Copy };

/**
 * Refuses a second copy of this package in one process, of the same or another version: both would register the same
 * operators, and tensors of the one would reach code of the other.
 * @throws ERR_TWO_COPIES before anything is loaded
 */
export function refuseOtherCopy({ root }: Machine, version: string, scope: object = globalThis): void {
  const first = holderIn(scope)[key];
  if (first !== undefined && first.root !== root) {
    throw twoCopies(`continual-torch ${first.version} in ${first.root} is loaded already; this is ${version} in ${root}`);
  }
}

/** Whoever comes after this is a second copy. */
export function keepAsOnlyCopy({ root }: Machine, version: string, scope: object = globalThis): void {
  holderIn(scope)[key] = { root, version };
}

/**
 * Worker threads have a global object each, but share what is loaded: looks at that.
 * @throws ERR_TWO_COPIES before anything is loaded
 */
export function refuseOtherBinaries({ addon, libraries }: Candidate, machine: Machine): void {
  const ours = new Set([addon, ...libraries].map(realPath));
  const rivals = /^((lib)?torch_cpu\.(so|dylib|dll)|libtorch-\d+\.\d+\.node|continual_torch\.node)$/;
  const rival = machine.sharedObjects().find((file) => rivals.test(path.basename(file)) && !ours.has(realPath(file)));
  if (rival === undefined) return;
  throw twoCopies(
    `${rival} is loaded already, by another copy, another package, or a thread with another LIBTORCH ` +
      `(it is part of a worker's \`env\`); this copy would load ${addon}`,
  );
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}

function twoCopies(what: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_TWO_COPIES',
    `continual-torch: expected one copy in a process: ${what}.\n` +
      '`npm ls continual-torch` shows who brings which; `npm dedupe` makes them one where the versions allow it.',
  );
}
