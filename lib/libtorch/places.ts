import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ACCEPTED_TEXT, inspectLibtorchFolder, isAccepted, libraryName, whyUnreadable } from './libtorch-folder';
import { type Machine, platformName } from './machine';
import { packageFaults } from './platform-packages';
import { libtorchPackage } from './platforms';

/** One of the places where libtorch is looked for. */
export interface Place {
  /** `"LIBTORCH"`, for example. */
  source: string;
  /** The folder that holds `lib/`; null: this place names none. */
  root: string | null;
  version: string | null;
  /** The version of CUDA that it is built with; null: none. */
  cuda: string | null;
  /** Why it cannot be used; empty: it can. */
  faults: string[];
  /** Nothing that comes after it is looked at: what the user has named is used or refused, never silently replaced. */
  final: boolean;
}

/** The places in the order of search. */
export function libtorchPlaces(machine: Machine): (() => Place)[] {
  return [() => namedPlace(machine), () => packagePlace(machine), () => pythonPlace(machine), () => localPlace(machine)];
}

const nowhere = (source: string, fault: string): Place => ({
  source,
  root: null,
  version: null,
  cuda: null,
  faults: [fault],
  final: false,
});

function inspected(source: string, root: string, machine: Machine, more: string[] = []): Place {
  const { version, cuda, faults } = inspectLibtorchFolder(root, machine);
  const problems = [...faults.map((fault) => `${root} ${fault}`), ...more];
  if (version !== null && !isAccepted(version)) problems.push(`${root} is version ${version}; accepted: ${ACCEPTED_TEXT}`);
  else if (version === null && faults.length === 0) problems.push(`${root} does not tell its version`);
  return { source, root, version, cuda, faults: problems, final: false };
}

/** Also where looking is not allowed. */
const exists = (file: string): boolean => whyUnreadable(file) !== 'is missing';

/** A libtorch folder, an installed torch package, or the site-packages folder around one. */
export function resolveNamed(named: string): string {
  const looksLikeRoot = (folder: string) => exists(path.join(folder, 'lib')) || exists(path.join(folder, 'include'));
  const absolute = path.resolve(named);
  const inner = path.join(absolute, 'torch');
  return !looksLikeRoot(absolute) && looksLikeRoot(inner) ? inner : absolute;
}

function namedPlace(machine: Machine): Place {
  const named = machine.env['LIBTORCH'];
  if (!named) return nowhere('LIBTORCH', 'is not set');
  const place = inspected('LIBTORCH', resolveNamed(named), machine);
  const isLib = place.faults.length > 0 && exists(path.join(named, libraryName('torch_cpu', machine.platform)));
  const faults = isLib ? [...place.faults, `name the folder around it: ${path.resolve(named, '..')}`] : place.faults;
  return { ...place, faults, final: true };
}

function packagePlace(machine: Machine): Place {
  const source = libtorchPackage(platformName(machine));
  const folder = machine.packageFolder(source);
  if (folder === null) return nowhere(source, 'is not installed');
  const faults = packageFaults(folder, machine);
  // A list that names what is missing says more than a look at the libraries.
  if (faults.length > 0) return { ...nowhere(source, ''), root: folder, faults };
  return inspected(source, folder, machine);
}

const sitePackages = (environment: string, platform: NodeJS.Platform): string[] => {
  if (platform === 'win32') return [path.join(environment, 'Lib', 'site-packages')];
  const lib = path.join(environment, 'lib');
  try {
    const pythons = readdirSync(lib).filter((name) => /^python3\.\d+$/.test(name));
    return pythons.map((name) => path.join(lib, name, 'site-packages'));
  } catch {
    return [];
  }
};

/** The PyTorch of the active virtual or Conda environment, where it is asked for. */
export function pythonPlace(machine: Machine): Place {
  const source = 'CONTINUAL_TORCH_USE_PYTORCH';
  const { env, platform } = machine;
  if (env['CONTINUAL_TORCH_USE_PYTORCH'] !== '1') return nowhere(source, 'is not set to 1');
  const environment = env['VIRTUAL_ENV'] || env['CONDA_PREFIX'];
  if (!environment) return nowhere(source, 'is 1, but no virtual environment is active (VIRTUAL_ENV, CONDA_PREFIX)');
  const root = sitePackages(path.resolve(environment), platform)
    .map((folder) => path.join(folder, 'torch'))
    .find(exists);
  if (root === undefined) return nowhere(source, `is 1, but ${environment} has no torch (pip install torch)`);
  return inspected(source, root, machine);
}

/** What the set-up has published of its build. CONTINUAL_TORCH_ADDON names the folder of another one, the fuzzer's for example. */
export function localBuild(machine: Machine): { addon: string; opener: string; libtorch: string; version: string } | null {
  const release = machine.env['CONTINUAL_TORCH_ADDON'] ?? path.join(machine.root, 'build', 'Release');
  try {
    const manifest = readFileSync(path.join(release, 'manifest.json'), 'utf8');
    const { libtorch } = JSON.parse(manifest) as { libtorch: { root: string; version: string } };
    return {
      addon: path.join(release, 'continual_torch.node'),
      opener: path.join(release, 'opener.node'),
      libtorch: libtorch.root,
      version: libtorch.version,
    };
  } catch {
    return null;
  }
}

function localPlace(machine: Machine): Place {
  const build = localBuild(machine);
  if (build === null) return nowhere('a local build', `is not there (${path.join(machine.root, 'build')})`);
  return inspected('a local build', build.libtorch, machine);
}
