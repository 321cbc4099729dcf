import assert from 'node:assert/strict';
import { satisfies } from '@renovatebot/pep440';
import { describe, it } from 'mocha';
import { platformOf } from '../../../lib/libtorch/fetch/platform';
import { requirementsIn } from '../../../lib/libtorch/fetch/requirements';

/** The specifier of a requirement, as it is read. */
function versionsOf(specifier: string): string {
  const [requirement] = requirementsIn(`Requires-Dist: any${specifier}`, platformOf('linux', 'x64'), () => true);
  return requirement!.versions;
}

describe('fetch-libtorch, what a wheel requires', () => {
  const named = (lines: string[], platform = platformOf('linux', 'x64'), extras: string[] = []) =>
    requirementsIn(lines.map((line) => `Requires-Dist: ${line}\n`).join(''), platform, () => true, extras).map(({ name }) => name);

  it('compares the platform, and takes what is said of the Python as true', () => {
    const lines = [
      'a; platform_system == "Linux"',
      "b; platform_system == 'Windows'",
      'c; platform_system == "Linux" and platform_machine == "x86_64" and python_version < "3.9"',
      "d; 'linux' == sys_platform or os_name == 'nt'",
      "e; (sys_platform == 'win32' or sys_platform == 'linux') and platform_machine != 'x86_64'",
      'f',
      'G_h.i>=1',
    ];
    assert.deepEqual(named(lines), ['a', 'c', 'd', 'f', 'g-h-i']);
    assert.deepEqual(named(lines, platformOf('linux', 'arm64')), ['a', 'd', 'e', 'f', 'g-h-i']);
    assert.deepEqual(named(lines, platformOf('win32', 'x64')), ['b', 'd', 'e', 'f', 'g-h-i']);
  });

  it('takes what belongs to the extras that were asked for', () => {
    const lines = ["a; extra == 'x'", "b; extra == 'y'", "c; sys_platform == 'linux' and extra == 'z'", 'd'];
    assert.deepEqual(named(lines), ['d']);
    assert.deepEqual(named(lines, undefined, ['x', 'z']), ['a', 'c', 'd']);
  });

  it('reads the header alone, and says what it cannot read', () => {
    const text = 'Name: torch\r\nRequires-Dist: a[x,y]==1\r\n\r\nRequires-Dist: b';
    assert.deepEqual(requirementsIn(text, platformOf('linux', 'x64'), () => true), [
      { name: 'a', extras: ['x', 'y'], versions: '==1' },
    ]);
    assert.throws(() => named(['a ~~ 1']), /requires "a ~~ 1", which this version of continual-torch cannot read/);
  });

  for (const [specifier, accepted, refused] of [
    ['==13.0.3', ['13.0.3', '13.0.3.0'], ['13.0', '13.0.3.1', '13.0.30']],
    ['==13.1.1.3.*', ['13.1.1.3', '13.1.1.3.7'], ['13.1.1', '13.1.1.30']],
    ['<14,>=13.0.88', ['13.0.88', '13.5.37'], ['13.0.9', '14', '14.0.1']],
    ['!=1.0,<=2', ['0.9', '2.0'], ['1', '2.0.1']],
    ['!=1.*,>0', ['2'], ['1.5', '0.0']],
    ['~=1.4', ['1.4', '1.10'], ['1.3', '2.0']],
    ['', ['1'], []],
  ] as const) {
    it(`knows which versions ${specifier || 'no specifier'} means`, () => {
      for (const version of accepted) assert.ok(satisfies(version, versionsOf(specifier)), version);
      for (const version of refused) assert.ok(!satisfies(version, versionsOf(specifier)), version);
    });
  }
});
