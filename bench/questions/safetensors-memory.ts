import type { Question } from '../question';

const program = { runs: 'node', file: 'safetensors-memory' } as const;

export const safetensorsMemory: Question = {
  name: 'safetensors-memory',
  asks: 'resident memory that loading a file adds, every element read, mapped or not; against its size',
  unit: 'MB',
  ours: { program, value: 'addedMegabytes' },
  peer: { name: 'file', program, value: 'fileMegabytes' },
  ratio: 'ours / peer',
  toReach: { atMost: 1.1 },
};
