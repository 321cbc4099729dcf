// One order: in each situation the set-up, the loader and both doctors take the same libtorch.
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'mocha';
import { type Attempt, candidates } from '../../lib/libtorch/candidates';
import { placeSection } from '../../lib/libtorch/doctor';
import { type Machine, thisMachine } from '../../lib/libtorch/machine';
import { askPython, which } from '../../lib/libtorch/python-torch';
import { libtorchPlaces } from '../../lib/libtorch/search-order';
import { addonPackage, libtorchPackage } from '../../lib/libtorch/platforms';
import { fakeLibrary, type FileMap, libtorchFiles, prefixed, runScript, withFolder, writeFiles, writeProject } from '../scripts/support';

const platform = `${process.platform}-${process.arch}`;
const packaged = libtorchPackage(platform);
const asked = 'CONTINUAL_TORCH_USE_PYTORCH';
const copied = 'the copy of this package';
const python = 'python3 on PATH';

interface Situation {
  what: string;
  /** What is there, each in a version of its own. */
  there: ('LIBTORCH' | 'unfit LIBTORCH' | 'package' | 'python' | 'copy' | 'torn copy')[];
  asks?: boolean;
  /** What is taken; null: nothing. */
  takes: string | null;
  /** What the set-up takes where that is another one: the package has no headers. */
  builds?: string;
}

const situations: Situation[] = [
  { what: 'LIBTORCH before all else', there: ['LIBTORCH', 'package', 'python', 'copy'], asks: true, takes: 'LIBTORCH' },
  { what: 'nothing in place of a LIBTORCH that does not do', there: ['unfit LIBTORCH', 'package', 'python', 'copy'], asks: true, takes: null },
  { what: 'the package before a PyTorch that is asked for', there: ['package', 'python', 'copy'], asks: true, takes: packaged, builds: asked },
  { what: 'the package before the copy', there: ['package', 'python', 'copy'], takes: packaged, builds: copied },
  { what: 'a PyTorch that is asked for before the copy', there: ['python', 'copy'], asks: true, takes: asked },
  { what: 'the copy before a PyTorch that nobody asks for', there: ['python', 'copy'], takes: copied },
  { what: 'the copy where the Python has no PyTorch', there: ['copy'], asks: true, takes: copied },
  { what: 'a PyTorch that nobody asks for where nothing else is there', there: ['python'], takes: python },
  { what: 'that PyTorch where the copy is torn', there: ['python', 'torn copy'], takes: python },
  { what: 'nothing where nothing is there', there: [], takes: null },
];

/** Everything below `folder`: `project` is a clone, packages lie in the node_modules around it. */
function lay(folder: string, { there, asks = false }: Pick<Situation, 'there' | 'asks'>): { root: string; env: NodeJS.ProcessEnv; machine: Machine } {
  const { root, env } = writeProject(folder);
  const names = [...addonFiles(), ...packageFiles(there.includes('package'))];
  writeFiles(join(folder, 'node_modules'), Object.fromEntries(names));
  if (there.includes('python')) writeFiles(join(folder, 'site-packages/torch'), libtorchFiles('2.12.0+cpu'));
  writeFiles(join(folder, 'libtorch'), libtorchFiles(there.includes('unfit LIBTORCH') ? '2.8.0+cpu' : '2.11.0+cpu'));
  const copy = join(folder, 'cache/continual-torch/libtorch-2.13.0-cpu/torch');
  if (there.includes('copy') || there.includes('torn copy')) writeFiles(copy, libtorchFiles('2.13.0+cpu'));
  if (there.includes('torn copy')) rmSync(join(copy, 'lib'), { recursive: true });
  writePython(folder, there.includes('python') ? join(folder, 'site-packages/torch') : '');
  const environment = {
    ...env,
    LIBTORCH: there.some((each) => each.endsWith('LIBTORCH')) ? env['LIBTORCH'] : '',
    LOCALAPPDATA: join(folder, 'cache'),
    HOME: folder,
    PATH: `${join(folder, 'bin')}:${env['PATH']}`,
    ...(asks ? { CONTINUAL_TORCH_USE_PYTORCH: '1' } : {}),
  };
  const packageFolder = (name: string) => {
    const found = join(folder, 'node_modules', name);
    return existsSync(found) ? found : null;
  };
  return { root, env: environment, machine: { ...thisMachine({ root, env: environment }), packageFolder } };
}

/** A Python that says where its torch is, after words of a sitecustomize, and notes each time that it is asked. */
function writePython(folder: string, torch: string): void {
  writeFiles(folder, { 'bin/python3': `#!/bin/sh\necho x >> '${folder}/asked'\necho welcome\necho '${torch}'\n` });
  chmodSync(join(folder, 'bin/python3'), 0o755);
}

const timesAsked = (folder: string) =>
  existsSync(join(folder, 'asked')) ? readFileSync(join(folder, 'asked'), 'utf8').split('\n').length - 1 : 0;

