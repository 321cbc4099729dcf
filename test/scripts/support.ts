// What the tests of the set-up share: scripts loaded by path, temporary folders, and libraries that look real enough.
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { devNull, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

export const scriptsFolder = join(__dirname, '..', '..', 'scripts');
const libtorchFolder = join(__dirname, '..', '..', 'lib', 'libtorch');

/** Loads `scripts/setup/<name>`; the caller names the shape, because these files run before any compiler is there. */
export async function loadScript<T>(name: string): Promise<T> {
  return (await import(pathToFileURL(join(scriptsFolder, 'setup', name)).href)) as T;
}

export async function withFolder<T>(work: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'continual-torch-setup-')));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export type FileMap = Record<string, string | Buffer>;

export function writeFiles(folder: string, files: FileMap): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}

const ELF_MACHINE: Record<string, number> = { x64: 0x3e, arm64: 0xb7 };

/** An ELF header that promises one section behind it, and that section: cutting the end off makes it a torn file. */
export function fakeLibrary(arch: string = process.arch): Buffer {
  const library = Buffer.alloc(128);
  // What a name with GCC's new std::string has in it.
  library.write('__cxx11', 80, 'latin1');
  library.write('\x7fELF', 'latin1');
  library.writeUInt16LE(ELF_MACHINE[arch] ?? 0, 18);
  library.writeBigUInt64LE(64n, 40);
  library.writeUInt16LE(64, 58);
  library.writeUInt16LE(1, 60);
  return library;
}

export const libraryName = (name: string): string =>
  process.platform === 'win32' ? `${name}.dll` : process.platform === 'darwin' ? `lib${name}.dylib` : `lib${name}.so`;

/** The files of a libtorch folder; `version` as version.py gives it. */
export function libtorchFiles(version: string, { cuda = null as string | null } = {}): FileMap {
  return {
    'version.py': `__version__ = '${version}'\ncuda: Optional[str] = ${cuda === null ? 'None' : `'${cuda}'`}\n`,
    'include/ATen/ATen.h': '',
    'include/c10/core/TensorImpl.h': '',
    'include/torch/csrc/api/include/torch/torch.h': '',
    ...Object.fromEntries(
      ['torch', 'torch_cpu', 'c10', ...(cuda === null ? [] : ['torch_cuda'])].map((name) => [
        `lib/${libraryName(name)}`,
        fakeLibrary(),
      ]),
    ),
  };
}

export const prefixed = (prefix: string, files: FileMap): FileMap =>
  Object.fromEntries(Object.entries(files).map(([name, content]) => [`${prefix}${name}`, content]));

const ZIP = `
import base64, json, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for name, content in json.load(sys.stdin).items():
        archive.writestr(name, base64.b64decode(content))
`;

const python = process.platform === 'win32' ? 'python' : 'python3';

