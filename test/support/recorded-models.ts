import { readFileSync } from 'node:fs';
import type { Experience, nn } from '../../lib/index';
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
  return { classesInThisExperience: classes, taskLabels: taskLabels.length > 0 ? taskLabels : [0] } as unknown as Experience;
}

/** Parameters and buffers are the recorded ones, bit for bit. */
export function assertState(module: nn.Module, recorded: (name: string) => Parameters<typeof assertTensorEqual>[1], prefix: string) {
  for (const [name, value] of module.stateDict()) assertTensorEqual(value, recorded(`${prefix}.${name}`), `${prefix}.${name}`);
}
