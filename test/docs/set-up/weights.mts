import { nn, optim, saveSafetensors } from 'continual-torch';

export const model = new nn.Linear(2, 1);
export const optimizer = new optim.Adam(model.namedParameters());
await saveSafetensors(model.stateDict(), 'model.safetensors');
