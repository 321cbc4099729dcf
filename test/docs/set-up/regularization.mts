import { benchmarkFromDatasets, models, optim, TensorDataset, torch } from 'continual-torch';

export const model = new models.SimpleMLP({ inputSize: 64, numClasses: 10 });
export const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
const samples = () => new TensorDataset(torch.randn([8, 64]), [0, 1, 0, 1, 0, 1, 0, 1]);
export const { trainStream } = benchmarkFromDatasets({ train: [samples(), samples()] });
