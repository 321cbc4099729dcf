import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { formats, fuzz } from '../fuzz/fuzz';
import { onCpu } from '../support/on-cpu';

describe('reading damaged files of weights', () => {
  onCpu('compressed, quantized and nested tensors have kernels there alone');

  for (const format of ['safetensors', 'safetensors-index', 'torch'] as const) {
    it(`${format}: each is read or refused with a documented code`, async () => {
      const { outcomes, findings } = await fuzz(format, { count: 3000, seed: 1 });
      assert.deepEqual(findings, []);
      // The mutations reach what they are meant to: some files are still read, and every code comes.
      assert.deepEqual([...outcomes.keys()].sort(), [...formats[format].codes, 'read'].sort());
    });
  }
});
