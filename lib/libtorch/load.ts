import { createRequire } from 'node:module';
import { ContinualTorchError } from '../errors';
import { version } from '../version';
import { advice } from './advice';
import { type Attempt, type Candidate, candidates } from './candidates';
import { keepAsOnlyCopy, refuseOtherBinaries, refuseOtherCopy } from './copies';
import { type Opener, openCudaLibraries } from './cuda-libraries';
import { type Machine, platformName, runtimeText, thisMachine } from './machine';
import { askedSource, askedTorch } from './search-order';
import { trialMark, tryInChild } from './trial';

/** What is loaded, and where it came from. */
export interface Loaded<Addon = unknown> {
  addon: Addon;
  opener: Opener;
  candidate: Candidate;
  /** Why libtorch can use no CUDA as far as loading goes, or null. */
  cudaProblem: string | null;
  /** The places that come before it and did not do. */
  attempts: Attempt[];
}

/**
 * Finds the first libtorch and addon that fit together and can be loaded, and loads them.
 * @throws ERR_ADDON naming every place, why each did not do, and what helps here; ERR_TWO_COPIES
 */
export function loadAddon(machine: Machine = thisMachine()): Loaded {
  refuseUnfitProcess(machine);
  refuseOtherCopy(machine, version);
  const attempts: Attempt[] = [];
  for (const candidate of candidates(machine, attempts)) {
    refuseOtherBinaries(candidate, machine);
    const why = tryInChild(candidate, machine);
    if (why !== null) {
      attempts.push({ source: candidate.place.source, why: `cannot be loaded: ${why}` });
      continue;
    }
    let opened: ReturnType<typeof open>;
    try {
      opened = open(candidate, machine);
    } catch (error) {
      attempts.push({ source: candidate.place.source, why: (error as Error).message });
      continue;
    }
    keepAsOnlyCopy(machine, version);
    warnOfPassedOver(candidate, attempts, machine);
    return { ...opened, candidate, attempts };
  }
  throw new ContinualTorchError('ERR_ADDON', failure(machine, attempts));
}

/** Where libtorch would end the process, or trying would never end. */
function refuseUnfitProcess({ env }: Machine): void {
  const refuse = (what: string) => new ContinualTorchError('ERR_ADDON', `continual-torch: expected ${what}`);
  try {
    process.cwd();
  } catch {
    throw refuse('a working folder that exists (process.cwd()); it has been deleted, and libtorch cannot be loaded without one');
  }
  if (env[trialMark]) {
    throw refuse(`Node.js behind process.execPath, to try binaries in (${trialMark} is set); it has started the program again`);
  }
}

function open(candidate: Candidate, machine: Machine): Pick<Loaded, 'addon' | 'opener' | 'cudaProblem'> {
  // Not `require`: a bundler would try to resolve the path.
  const load = createRequire(__filename);
  const opener = load(candidate.opener) as Opener;
  for (const library of candidate.libraries) opener.open(library);
  const cudaProblem = openCudaLibraries(opener, candidate, machine);
  return { addon: load(candidate.addon), opener, cudaProblem };
}

/** Someone who asks for the PyTorch of an environment and gets another should hear of it, and why. */
function warnOfPassedOver({ place }: Candidate, attempts: readonly Attempt[], machine: Machine): void {
  const asked = askedTorch(machine);
  // What LIBTORCH names is no surprise.
  if (place.fromPython || place.final || machine.env[askedSource] !== '1' || asked === place.root) return;
  const attempt = attempts.find(({ source }) => source === askedSource);
  if (attempt === undefined && asked === null) return;
  const why = attempt
    ? `${askedSource} was passed over: ${attempt.why}`
    : `it comes before ${askedSource}. To use that PyTorch, set LIBTORCH=${asked}`;
  process.emitWarning(`continual-torch uses libtorch ${place.version} of ${place.source}; ${why}`, { code: 'CONTINUAL_TORCH_LIBTORCH' });
}

function failure(machine: Machine, attempts: Attempt[]): string {
  const { platform, glibc } = machine;
  const libc = platform === 'linux' ? `, ${glibc === null ? 'no glibc' : `glibc ${glibc}`}` : '';
  const reasons = attempts.map(({ source, why }) => `  - ${source}: ${why}`);
  const helps = advice(machine, reasons.join('\n')).map((line) => (line.startsWith(' ') ? `    ${line.trim()}` : `  - ${line}`));
  return [
    `continual-torch: expected a libtorch and an addon for it on ${platformName(machine)} (${runtimeText(machine)}${libc}). Looked at, in this order:`,
    ...reasons,
    ...(helps.length > 0 ? ['What helps:', ...helps] : []),
    '`npx continual-torch doctor` shows more.',
  ].join('\n');
}
