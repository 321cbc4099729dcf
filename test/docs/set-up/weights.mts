import { mkdir, writeFile } from 'node:fs/promises';
import { nn, optim, saveSafetensors } from 'continual-torch';

export const model = new nn.Linear(2, 1);
export const optimizer = new optim.Adam(model.namedParameters());
await saveSafetensors(model.stateDict(), 'model.safetensors');
await mkdir('llama');
await saveSafetensors(model.stateDict(), 'llama/model-00001-of-00001.safetensors');
await writeFile(
  'llama/model.safetensors.index.json',
  JSON.stringify({ weight_map: { weight: 'model-00001-of-00001.safetensors', bias: 'model-00001-of-00001.safetensors' } }),
);
