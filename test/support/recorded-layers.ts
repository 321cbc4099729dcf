import assert from 'node:assert/strict';
import { manualSeed, type nn, ops, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual } from './assertions';
import { loadFixture } from './fixtures';

/** What the recorders in `test/fixtures` add to a layer's seed before the forward pass in train mode. */
const forwardSeedOffset = 100;

/**
 * A layer made after `manualSeed(seed)` has the recorded initial weights under the recorded names, and gives the recorded
 * outputs in train and eval mode and the recorded gradients of `sum(output ** 2)`.
 */
export async function assertEqualsRecordedLayer(
  name: string,
  seed: number,
  make: () => nn.Module,
  fixture: 'layers' | 'models' = 'layers',
): Promise<void> {
  const recorded = await loadFixture(fixture);
  manualSeed(seed);
  const layer = make();
  const parameters = layer.namedParameters();
  assert.ok(parameters.size > 0);
  for (const [key, parameter] of parameters) assertTensorEqual(parameter, recorded(`${name}.${key}`), `${name}.${key}`);

  manualSeed(seed + forwardSeedOffset);
  const output = layer.forward(recorded(`${name}.input`));
  assertTensorClose(output, recorded(`${name}.output`), undefined, 'output in train mode');
  (ops.aten.sum!(ops.aten.square!(output)) as Tensor).backward();
  for (const [key, parameter] of parameters) {
    assertTensorClose(parameter.grad!, recorded(`${name}.grad.${key}`), undefined, `gradient of ${key}`);
  }
  for (const [key, buffer] of layer.namedBuffers()) {
    assertTensorClose(buffer, recorded(`${name}.after.${key}`), undefined, `${key} behind the forward pass`);
  }
  assertTensorClose(layer.eval().forward(recorded(`${name}.input`)), recorded(`${name}.evalOutput`), undefined, 'eval');
}
