// LICENSE and NOTICE of what is published. A part whose licence is not at hand stops the prebuild.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFolder } from '../setup/dependencies.mjs';
import { listFiles } from '../setup/stamp.mjs';
import { osAndCpu } from './platforms.mjs';
import { nameBelow } from './stage.mjs';

const TEXTS = fileURLToPath(new URL('licenses', import.meta.url));

/** Files that come with PyTorch: whose they are, and where their licence is: kept here, or among PyTorch's (`torch:`). */
const LIBRARIES = [
  { file: /^(lib)?(torch_cpu|c10)\.(so|dylib|dll)$/, name: 'PyTorch', text: 'torch:LICENSE' },
  { file: /^lib(gomp|gfortran)\b.*\.so/, name: 'GNU OpenMP and Fortran runtimes', text: 'gcc-runtime.txt' },
  { file: /^libopenblas\b/, name: 'OpenBLAS', text: 'openblas.txt' },
  { file: /^libarm_compute(_graph)?\b/, name: 'Arm Compute Library', text: 'arm-compute-library.txt' },
  { file: /^libomp\.dylib$/, name: 'LLVM OpenMP runtime', text: 'torch:third_party/llvm-openmp/LICENSE.txt' },
  { file: /^libiomp.*\.dll$/, name: 'Intel OpenMP runtime', text: 'intel-openmp.txt' },
  { file: /^(fbgemm|asmjit)\.dll$/, name: 'FBGEMM', text: 'torch:third_party/fbgemm/LICENSE' },
  { file: /^uv\.dll$/, name: 'libuv', text: 'torch:third_party/tensorpipe/third_party/libuv/LICENSE' },
];

/** PyTorch for x64 contains oneMKL, which is none of the sources that its own licences speak of. */
const MKL = { name: 'Intel oneAPI Math Kernel Library, linked into torch_cpu', text: 'intel-mkl.txt' };

const SOURCE_OF_GCC = `The GNU runtime libraries are distributed under the GNU General Public License, version 3, with the
GCC Runtime Library Exception. They come unchanged from the PyTorch distribution; their source code is part of GCC,
https://gcc.gnu.org/.`;

/** The folder of PyTorch's licences: pip puts it beside the package, in a folder named after the version. */
export function torchLicences(root) {
  const beside = dirname(root);
  const info = readdirSync(beside).filter((name) => /^torch-.*\.dist-info$/.test(name));
  const folders = info.map((name) => join(beside, name, 'licenses'));
  const found = folders.find((folder) => existsSync(join(folder, 'LICENSE')));
  if (found === undefined) {
    throw new Error(`${root} comes without its licences (torch-<version>.dist-info/licenses beside it)`);
  }
  return found;
}

function read(folder, name) {
  const file = join(folder, name);
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  if (text === '') throw new Error(`the licence ${file} is missing`);
  return text;
}

const chapter = (titles, text) => `${'='.repeat(79)}\n${titles.join('\n')}\n${'='.repeat(79)}\n\n${text}\n`;

/** PyTorch's third-party licences; most texts are there many times over. */
function thirdParty(licences) {
  const titles = new Map();
  for (const file of listFiles(join(licences, 'third_party'))) {
    const text = readFileSync(file, 'utf8').trim();
    const project = nameBelow(join(licences, 'third_party'), dirname(file));
    titles.set(text, [...(titles.get(text) ?? []), project]);
  }
  if (titles.size === 0) throw new Error(`${licences} has no third_party licences`);
  return [...titles].map(([text, projects]) => chapter(projects, text));
}

/**
 * @param {{platform: string, torchRoot: string, libraries: string[]}} options
 * @returns {{LICENSE: string, NOTICE: string}} of the libtorch package
 * @throws Error where a library's owner or a licence is unknown
 */
export function libtorchLicences({ platform, torchRoot, libraries }) {
  const licences = torchLicences(torchRoot);
  const find = (text) => (text.startsWith('torch:') ? read(licences, text.slice('torch:'.length)) : read(TEXTS, text));
  const owners = new Map();
  for (const library of libraries) {
    const owner = LIBRARIES.find(({ file }) => file.test(library));
    if (owner === undefined) {
      throw new Error(`no licence is known for ${library}: add it to scripts/prebuild/licences.mjs`);
    }
    owners.set(owner, [...(owners.get(owner) ?? []), library]);
  }
  const [os, cpu] = osAndCpu(platform);
  const parts = [...owners].map(([{ name, text }, files]) => chapter([`${files.join(', ')}: ${name}`], find(text)));
  if (cpu === 'x64' && os !== 'darwin') parts.push(chapter([MKL.name], find(MKL.text)));
  const head = `This package contains libraries of the PyTorch distribution, unchanged; RECORD has the checksums that PyTorch's
wheel gives for them. The licences follow: of each file, then of the projects that PyTorch includes.
${libraries.some((name) => name.startsWith('libg')) ? `\n${SOURCE_OF_GCC}\n` : ''}`;
  return { LICENSE: `${read(licences, 'LICENSE')}\n`, NOTICE: [head, ...parts, ...thirdParty(licences)].join('\n') };
}

/** @returns {{LICENSE: string, NOTICE: string}} of the package of addons, which contain code of three projects' headers */
export function addonLicences({ root, torchRoot }) {
  const ofPackage = (name, file) => chapter([name], read(packageFolder(root, name), file));
  return {
    LICENSE: `${read(root, 'LICENSE')}\n`,
    NOTICE: [
      'The addons in this package are under the licence in LICENSE. They contain code of the headers of these projects:\n',
      chapter(['PyTorch'], read(torchLicences(torchRoot), 'LICENSE')),
      ofPackage('node-addon-api', 'LICENSE.md'),
      ofPackage('node-api-headers', 'LICENSE'),
    ].join('\n'),
  };
}
