import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { runMain } from './run-main';

const manifest = JSON.parse(readFileSync(path.join(__dirname, '..', '..', 'package.json'), 'utf8')) as {
  version: string;
  bin: Record<string, string>;
};
/** Where no native addon is. */
const withoutAddon = { CONTINUAL_TORCH_ADDON: path.join(__dirname, 'no-such-folder') };

describe('continual-torch, the command', () => {
  it('is what the package names as its command', () => {
    assert.deepEqual(manifest.bin, { 'continual-torch': 'dist/cli/main.js' });
  });

  it('lists its subcommands and tells its version without the native addon', async () => {
    const help = await runMain(['--help'], withoutAddon);
    assert.equal(help.code, 0);
    assert.match(help.stdout, /^ {2}demo +\S/m);
    assert.match(help.stdout, /^ {2}doctor +\S/m);
    assert.match(help.stdout, /^ {2}fetch-libtorch +\S/m);
    assert.equal(help.stderr, '');
    assert.deepEqual(await runMain(['--version'], withoutAddon), { code: 0, stdout: `${manifest.version}\n`, stderr: '' });
  });

  it('ends with 2 and the same list on stderr where no subcommand is named', async () => {
    const { code, stdout, stderr } = await runMain([]);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /Usage: npx continual-torch SUBCOMMAND/);
  });

  for (const [name, nearest] of [
    ['fetch-libtorhc', 'fetch-libtorch'],
    ['demos', 'demo'],
    ['constructor', ''],
  ] as const) {
    it(`names the nearest subcommand for "${name}"`, async () => {
      const { code, stdout, stderr } = await runMain([name]);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, new RegExp(`^continual-torch: unknown subcommand "${name}"; did you mean "${nearest || '[a-z-]+'}"`));
    });
  }

  it('ends with 2 for an option that does not exist', async () => {
    const { code, stderr } = await runMain(['--hlep']);
    assert.equal(code, 2);
    assert.match(stderr, /Unknown option '--hlep'/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('hands arguments on to the demo, whose usage line names this command', async () => {
    const { code, stdout } = await runMain(['demo', '--help']);
    assert.equal(code, 0);
    assert.match(stdout, /^Usage: npx continual-torch demo \[options\]$/m);
    const wrong = await runMain(['demo', '--seed', 'x']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /expected --seed to be an integer/);
  });

  it('fetches libtorch without the native addon, which the demo needs', async () => {
    const { code, stdout } = await runMain(['fetch-libtorch', '--help'], withoutAddon);
    assert.equal(code, 0);
    assert.match(stdout, /--cuda VARIANT/);
    const demo = await runMain(['demo', '--help'], withoutAddon);
    assert.equal(demo.code, 2);
    assert.match(demo.stderr, /expected a libtorch and an addon for it/);
  });
});
