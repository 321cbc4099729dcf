import path from 'node:path';
import { parseArgs } from 'node:util';
import { ContinualTorchError } from '../errors';
import { driverLibrary } from '../libtorch/cuda-libraries';
import { machineSection, placeSection, printSections, type Row } from '../libtorch/doctor';
import type { Loaded } from '../libtorch/load';
import { type Machine, thisMachine } from '../libtorch/machine';
import { libtorchPlaces } from '../libtorch/search-order';
import { readWheelRecord, wheelFaults } from '../libtorch/wheel-record';
import type { NativeAddon } from '../native/types';
import { version } from '../version';

const help = `Tells which libtorch and which addon continual-torch uses on this machine and why, and explains every "no" of CUDA.

Usage: npx continual-torch doctor

  -h, --help        this text

Exit status: 0 where the package works (with or without CUDA), 1 where it does not.
`;

/** `continual-torch doctor`. It changes nothing. */
export async function doctor(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: { help: { type: 'boolean', short: 'h' } } });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const machine = thisMachine();
  const places = libtorchPlaces(machine).map((look) => look());
  const loaded = await load();
  const [used, attempts] = loaded instanceof Error ? [null, []] : [loaded.candidate.place, loaded.attempts];
  printSections([machineSection(machine), placeSection(places, used, attempts)]);
  return (await printLoaded(loaded, machine)) ? 0 : 1;
}

/** What can be told only where the addon is loaded; `npm run doctor` ends with it too. @returns whether it is */
export async function printLoaded(loaded?: Loaded<NativeAddon> | ContinualTorchError, machine = thisMachine()): Promise<boolean> {
  loaded ??= await load();
  if (loaded instanceof Error) {
    process.stdout.write(`${loaded.message}\n`);
    return false;
  }
  printSections([
    { title: 'Loaded', rows: [{ name: 'addon', ok: true, text: loaded.candidate.addon }, await checksumRow(loaded)] },
    { title: 'Quicker than libtorch alone (CONTINUAL_TORCH_OVERRIDES, CONTINUAL_TORCH_VECTORS)', rows: overrideRows(loaded) },
    { title: 'CUDA', rows: cudaRows(loaded, machine) },
  ]);
  const { version: libtorch, source } = loaded.candidate.place;
  process.stdout.write(`continual-torch ${version} works here, with libtorch ${libtorch} of ${source}.\n`);
  return true;
}

/** The error of an addon that cannot be loaded is part of what is to be told. */
async function load(): Promise<Loaded<NativeAddon> | ContinualTorchError> {
  try {
    return (await import('../native/binding.js')).loaded;
  } catch (error) {
    if (error instanceof ContinualTorchError) return error;
    throw error;
  }
}

function overrideRows({ addon }: Loaded<NativeAddon>): Row[] {
  return [
    ...addon.overrides().map(({ name, isOn, why }) => ({ name, ok: isOn ? true : null, text: `${isOn ? 'on' : 'off'}: ${why}` })),
    { name: 'vectors', ok: null, text: addon.vectorWidth },
  ];
}

/** Whether the libraries are PyTorch's own, bit for bit; reading them takes a second. */
async function checksumRow({ candidate: { place, libraries } }: Loaded): Promise<Row> {
  const name = 'checksums';
  const record = readWheelRecord(place.root!);
  if (record === null) return { name, ok: null, text: 'nothing to compare with: no RECORD of a PyTorch wheel is there' };
  const names = libraries.map((library) => path.basename(library));
  const faults = await wheelFaults(place.root!, record, names);
  if (faults.length > 0) return { name, ok: false, text: `not those of PyTorch's wheel: ${faults.join(', ')}` };
  return { name, ok: true, text: `${names.join(' and ')} are those of PyTorch's wheel, bit for bit` };
}

function cudaRows({ candidate, opener, cudaProblem, addon }: Loaded<NativeAddon>, machine: Machine): Row[] {
  const { cuda } = candidate.place;
  const rows: Row[] = [
    { name: 'libtorch', ok: cuda !== null, text: cuda === null ? 'is a CPU build' : `is built with CUDA ${cuda}` },
  ];
  let served: number | null = null;
  try {
    const { version: driver, devices, problem } = opener.cudaDriver(driverLibrary(machine));
    served = driver;
    const failure = problem === null ? '' : `, but does not start: ${problem}`;
    rows.push({ name: 'driver', ok: problem === null, text: `serves CUDA up to ${cudaVersion(driver)}${failure}` });
    for (const [device, { name, capability }] of devices.entries()) {
      rows.push({ name: `cuda:${device}`, ok: true, text: `${name}, compute capability ${capability}` });
    }
    if (devices.length === 0) rows.push({ name: 'devices', ok: false, text: 'none that this process sees: is there a GPU, does CUDA_VISIBLE_DEVICES hide it, does the container have it (docker run --gpus all)?' });
  } catch (error) {
    rows.push({ name: 'driver', ok: false, text: `none that works: ${(error as Error).message}` });
  }
  const count = addon.cudaDeviceCount();
  const why = tooOld(cuda, served) ?? cudaProblem ?? addon.cudaProblem();
  rows.push({ name: 'usable', ok: count > 0, text: count > 0 ? `${count} of them` : `none: ${why}` });
  const next = count > 0 ? null : whatNext(cuda, served);
  if (next !== null) rows.push({ name: 'what helps', ok: null, text: next });
  return rows;
}

/** 12040 is CUDA 12.4. */
const cudaVersion = (number: number): string => `${Math.floor(number / 1000)}.${Math.floor((number % 1000) / 10)}`;

const builds = [
  { name: 'cu130', needs: 13000 },
  { name: 'cu128', needs: 12080 },
  { name: 'cu126', needs: 12060 },
];

/** Within a major version of CUDA a newer libtorch runs on an older driver. */
function tooOld(cuda: string | null, served: number | null): string | null {
  if (cuda === null || served === null || !(Number(cuda.split('.')[0]) > Math.floor(served / 1000))) return null;
  return `the driver is too old: it serves CUDA up to ${cudaVersion(served)}, and this libtorch is built with ${cuda}`;
}

function whatNext(cuda: string | null, served: number | null): string | null {
  if (served === null) {
    return cuda === null ? null : "install a driver of NVIDIA; a container needs the host's (docker run --gpus all)";
  }
  const build = builds.find(({ needs }) => needs <= served || Math.floor(needs / 1000) === Math.floor(served / 1000));
  if (build === undefined) return 'a newer driver: PyTorch has no build any more for one this old';
  if (cuda !== null && tooOld(cuda, served) === null) return null;
  return `npx continual-torch fetch-libtorch --cuda ${build.name}, or LIBTORCH=/path/to/a/CUDA/PyTorch (site-packages/torch)`;
}
