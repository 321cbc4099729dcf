// The compiled TypeScript. It is made in a folder beside dist, at the same depth (source maps hold relative paths),
// and then takes its place: dist is never half made.
import { existsSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageCommand, packageVersion } from './dependencies.mjs';
import { diskFullError, isDiskFull } from './failures.mjs';
import { SetupError, runStep } from './report.mjs';
import { run } from './run.mjs';
import { hashFiles, listFiles, readStamp, sha256, writeStamp } from './stamp.mjs';

const STAMP = '.continual-torch-ts.json';
const ASIDE = '.dist-';

function typescriptHash(root) {
  const configs = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name)).map((name) => join(root, name));
  const { type = 'commonjs' } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const files = [...listFiles(join(root, 'lib')), ...configs.sort()];
  return sha256(packageVersion(root, 'typescript'), type, hashFiles(root, files));
}

/** @returns {string | null} why dist has to be compiled, or null */
export function typescriptStale(root) {
  const dist = join(root, 'dist');
  const stamp = readStamp(join(dist, STAMP));
  if (stamp === null) return 'dist is not compiled yet';
  if (stamp.hash !== typescriptHash(root)) return 'lib has changed';
  return listFiles(dist).length === stamp.files ? null : 'files of dist are missing';
}

export async function compileTypescript({ root, env, reporter, why }) {
  await runStep(reporter, 'TypeScript', `${why}, so tsc compiles lib to dist`, async () => {
    for (const name of readdirSync(root).filter((each) => each.startsWith(ASIDE))) {
      rmSync(join(root, name), { recursive: true, force: true });
    }
    const dist = join(root, 'dist');
    const aside = join(root, `${ASIDE}new-${process.pid}`);
    const old = join(root, `${ASIDE}old-${process.pid}`);
    const tsc = packageCommand(root, 'typescript', 'tsc');
    if (tsc === null) throw new SetupError('typescript is not installed, and it compiles lib. Run npm ci.');
    const hash = typescriptHash(root);
    try {
      const args = [tsc, '-p', 'tsconfig.build.json', '--outDir', aside];
      const { code, output } = await run(process.execPath, args, { cwd: root, env });
      if (isDiskFull(output)) throw diskFullError('tsc', root);
      if (code !== 0) throw new SetupError(`tsc failed:\n${output.trimEnd()}`);
      writeStamp(join(aside, STAMP), { hash, files: listFiles(aside).length });
      if (existsSync(dist)) renameSync(dist, old);
      renameSync(aside, dist);
    } finally {
      rmSync(aside, { recursive: true, force: true });
      rmSync(old, { recursive: true, force: true });
    }
  });
}
