// The three packages of a platform, each staged in a folder of its own.
import { basename, join } from 'node:path';
import { TESTED_VERSION } from '../../lib/libtorch/libtorch-folder.js';
import { readWheelRecord, wheelFaults } from '../../lib/libtorch/wheel-record.js';
import { listFiles } from '../setup/stamp.mjs';
import { runPaths, strip, textsInside } from './binaries.mjs';
import { librariesToPublish } from './libraries.mjs';
import { addonLicences, libtorchLicences } from './licences.mjs';
import { addonManifest, mainManifest } from './manifests.mjs';
import { osAndCpu, runPath } from './platforms.mjs';
import { compiledFiles, describeBinaries, json, nameBelow, stage } from './stage.mjs';

/** TypeScript, its declarations and the documents. */
export function stageMain({ root, own, folder }) {
  const docs = listFiles(join(root, 'docs')).map((file) => nameBelow(root, file));
  stage(folder, {
    'package.json': { text: json(mainManifest(own)) },
    ...Object.fromEntries(['README.md', 'CHANGELOG.md', 'LICENSE', ...docs].map((name) => [name, { from: join(root, name) }])),
    ...compiledFiles(root),
  });
}

/** An addon finds libtorch beside it and nowhere else, and does not tell where it was built. */
function checkAddon(file, { root, platform, builtFor }) {
  const [os] = osAndCpu(platform);
  const paths = runPaths(file, os);
  const expected = os === 'win32' ? [] : [runPath(platform)];
  if (paths.join() !== expected.join()) {
    throw new Error(`${file} has the run path ${paths.join(', ') || 'none'}, not ${expected.join()}`);
  }
  const inside = textsInside(file, [root, ...builtFor]);
  // Visual C++ has no way to leave folders out.
  if (os !== 'win32' && inside.length > 0) throw new Error(`${file} tells where it was built: ${inside.join(', ')}`);
}

/** @param {{addons: {addon: string, opener: string, libtorch: {root: string}}[]}} options */
export function stageAddons({ root, own, platform, folder, addons, published }) {
  const [os] = osAndCpu(platform);
  const builtFor = addons.map(({ libtorch }) => libtorch.root);
  for (const { addon } of addons) checkAddon(addon, { root, platform, builtFor });
  // It knows nothing of libtorch, so they are all alike.
  const [{ opener }] = addons;
  const { LICENSE, NOTICE } = addonLicences({ root, torchRoot: published.root });
  const place = (name) => `prebuilds/${platform}/${name}`;
  stage(folder, {
    'package.json': { text: json(addonManifest(own, platform)) },
    LICENSE: { text: LICENSE },
    NOTICE: { text: NOTICE },
    ...Object.fromEntries(addons.map(({ addon }) => [place(basename(addon)), { from: addon }])),
    [place('opener.node')]: { from: opener },
  });
  strip(join(folder, place('opener.node')), os);
  describeBinaries(folder, 'prebuilds', os);
}

/**
 * The wheel's own lines for these libraries.
 * @throws Error where a library is not, bit for bit, what PyTorch has published
 */
export async function recordOf(root, libraries) {
  const record = readWheelRecord(root);
  if (record === null) {
    throw new Error(`${root} comes without its wheel's RECORD (torch-<version>.dist-info beside it); if it is the set-up's own copy, ` +
      'delete it and `npm run setup` fetches it anew');
  }
  const faults = await wheelFaults(root, record, libraries);
  if (faults.length > 0) throw new Error(`the libraries in ${root} are not those of PyTorch's wheel: ${faults.join(', ')}`);
  return libraries.map((name) => `${record.get(name).line}\n`).join('');
}

/** PyTorch's own libraries, unchanged: their licences allow just that, and whoever doubts them can compare. */
export async function stageLibtorch({ manifest, platform, folder, published }) {
  const [os] = osAndCpu(platform);
  const libraries = librariesToPublish(join(published.root, 'lib'), os);
  const { LICENSE, NOTICE } = libtorchLicences({ platform, torchRoot: published.root, libraries });
  stage(folder, {
    'package.json': { text: json(manifest) },
    'build-version': { text: `${TESTED_VERSION}+cpu\n` },
    RECORD: { text: await recordOf(published.root, libraries) },
    LICENSE: { text: LICENSE },
    NOTICE: { text: NOTICE },
    ...Object.fromEntries(libraries.map((name) => [`lib/${name}`, { from: join(published.root, 'lib', name) }])),
  });
  describeBinaries(folder, 'lib', os);
}
