import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { Tensor, torch } from '../../lib/index';
import { native } from '../../lib/native/binding';
import { camelCase } from '../../lib/tensor/camel-case';
import { functionNames, methodNames } from '../../lib/tensor/operators.generated';
import { skipUnlessLibtorch } from '../support/libtorch-version';
import { generatedFile, generateOperators } from '../../scripts/generate-operators';

describe('the generated declarations of operators', () => {
  it('are those of the loaded libtorch; npm run generate writes them anew', function () {
    const committed = readFileSync(generatedFile, 'utf8');
    const version = /schemas of libtorch (\S+);/.exec(committed)![1]!;
    skipUnlessLibtorch(this, version, 'the declarations are of');
    // Compared without a diff: one of 6,000 lines takes minutes.
    const generated = generateOperators(native.operatorSchemas(), version);
    const lines = committed.split('\n');
    const different = generated.split('\n').findIndex((line, i) => line !== lines[i]);
    assert.equal(different, -1, `line ${different + 1} should be: ${generated.split('\n')[different]}`);
    assert.equal(committed.length, generated.length);
  });

  it('are all there at run time: functions on torch, methods on Tensor', () => {
    const functions = torch as unknown as Record<string, unknown>;
    for (const name of functionNames) assert.equal(typeof functions[camelCase(name)], 'function', name);
    for (const name of methodNames) assert.ok(camelCase(name) in Tensor.prototype, name);
    assert.ok(functionNames.length > 1000);
  });

  it('give each operator a name of its own', () => {
    for (const names of [functionNames, methodNames]) assert.equal(new Set(names.map(camelCase)).size, names.length);
  });

  it('offer torch.linalg, torch.fft and torch.special under the rest of their names', () => {
    assert.equal(torch.linalg.norm, torch.linalgNorm);
    assert.equal(torch.fft.rfft2, torch.fftRfft2);
    assert.equal(torch.special.logSoftmax, torch.specialLogSoftmax);
  });
});
