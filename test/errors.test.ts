import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'mocha';
import { ContinualTorchError, type ErrorCode, errorCodes, jit, tensor } from '../lib/index';

const root = path.join(__dirname, '..');

/** The text of every source file in the folders. */
function sources(...folders: string[]): string {
  return folders
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
        path.join(root, folder, file),
      ),
    )
    .filter((file) => /\.(ts|cpp|h)$/.test(file))
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

describe('ContinualTorchError', () => {
  it('is an Error with name, code, message and cause', () => {
    const cause = new Error('below');
    const error = new ContinualTorchError('ERR_HOOK', 'above', { cause });
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'ContinualTorchError');
    assert.equal(error.code, 'ERR_HOOK');
    assert.equal(error.message, 'above');
    assert.equal(error.cause, cause);
    assert.match(error.stack!, /^ContinualTorchError: above|^Error: above/);
  });

  it('is what C++ throws too, with the stack of the caller', () => {
    try {
      tensor([1, 2]).item();
      assert.fail('item() did not throw');
    } catch (error) {
      assert.ok(error instanceof ContinualTorchError);
      assert.match(error.stack!, /errors\.test/);
    }
  });

  it('carries only codes that are documented, and every documented code is thrown somewhere', () => {
    const used = new Set(
      sources('lib', 'native')
        .replace(readFileSync(path.join(root, 'lib', 'errors.ts'), 'utf8'), '')
        .match(/\bERR_[A-Z_]+\b/g),
    );
    const documented = new Set<string>(Object.keys(errorCodes));
    const nodeCodes = ['ERR_PARSE_ARGS']; // the beginning of what `util.parseArgs` throws
    assert.deepEqual(
      [...used].filter((code) => !documented.has(code) && !nodeCodes.includes(code)),
      [],
    );
    assert.deepEqual(
      [...documented].filter((code) => !used.has(code)),
      [],
    );
    assert.ok(Object.values(errorCodes).every((meaning) => meaning.length > 10));
  });

  it('describes what came by value where it is short, by kind where it is long', () => {
    const received: [unknown, string][] = [
      ['a "quoted" word', String.raw`"a \"quoted\" word"`],
      [3, '3'],
      [null, 'null'],
      [undefined, 'undefined'],
      [10n, '10'],
      [[1, 2], 'an array of 2'],
      [new Float32Array(2), 'a Float32Array'],
      [{ a: 1 }, 'an object'],
      [Object.create(null), 'an object'],
      [new Map(), 'a Map'],
      [function named() {}, 'a function named'],
      [() => undefined, 'a function'],
    ];
    for (const [value, description] of received) {
      assert.throws(() => jit.trace(value as never, []), {
        code: 'ERR_INVALID_ARG_TYPE' satisfies ErrorCode,
        message: `jit.trace: expected a Module, got ${description}`,
      });
    }
  });
});
