// Phases are numbers on both sides of the door.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Phase } from '../lib/index';

describe('the phases of an iteration', () => {
  it('are those of C++, in their order', () => {
    const header = readFileSync(path.join(__dirname, '..', 'native', 'core', 'training', 'training_step.h'), 'utf8');
    const [, body] = /enum class Phase : int \{([^}]*)\}/.exec(header)!;
    const names = [...body!.matchAll(/k(\w+)/g)].map(([, name]) => name!.charAt(0).toLowerCase() + name!.slice(1));
    const inCpp = Object.fromEntries(names.map((name, number) => [name, number]));
    const { plugin, ...known } = inCpp;
    assert.ok(plugin !== undefined, 'a phase of a plugin comes as an object, not as its number');
    assert.deepEqual(known, { ...Phase });
  });
});