/** A wheel of a few kilobytes that pip accepts as torch. */
export function writeWheel(file: string, version: string, files: FileMap): void {
  const info = `torch-${version}.dist-info`;
  const all: FileMap = {
    ...files,
    [`${info}/METADATA`]: `Metadata-Version: 2.1\nName: torch\nVersion: ${version}\n`,
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${info}/RECORD`]: '',
    [`${info}/licenses/LICENSE`]: 'a licence',
    [`${info}/entry_points.txt`]: '',
  };
  const encoded = Object.fromEntries(
    Object.entries(all).map(([name, content]) => [name, Buffer.from(content).toString('base64')]),
  );
  execFileSync(python, ['-c', ZIP, file], { input: JSON.stringify(encoded) });
}

/** The environment without this user's pip settings, so that pip sees nothing but the test's own indexes. */
export function cleanEnvironment(extra: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([key]) => !/^(PIP_|LIBTORCH$|CONTINUAL_TORCH|npm_|https?_proxy$)/i.test(key),
  );
  return { ...Object.fromEntries(kept), PIP_CONFIG_FILE: devNull, PIP_NO_CACHE_DIR: '1', PIP_RETRIES: '0', ...extra };
}

const FAKE_NPM = `
const fs = require('node:fs');
const call = { arguments: process.argv.slice(2), omit: process.env.npm_config_omit ?? null };
fs.appendFileSync('npm.log', JSON.stringify(call) + '\\n');
fs.rmSync('node_modules', { recursive: true, force: true });
fs.cpSync('npm-would-install', 'node_modules', { recursive: true });
if (fs.existsSync('npm-fails')) { console.error('npm error in its own words'); process.exit(1); }
fs.copyFileSync('package-lock.json', 'node_modules/.package-lock.json');
console.log('added 3 packages in 1s');
`;

// As cmake-js does it: products go to <out>/Release. What it was called with goes to a log.
const FAKE_CMAKE_JS = `
const fs = require('node:fs');
const path = require('node:path');
const out = process.argv[process.argv.indexOf('--out') + 1];
fs.appendFileSync('cmake.log', process.argv.slice(2).join(' ') + '\\n');
console.log('[ 50%] Building CXX object native/core/mas.cpp.o');
if (fs.existsSync('cmake-fails')) { console.error('error: in its own words'); process.exit(1); }
if (fs.existsSync('cmake-makes-nothing')) { fs.rmSync(out, { recursive: true, force: true }); process.exit(0); }
if (fs.existsSync('cmake-hangs')) { fs.writeFileSync('cmake-is-hanging', ''); setInterval(() => {}, 1000); } else {
  fs.mkdirSync(path.join(out, 'Release'), { recursive: true });
  fs.writeFileSync(path.join(out, 'object.o'), '');
  fs.copyFileSync('native/core/mas.cpp', path.join(out, 'Release', 'continual_torch.node'));
}
`;

const FAKE_TSC = `
const fs = require('node:fs');
const path = require('node:path');
const out = process.argv[process.argv.indexOf('--outDir') + 1];
fs.mkdirSync(out, { recursive: true });
fs.copyFileSync('lib/index.ts', path.join(out, 'index.js'));
if (fs.existsSync('tsc-fails')) { console.log('lib/index.ts(1,1): error in its own words'); process.exit(2); }
`;

const fakePackage = (name: string, version: string, bin: string, code: string): FileMap => ({
  [`npm-would-install/${name}/package.json`]: JSON.stringify({ name, version, bin: { [bin]: 'command.js' } }),
  [`npm-would-install/${name}/command.js`]: code,
});

/** A small package with a copy of the scripts, whose npm, cmake-js, tsc and libtorch do nothing but leave traces. */
export function writeProject(folder: string): { root: string; env: NodeJS.ProcessEnv } {
  const root = join(folder, 'project');
  const lock = {
    packages: {
      '': { name: 'project' },
      'node_modules/cmake-js': { version: '8.0.0' },
      'node_modules/node-addon-api': { version: '8.0.0' },
      'node_modules/typescript': { version: '6.0.0' },
    },
  };
  writeFiles(root, {
    'package.json': JSON.stringify({ name: 'project', version: '1.0.0' }),
    'package-lock.json': JSON.stringify(lock),
    'CMakeLists.txt': '',
    'tsconfig.build.json': '{}',
    'native/core/mas.cpp': 'one',
    'lib/index.ts': 'one',
    ...fakePackage('cmake-js', '8.0.0', 'cmake-js', FAKE_CMAKE_JS),
    ...fakePackage('node-addon-api', '8.0.0', 'none', ''),
    ...fakePackage('typescript', '6.0.0', 'tsc', FAKE_TSC),
  });
  cpSync(scriptsFolder, join(root, 'scripts'), { recursive: true });
  for (const name of readdirSync(libtorchFolder).filter((each) => each.endsWith('.js'))) {
    cpSync(join(libtorchFolder, name), join(root, 'lib', 'libtorch', name));
  }
  writeFiles(folder, { 'npm/npm-cli.js': FAKE_NPM, ...prefixed('libtorch/', libtorchFiles('2.13.0+cpu')) });
  const env = cleanEnvironment({
    LIBTORCH: join(folder, 'libtorch'),
    XDG_CACHE_HOME: join(folder, 'cache'),
    npm_execpath: join(folder, 'npm', 'npm-cli.js'),
  });
  return { root, env };
}

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs one of a project's scripts to its end. */
export function runScript(root: string, script: string, env: NodeJS.ProcessEnv, args: string[] = []): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'scripts', script), ...args], {
    cwd: root,
    env,
    encoding: 'utf8',
  });
  return { code: status, stdout, stderr };
}