function withContents(name: string, files: FileMap): [string, string | Buffer][] {
  const contents = { glibc: null, files: Object.fromEntries(Object.entries(files).map(([file, { length }]) => [file, length])) };
  return Object.entries(prefixed(`${name}/`, { ...files, 'contents.json': JSON.stringify(contents) }));
}

/** Addons for every version, so that libtorch alone decides. */
function addonFiles(): [string, string | Buffer][] {
  const names = ['libtorch-2.8', 'libtorch-2.11', 'libtorch-2.12', 'libtorch-2.13', 'opener'];
  return withContents(
    addonPackage(platform),
    Object.fromEntries(names.map((name) => [`prebuilds/${platform}/${name}.node`, fakeLibrary()])),
  );
}

function packageFiles(isThere: boolean): [string, string | Buffer][] {
  const files = Object.entries(libtorchFiles('2.13.0+cpu')).filter(([name]) => !name.startsWith('include/'));
  return isThere ? withContents(packaged, Object.fromEntries(files)) : [];
}

/** The row that a doctor marks as used; null: none. */
const usedIn = (text: string): string | null => /^ {2}\+ (.*?) {2,}\S.* used$/m.exec(text)?.[1] ?? null;

describe('the order of search', function () {
  if (process.platform === 'win32') return; // Its Python is a script of the shell.

  for (const { what, takes, builds = takes, ...situation } of situations) {
    it(`takes ${what}`, () =>
      withFolder((folder) => {
        const { root, env, machine } = lay(folder, situation);

        const attempts: Attempt[] = [];
        const place = candidates(machine, attempts).next().value?.place ?? null;
        assert.equal(place?.source ?? null, takes, 'the loader');
        const { rows } = placeSection(libtorchPlaces(machine).map((look) => look()), place, attempts);
        assert.deepEqual(rows.filter(({ text }) => text.endsWith('  used')).map(({ name }) => name), takes === null ? [] : [takes], 'the doctor');

        assert.equal(usedIn(runScript(root, 'doctor.mjs', env).stdout), builds, "the clone's doctor");
        const { stderr } = runScript(root, 'setup.mjs', env);
        const source = /libtorch: \S+ \(CPU\) from (.*), \//.exec(stderr)?.[1] ?? null;
        assert.equal(source, builds, `the set-up: ${stderr}`);
        if (builds !== null) return;
        const refused = situation.there.includes('unfit LIBTORCH');
        assert.match(stderr, refused ? /LIBTORCH names .*, which cannot be used/ : /libtorch: none was found, so PyTorch 2\.13\.0 \(CPU/);
      }));
  }

  it('leaves a PyTorch that nobody asks for alone where nothing is to be built', () =>
    withFolder((folder) => {
      const { machine } = lay(folder, { there: ['python'] });
      const installed = { ...machine, root: join(folder, 'node_modules', 'continual-torch') };
      assert.deepEqual([...candidates(installed, [])], []);
      assert.equal(timesAsked(folder), 0);
    }));

  it('starts no Python to load what was built for its PyTorch, but where another Python is on PATH', () =>
    withFolder((folder) => {
      const { root, env } = lay(folder, { there: ['python'] });
      assert.equal(runScript(root, 'setup.mjs', env).code, 0);
      const times = timesAsked(folder);
      const torch = join(folder, 'site-packages/torch');
      assert.equal(thisMachine({ root, env }).pythonTorch().torch, torch);
      assert.equal(timesAsked(folder), times);
      writeFiles(join(folder, 'other'), { 'bin/python3': "#!/bin/sh\necho '/elsewhere/torch'\n" });
      chmodSync(join(folder, 'other/bin/python3'), 0o755);
      const other = { ...env, PATH: `${join(folder, 'other/bin')}:${env['PATH']}` };
      assert.equal(thisMachine({ root, env: other }).pythonTorch().torch, '/elsewhere/torch');
      // Nor is an answer of use that another environment gave, or of which the folder is gone.
      assert.equal(thisMachine({ root, env: { ...env, VIRTUAL_ENV: folder } }).pythonTorch().torch, torch);
      assert.equal(timesAsked(folder), times + 1);
      renameSync(torch, `${torch}.away`);
      assert.equal(thisMachine({ root, env }).pythonTorch().torch, torch);
      assert.equal(timesAsked(folder), times + 2);
      renameSync(`${torch}.away`, torch);
      // The set-up asks every time.
      writePython(folder, '');
      assert.equal(usedIn(runScript(root, 'doctor.mjs', env).stdout), null);
    }));

  it('reads from Python a path beyond ASCII, whatever encoding the environment gives it', function () {
    if (which('python3') === null) this.skip();
    return withFolder((folder) => {
      const torch = join(folder, 'Grüße', 'torch');
      writeFiles(torch, { '__init__.py': '' });
      const env = { ...process.env, PYTHONPATH: join(folder, 'Grüße'), PYTHONIOENCODING: 'latin-1' };
      assert.deepEqual(askPython(env), { python: true, torch });
    });
  });
});
