// Processors as QEMU imitates them. Before 8.2 it shows a program the host's /proc/cpuinfo and /sys, from which libtorch's
// cpuinfo and oneDNN would learn of an x86; below a machine's root lie such as an ARM has.
import { chmodSync, mkdirSync, symlinkSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { SetupError } from '../setup/report.mjs';
import { probe } from '../setup/run.mjs';
import { COMPILER, EMULATOR } from './tools.mjs';

/** Where crossbuild-essential-arm64 puts the libraries of the system. */
const LIBRARIES = '/usr/aarch64-linux-gnu/lib';

/**
 * An empty zlib: it does not come with the cross compiler, and the Fortran runtime of OpenBLAS names it and uses nothing of it.
 * @param {{folder: string, env: NodeJS.ProcessEnv}} options  `folder`: becomes /usr/lib of the machines
 */
export function makeZlib({ folder, env }) {
  mkdirSync(folder, { recursive: true });
  const args = ['-shared', '-x', 'c++', '/dev/null', '-Wl,-soname,libz.so.1', '-o', join(folder, 'libz.so.1')];
  const { ok, stderr } = probe(COMPILER, args, { env });
  if (!ok) throw new SetupError(`${COMPILER} makes no library:\n${stderr}`);
}

const ARMV8_2 = 'fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp';

/**
 * That of Graviton2, and SVE's vectors as long as in Graviton4 and Grace, and as in Graviton3: ATen has kernels of its own for each.
 * `part`: Arm's number of such a processor. On one without the atomic instructions of ARMv8.1 PyTorch's wheels do not run.
 */
export const PROCESSORS = {
  'neoverse-n1': { cpu: 'neoverse-n1', part: 0xd0c, features: ARMV8_2 },
  'sve-128': { cpu: 'max,sve-default-vector-length=16', part: 0xd4f, features: `${ARMV8_2} sve sve2 bf16 i8mm` },
  'sve-256': { cpu: 'max,sve-default-vector-length=32', part: 0xd40, features: `${ARMV8_2} sve bf16 i8mm` },
};

export function cpuinfo({ part, features }, count) {
  const hex = (number) => `0x${number.toString(16)}`;
  const one = (index) => [
    `processor\t: ${index}`, 'BogoMIPS\t: 100.00', `Features\t: ${features}`, 'CPU implementer\t: 0x41',
    'CPU architecture: 8', 'CPU variant\t: 0x0', `CPU part\t: ${hex(part)}`, 'CPU revision\t: 0', '',
  ].join('\n');
  return `${Array.from({ length: count }, (_, index) => one(index)).join('\n')}\n`;
}

const implementer = 0x41 * 2 ** 24 + 0xf * 2 ** 16;
const midr = ({ part }) => `0x${(implementer + part * 2 ** 4).toString(16).padStart(16, '0')}\n`;

function write(file, text) {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Two scripts: what runs a program, and a Node that `process.execPath` may name, for the programs that it starts in turn. */
function writeCommands(root, cpu, node) {
  const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;
  const commands = { run: '', node: quoted(node) };
  for (const [name, program] of Object.entries(commands)) {
    // What crashes would take its time to write all of libtorch to the disk.
    write(join(root, name), `#!/bin/sh\nulimit -c 0\nexec ${EMULATOR} -L ${quoted(root)} -cpu ${quoted(cpu)} ${program} "$@"\n`);
    chmodSync(join(root, name), 0o755);
  }
  write(join(root, 'exec-path.cjs'), `process.execPath = ${JSON.stringify(join(root, 'node'))};\n`);
}

/**
 * Makes the root of a machine.
 * @param {{folder: string, name: keyof typeof PROCESSORS, node: string, libraries: string}} options  `libraries`: of /usr/lib
 * @returns {{run: string, node: string, preload: string}} commands
 */
export function createMachine({ folder, name, node, libraries }) {
  const root = join(folder, name);
  const processor = PROCESSORS[name];
  const count = availableParallelism();
  rmSync(root, { recursive: true, force: true });
  write(join(root, 'proc', 'cpuinfo'), cpuinfo(processor, count));
  for (let index = 0; index < count; index++) {
    write(join(root, 'sys', 'devices', 'system', 'cpu', `cpu${index}`, 'regs', 'identification', 'midr_el1'), midr(processor));
  }
  symlinkSync(LIBRARIES, join(root, 'lib'));
  mkdirSync(join(root, 'usr'));
  symlinkSync(libraries, join(root, 'usr', 'lib'));
  writeCommands(root, processor.cpu, node);
  return { run: join(root, 'run'), node: join(root, 'node'), preload: join(root, 'exec-path.cjs') };
}
