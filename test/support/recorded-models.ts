import { readFileSync } from 'node:fs';
import { type Experience, type nn, ops, tensor, type Tensor } from '../../lib/index';
import { fixturePath, loadFixture } from './fixtures';
import { assertTensorEqual } from './assertions';

/** An entry of `test/fixtures/models.json`; asking for one that is not there throws. */
export function recordedEntry<T>(name: string): T {
  const entries = JSON.parse(readFileSync(fixturePath('models.json'), 'utf8')) as Record<string, T>;
  const entry = entries[name];
  if (entry === undefined) throw new Error(`models.json has no "${name}"; record it with record_models.py`);
  return entry;
}

/** Tensors of `test/fixtures/models.safetensors`. */
export const recordedTensors = () => loadFixture('models');

/** As much of an experience as models look at. */
export function experience(classes: readonly number[], ...taskLabels: number[]): Experience {
  return {
    classesInThisExperience: classes,
    taskLabels: taskLabels.length > 0 ? taskLabels : [0],
  } as unknown as Experience;
}

/** Task labels for a mini-batch. */
export const tasks = (...labels: number[]): Tensor => tensor(labels, { dtype: 'int64' });

/** What the recorder calls `ramp`: values between -1 and 1 in a shape. */
export const ramp = (...shape: number[]): Tensor =>
  ops.aten.reshape!(
    ops.aten.linspace!(
      -1,
      1,
      shape.reduce((a, b) => a * b),
    ),
    shape,
  ) as Tensor;

/** Parameters and buffers are the recorded ones, bit for bit. */
export function assertState(module: nn.Module, recorded: (name: string) => Tensor, prefix: string): void {
  for (const [name, value] of module.stateDict())
    assertTensorEqual(value, recorded(`${prefix}.${name}`), `${prefix}.${name}`);
}
