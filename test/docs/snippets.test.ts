// Every block of code of the documents is a program that a reader may type: TypeScript is compiled as in a user's strict
// project and run, commands exist, and what is not run is listed here with the reason.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { complaints, consumer, root } from '../support/consumer';
import { type Block, documents, type Page, readPage } from '../support/markdown';
import { withTempFolder } from '../support/temp-folder';
import { compile, compiledFile, writePrograms } from './programs';

/** Blocks in a language that has programs, by the first line; TypeScript is always compiled. */
const notRun: { page: string; begins: string; why: string }[] = [
  { page: 'README.md', begins: 'npm install continual-torch', why: 'the registry; test:install does it with tarballs' },
  { page: 'README.md', begins: 'git clone', why: 'the network, and minutes' },
  { page: 'README.md', begins: 'npm test', why: 'it would run itself' },
  { page: 'docs/installing.md', begins: 'npm install continual-torch', why: 'the registry' },
  { page: 'docs/installing.md', begins: 'LIBTORCH=', why: 'a download of 2.5 GB' },
  { page: 'docs/installing.md', begins: 'npx esbuild', why: 'a program of the reader; test:install bundles one' },
  { page: 'docs/performance.md', begins: 'npm run bench', why: 'minutes' },
  { page: 'docs/performance.md', begins: '# where there is a network', why: 'the network' },
  { page: 'docs/serving.md', begins: 'npx tsx examples/server.ts', why: 'it runs until it is stopped; test/examples does it' },
  { page: 'docs/torchscript.md', begins: 'torch.jit.script', why: 'Python; test/jit has what it writes' },
  { page: 'docs/torchscript.md', begins: 'model = torch.jit.load', why: 'Python; test/jit opens what is saved with it where there is one' },
];
/** What stands between fences and is no program: output, messages, pseudocode. */
const noProgram = 'text';

const isListed = (block: Block) => notRun.some(({ page, begins }) => page === block.page && block.text.startsWith(begins));
const place = ({ page, line }: Block) => `${page}:${line}`;

describe('the code in the documents', () => {
  let pages: Page[];
  let contributing: Page;
  let programs: { page: string; file: string }[];
  const user = path.join(root, 'test', 'types', 'consumer.mts');

  before(async () => {
    pages = await Promise.all(documents.map(readPage));
    contributing = await readPage('CONTRIBUTING.md');
    // The README's example goes on after its module: nothing comes behind it.
    programs = writePrograms([...pages.slice(1), pages[0]!]);
  });

  it('says what language it is in', () => {
    const known = ['ts', 'sh', 'python', noProgram];
    const others = pages.flatMap(({ blocks }) => blocks.filter(({ language }) => !known.includes(language)));
    assert.deepEqual(others.map((block) => `${place(block)}: "${block.language}"`), []);
  });

  it('is run, or listed with the reason', () => {
    const blocks = pages.flatMap((page) => page.blocks).filter(({ language }) => language !== noProgram && language !== 'ts');
    assert.deepEqual(blocks.filter((block) => !isListed(block)).map(place), []);
    const stale = notRun.filter(({ page, begins }) => !blocks.some((block) => block.page === page && block.text.startsWith(begins)));
    assert.deepEqual(stale, []);
  });

  it('quotes the examples as they are', () => {
    const [whole, net] = pages[0]!.blocks.filter(({ language }) => language === 'ts');
    const example = (name: string) => readFileSync(path.join(root, 'examples', name), 'utf8');
    assert.equal(`${whole!.text}\n`, example('permuted-mnist.ts'));
    assert.ok(example('typescript-model.ts').includes(net!.text), place(net!));
  });

  it('names commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
    const cli = readFileSync(path.join(root, 'lib', 'cli', 'main.ts'), 'utf8');
    const texts = [...pages, contributing].map(({ name, text }) => ({ name, text }));
    const unknown = texts.flatMap(({ name, text }) => [
      ...[...text.matchAll(/npm run (?:--silent )?([\w:-]+)/g)].filter(([, script]) => !(script! in scripts)),
      ...[...text.matchAll(/npx continual-torch ([\w-]+)/g)].filter(([, command]) => !RegExp(`^  '?${command}'?: \\{$`, 'm').test(cli)),
    ].map(([command]) => `${name}: ${command}`));
    assert.deepEqual(unknown, []);
  });

  for (const resolution of ['bundler', 'node16'] as const) {
    it(`compiles in strict mode with moduleResolution ${resolution}`, () => {
      assert.ok(programs.length >= 12);
      const program = consumer([...programs.map(({ file }) => file), user], resolution);
      assert.deepEqual(complaints(program), []);
      if (resolution === 'node16') compile(program);
    });
  }

  it('runs', async () => {
    const files = new Map(programs.map(({ page, file }) => [compiledFile(file), page]));
    const failures = await withTempFolder((folder) => run([...files.keys()], folder));
    assert.deepEqual(failures.map(({ file, error }) => `${files.get(file)}: ${error}`), []);
  });
});

/** Runs modules in a process of their own; those that failed, with what they threw. */
function run(files: string[], folder: string): Promise<{ file: string; error: string }[]> {
  return new Promise((resolve, reject) => {
    const child = fork(path.join(__dirname, 'run-programs.mjs'), files, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, CONTINUAL_TORCH_FOLDER: folder, CONTINUAL_TORCH_FIXTURES: path.join(root, 'test', 'fixtures') },
    });
    const failures: { file: string; error: string }[] = [];
    const left = new Set(files);
    let stderr = '';
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('message', ({ file, error }: { file: string; error?: string }) => {
      left.delete(file);
      if (error !== undefined) failures.push({ file, error });
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const ended = `ended with ${signal ?? code}\n${stderr}`;
      resolve(code === 0 && left.size === 0 ? failures : [...failures, ...[...left].map((file) => ({ file, error: ended }))]);
    });
  });
}
