/** What each method adds to plain training, and the optimizer that it has. */
import { EWCPlugin, L2Plugin, MASPlugin, type nn, optim, type Plugin, SynapticIntelligencePlugin } from 'continual-torch';
import type { Setting } from './published';

export function newOptimizer({ optimizer, lr }: Setting, model: nn.Module): optim.Optimizer {
  return new optim[optimizer](model.parameters(), { lr });
}

export function newPlugins({ method, coefficient = 0, fisher = 'sample' }: Setting): Plugin[] {
  const ewc = { ewcLambda: coefficient, labels: 'predicted', granularity: fisher, outputs: 'seen' } as const;
  switch (method) {
    case 'l2':
      return [new L2Plugin({ lambda: coefficient })];
    case 'ewc':
      return [new EWCPlugin(ewc)];
    case 'online-ewc':
      return [new EWCPlugin({ ...ewc, mode: 'online', decayFactor: 1 })];
    case 'si':
      // Its penalty has a factor 1/2, those of the table have none.
      return [new SynapticIntelligencePlugin({ siLambda: 2 * coefficient, eps: 0.1, clip: null, gradient: 'task' })];
    case 'mas':
      return [new MASPlugin({ preset: 'hsu2018', lambdaReg: coefficient })];
    case 'naive':
    case 'rehearsal': // is a matter of the data
    case 'offline':
      return [];
  }
}
