// What docs/training-loop.md takes for granted.
import { benchmarkFromDatasets, EvaluationPlugin, MAS, models, optim, TensorDataset, torch } from 'continual-torch';

const model = new models.SimpleMLP({ inputSize: 4, numClasses: 2 });
export const strategy = new MAS({
  model,
  optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
  evaluator: new EvaluationPlugin({ loggers: [] }),
});
const samples = () => new TensorDataset(torch.randn([8, 4]), [0, 1, 0, 1, 0, 1, 0, 1]);
export const { trainStream } = benchmarkFromDatasets({ train: [samples(), samples()] });
export const experience = trainStream[0]!;
