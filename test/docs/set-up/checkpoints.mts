import { benchmarkFromDatasets, EvaluationPlugin, models, optim, TensorDataset, torch } from 'continual-torch';

export const model = new models.SimpleMLP({ inputSize: 4, numClasses: 2 });
export const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
export const evaluator = new EvaluationPlugin({ loggers: [] });
const samples = () => new TensorDataset(torch.randn([8, 4]), [0, 1, 0, 1, 0, 1, 0, 1]);
export const { trainStream, testStream } = benchmarkFromDatasets({ train: [samples(), samples()], test: [samples()] });
