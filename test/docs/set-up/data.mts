import { type Sample, torch } from 'continual-torch';

export const x = [[1, 2], [3, 4]]; // prettier-ignore
export const y = [0, 1];
export const buffer = new ArrayBuffer(2 * 28 * 28);
export const labels = new Uint8Array([3, 7]);
export const ids = torch.randint(1000, [2, 6]);
export const mask = torch.ones([2, 6]);

export function* readSamples(_file: string): Generator<Sample> {
  yield [[1, 2], 0];
  yield [[3, 4], 2];
}
