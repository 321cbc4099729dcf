// Named imports of an ES module: Node has to find the names in CommonJS without running it.
import {
  benchmarkFromDatasets, EvaluationPlugin, lossMetrics, manualSeed, MASPlugin, nn, optim, SupervisedTemplate, tensor,
  TensorDataset,
} from 'continual-torch';
import { report, train } from './train.cjs';

report(await train({
  benchmarkFromDatasets, EvaluationPlugin, lossMetrics, manualSeed, MASPlugin, nn, optim, SupervisedTemplate, tensor,
  TensorDataset,
}));
