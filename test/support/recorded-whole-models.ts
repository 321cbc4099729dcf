import assert from 'node:assert/strict';
import { manualSeed, models, type nn, ops, type Tensor } from '../../lib/index';
import { assertTensorClose } from './assertions';
import { experience, recordedEntry, recordedTensors, tasks } from './recorded-models';

/** What stands in models.json for a tensor. */
interface Digest {
  shape: number[];
  dtype: string;
  first: number[];
  sum: number;
  squares: number;
}
interface WholeModel {
  seed: number;
  inputShape: number[];
  parameters: string[];
  initial: Record<string, Digest>;
  experiences?: [classes: number[], task: number][];
  adapted?: Record<string, Digest>;
  labels?: number[];
  gradients: Record<string, Digest>;
  buffers: Record<string, Digest>;
}

/** `FORWARD_SEED` of record_models.py. */
const forwardSeedOffset = 100;
/** A network's convolutions in float32: kernels differ in the order of their sums with the processor. */
const convolutions = { relative: 1e-4, absolute: 1e-5 };

/** Names, shapes and values of tensors against their digests; with `near` up to float32 convolutions. */
function assertDigests(actual: Map<string, Tensor>, expected: Record<string, Digest>, near = false): void {
  for (const [name, digest] of Object.entries(expected)) {
    const value = actual.get(name);
    assert.ok(value, `${name} is missing`);
    assert.deepEqual([value.shape, value.dtype], [digest.shape, digest.dtype], name);
    const values = ops.aten.flatten!(ops.aten.to!(value, 'float64')) as Tensor;
    const first = (ops.aten.narrow!(values, 0, 0, digest.first.length) as Tensor).toNumbers();
    const sum = (ops.aten.sum!(values) as Tensor).item();
    const squares = (ops.aten.sum!(ops.aten.square!(values)) as Tensor).item();
    const size = Math.sqrt(digest.squares / Math.max(1, value.numel())) || 1;
    const tolerance = near ? 1e-4 * size : 0;
    first.forEach((v, i) =>
      assert.ok(Math.abs(v - digest.first[i]!) <= tolerance, `${name}[${i}]: ${v}, not ${digest.first[i]}`),
    );
    const ofSum = (near ? 1e-5 : 1e-12) * size * value.numel();
    assert.ok(Math.abs(sum - digest.sum) <= ofSum, `sum of ${name}: ${sum}, not ${digest.sum}`);
    const ofSquares = (near ? 1e-4 : 1e-12) * digest.squares;
    assert.ok(Math.abs(squares - digest.squares) <= ofSquares, `squares of ${name}: ${squares}, not ${digest.squares}`);
  }
}

/**
 * A model made after `manualSeed` has the recorded names, shapes and initial values, before and after it was adapted to the
 * recorded experiences; in train mode it gives the recorded output and gradients and moves its buffers as recorded; in eval
 * mode it gives the recorded output.
 */
export async function assertEqualsRecordedModel(name: string, make: () => nn.Module): Promise<void> {
  const entry = recordedEntry<WholeModel>(name);
  const recorded = await recordedTensors();
  manualSeed(entry.seed);
  const model = make();
  assert.deepEqual([...model.namedParameters().keys()], entry.parameters);
  assert.deepEqual([...model.stateDict().keys()].sort(), Object.keys(entry.initial).sort());
  assertDigests(model.stateDict(), entry.initial);
  for (const [classes, task] of entry.experiences ?? []) {
    models.avalancheModelAdaptation(model, experience(classes, task));
  }
  const adapted = { ...entry.initial, ...entry.adapted };
  assert.deepEqual([...model.stateDict().keys()].sort(), Object.keys(adapted).sort());
  assertDigests(model.stateDict(), adapted);

  manualSeed(entry.seed + forwardSeedOffset);
  const x = ops.aten.randn!(entry.inputShape) as Tensor;
  const labels = entry.labels && tasks(...entry.labels);
  const output = model.forward(x, labels);
  assertTensorClose(output, recorded(`${name}.output`), convolutions, 'output in train mode');
  (ops.aten.sum!(ops.aten.square!(output)) as Tensor).backward();
  const gradients = new Map([...model.namedParameters()].flatMap(([key, { grad }]) => (grad ? [[key, grad]] : [])));
  assert.deepEqual([...gradients.keys()].sort(), Object.keys(entry.gradients).sort());
  assertDigests(gradients, entry.gradients, true);
  assertDigests(model.namedBuffers(), entry.buffers, true);
  assertTensorClose(
    model.eval().forward(x, labels),
    recorded(`${name}.evalOutput`),
    convolutions,
    'output in eval mode',
  );
}

/** Number of elements of all parameters. */
export function parameterCount(model: nn.Module): number {
  return model.parameters().reduce((sum, parameter) => sum + parameter.numel(), 0);
}
