import { benchmarkFromDatasets, jit, nn, optim, SupervisedTemplate, TensorDataset, torch } from 'continual-torch';

export { jit };
export const model = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3));
export const images = torch.randn([2, 4]);
export const testSet = new TensorDataset(torch.randn([8, 4]), torch.zeros([8], { dtype: 'int64' }));
export const strategy = new SupervisedTemplate({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), evaluator: null });
export const experience = benchmarkFromDatasets({ train: [testSet] }).trainStream[0]!;
