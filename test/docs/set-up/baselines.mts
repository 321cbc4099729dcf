import { concatDatasets, models, optim, TensorDataset, torch } from 'continual-torch';

export { concatDatasets };
const samples = (task: number) => new TensorDataset(torch.randn([8, 4]), [0, 1, 0, 1, 0, 1, 0, 1], { taskLabels: task });
export const train = [samples(0), samples(0)];
export const test = [samples(0), samples(0)];
export function parts() {
  const model = new models.SimpleMLP({ inputSize: 4, numClasses: 2 });
  return { model, optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }), evaluator: null };
}
