import { benchmarkFromDatasets, nn, optim, TensorDataset, torch } from 'continual-torch';

const samples = () => new TensorDataset(torch.randn([8, 4]), [0, 1, 0, 1, 0, 1, 0, 1]);
export const { trainStream, testStream } = benchmarkFromDatasets({
  train: [samples(), samples()],
  test: [samples(), samples()],
});
export const model = new nn.Linear(4, 2);
export const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
