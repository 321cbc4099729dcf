import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'mocha';
import { loadScript, withFolder, writeFiles } from './support';

describe('scripts/setup/tools', () => {
  let requireTools: (need: { build: boolean; env: NodeJS.ProcessEnv }) => void;
  before(async () => {
    ({ requireTools } = await loadScript<{ requireTools: typeof requireTools }>('tools.mjs'));
  });

  const posix = process.platform !== 'win32';

  it('names in one message all that is missing, why it is needed, and how to get it on each system', function () {
    if (!posix) this.skip();
    return withFolder((folder) => {
      assert.throws(
        () => requireTools({ build: true, env: { PATH: folder } }),
        (error: Error) => {
          assert.equal(error.name, 'SetupError');
          for (const words of [
            'CMake 3.18 or later: it drives the native build',
            'a C++20 compiler: it compiles',
            'make or ninja: ',
            'sudo apt-get install cmake g++ make\n',
            'sudo dnf install cmake gcc-c++ make',
            'brew install cmake',
            'winget install Kitware.CMake',
          ]) {
            assert.ok(error.message.includes(words), `"${words}" is missing in: ${error.message}`);
          }
          return true;
        },
      );
    });
  });

  it('asks for nothing where nothing has to be built', () =>
    withFolder((folder) => {
      requireTools({ build: false, env: { PATH: folder } });
    }));

  it('tells the version of a CMake that is too old, and of a compiler without C++20', function () {
    if (!posix) this.skip();
    return withFolder((folder) => {
      const script = (body: string) => `#!/bin/sh\n${body}\n`;
      writeFiles(folder, {
        cmake: script('echo "cmake version 3.16.3"'),
        'c++': script(
          'if [ "$1" = --version ]; then echo "g++ 7.5.0"; else echo "error: unrecognized option -std=c++20" >&2; exit 1; fi',
        ),
        make: script(''),
      });
      for (const name of ['cmake', 'c++', 'make']) chmodSync(join(folder, name), 0o755);
      assert.throws(
        () => requireTools({ build: true, env: { PATH: folder } }),
        /CMake 3\.18 or later: .*\(found: 3\.16\.3\)\n.*compiler: .*\(found: g\+\+ 7\.5\.0, which fails on a C\+\+20 file: error: unrecognized option -std=c\+\+20\)\nHow/,
      );
    });
  });
});
