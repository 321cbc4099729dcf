import { benchmarkFromDatasets, MASPlugin, nn, TensorDataset, torch } from 'continual-torch';

export const mas = new MASPlugin({ lambdaReg: 10 });

export const pretrained = new nn.Linear(4, 2);
export const images = torch.randn([8, 4]);
export const experience = benchmarkFromDatasets({ train: [new TensorDataset(images, [0, 1, 0, 1, 0, 1, 0, 1])] }).trainStream[0]!;
