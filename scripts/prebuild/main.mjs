// Makes this platform's packages and their tarballs, and checks them against the list.
import { readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { addonPackage, libtorchPackage } from '../../lib/libtorch/platforms.js';
import { createReporter } from '../setup/report.mjs';
import { hashFiles, listFiles, sha256 } from '../setup/stamp.mjs';
import { compileTypescript, typescriptStale } from '../setup/typescript.mjs';
import { prebuildAddon } from './addon.mjs';
import { MAIN, addonContents, checkContents, libtorchContents } from './contents.mjs';
import { chooseLibtorches } from './libtorches.mjs';
import { libtorchManifest } from './manifests.mjs';
import { onceFor } from './once.mjs';
import { packFolder, tarballName } from './pack.mjs';
import { stageAddons, stageLibtorch, stageMain } from './packages.mjs';
import { thisPlatform } from './platforms.mjs';

async function prebuildAddons({ root, work, platform, libtorches }) {
  const addons = [];
  for (const libtorch of libtorches) {
    const made = await prebuildAddon({ root, work: join(work, `libtorch-${libtorch.minor}`), platform, libtorch });
    addons.push({ ...made, libtorch });
  }
  return addons;
}

/** Packing libtorch takes a minute, and it changes only with libtorch. */
function packLibtorch({ root, own, work, packages, platform, published }) {
  const name = libtorchPackage(platform);
  const manifest = libtorchManifest(own, platform);
  const libraries = listFiles(join(published.root, 'lib')).map((file) => [file, statSync(file).size, statSync(file).mtimeMs]);
  return onceFor({
    inputs: sha256(JSON.stringify([manifest, libraries]), hashFiles(root, listFiles(join(root, 'scripts', 'prebuild')))),
    stamp: join(work, `libtorch-${platform}.json`),
    outputs: [join(packages, name), join(packages, tarballName(name, manifest.version))],
    async make() {
      await stageLibtorch({ manifest, platform, folder: join(packages, name), published });
      return packFolder(join(packages, name), packages);
    },
  });
}

function printTable(rows) {
  const inMB = (bytes) => `${(bytes / 1e6).toFixed(2)} MB`;
  const head = ['package', 'version', 'files', 'tarball', 'unpacked'];
  const lines = rows.map(({ name, version, files, size, unpackedSize }) =>
    [name, version, String(files.length), inMB(size), inMB(unpackedSize)]);
  const widths = head.map((title, column) => Math.max(title.length, ...lines.map((line) => line[column].length)));
  const align = (cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  for (const line of [head, ...lines]) console.log(line.map(align).join('  '));
}

/**
 * @param {{root: string, folders: string[]}} options  `folders`: libtorch folders that addons are built for besides
 * @throws Error that names all that is wrong with a package
 */
export async function prebuild({ root, folders }) {
  const platform = thisPlatform();
  const own = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const [work, packages] = [join(root, 'build', 'prebuild'), join(root, 'build', 'packages')];
  const { published, addons: libtorches } = chooseLibtorches({ root, folders });

  const why = typescriptStale(root);
  if (why) await compileTypescript({ root, env: process.env, reporter: createReporter(), why });
  const addons = await prebuildAddons({ root, work, platform, libtorches });

  const [main, addon] = [join(packages, own.name), join(packages, addonPackage(platform))];
  stageMain({ root, own, folder: main });
  stageAddons({ root, own, platform, folder: addon, addons, published });
  const packed = [
    { packed: packFolder(main, packages), contents: MAIN },
    { packed: packFolder(addon, packages), contents: addonContents(platform) },
    {
      packed: await packLibtorch({ root, own, work, packages, platform, published }),
      contents: libtorchContents(platform),
    },
  ];
  const made = packed.map((each) => each.packed.filename);
  for (const name of readdirSync(packages)) {
    if (name.endsWith('.tgz') && !made.includes(name)) rmSync(join(packages, name));
  }
  printTable(packed.map((each) => each.packed));
  const faults = packed.flatMap(({ packed: result, contents }) =>
    checkContents(result, contents).map((fault) => `${result.name}: ${fault}`));
  if (faults.length > 0) {
    throw new Error(`the packages are not as scripts/prebuild/contents.mjs wants them:\n  ${faults.join('\n  ')}`);
  }
}
