import { accuracyMetrics, benchmarkFromDatasets, EvaluationPlugin, nn, TensorDataset, torch } from 'continual-torch';

const labels = [0, 1, 0, 1, 0, 1, 0, 1];
export const { trainStream } = benchmarkFromDatasets({ train: [0, 1, 2].map(() => new TensorDataset(torch.randn([8, 4]), labels)) });
export const newModel = () => new nn.Linear(4, 2);
export const model = newModel();
export const newEvaluator = () => new EvaluationPlugin(accuracyMetrics({ experience: true }), { loggers: [] });
