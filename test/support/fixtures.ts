import path from 'node:path';
import { loadSafetensors, type Tensor } from '../../lib/index';

/** Full path of a file under `test/fixtures`. */
export function fixturePath(...names: string[]): string {
  return path.join(__dirname, '..', 'fixtures', ...names);
}

/** Tensors of `test/fixtures/NAME.safetensors`; asking for one that is not there throws. */
export async function loadFixture(name: string): Promise<(tensorName: string) => Tensor> {
  const tensors = await loadSafetensors(fixturePath(`${name}.safetensors`));
  return (tensorName) => {
    const found = tensors.get(tensorName);
    if (!found) throw new Error(`fixture ${name} has no "${tensorName}"; record it with record_torch.py`);
    return found;
  };
}
