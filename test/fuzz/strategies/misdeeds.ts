import { nn, type SupervisedTemplate, tensor } from '../../../lib/index';
import type { Oddity } from './program';

/** What has been put in that does not go away with the call. */
export interface Misdeed {
  undo: (() => void)[];
}

/** Does to a strategy in a hook what types forbid. */
export function commit(oddity: Oddity, strategy: SupervisedTemplate, { undo }: Misdeed): void | Promise<void> {
   
  const open = strategy as any;
  const push = (plugin: unknown) => {
    strategy.plugins.push(plugin as never);
    undo.push(() => strategy.plugins.splice(strategy.plugins.indexOf(plugin as never), 1));
  };
  const { model } = strategy;
  switch (oddity) {
    case 'experience null': open.experience = null; return;
    case 'experience 5': open.experience = 5; return;
    case 'adaptedDataset null': open.adaptedDataset = null; return;
    case 'adaptedDataset 5': open.adaptedDataset = 5; return;
    case 'dataloader null': open.dataloader = null; return;
    case 'dataloader empty': open.dataloader = []; return;
    case 'dataloader odd': open.dataloader = [1, null]; return;
    case 'dataloader once': open.dataloader = { [Symbol.iterator]: () => ({ next: () => null }) }; return;
    case 'mbatch 5': open.mbatch = 5; return;
    case 'mbatch short': open.mbatch = [tensor([[1, 2, 3, 4], [1, 2, 3, 4]]), tensor([0], { dtype: 'int64' })]; return;
    case 'mbX null': open.mbX = null; return;
    case 'mbY short': open.mbY = tensor([0, 0, 0, 0, 0, 0, 0, 0, 0], { dtype: 'int64' }); return;
    case 'loss null': open.loss = null; return;
    case 'loss wide': open.loss = tensor([1, 2, 3]); return;
    case 'output odd': open.mbOutput = tensor([[1, 2]]); return;
    case 'model null': open.model = null; return;
    case 'optimizer null': open.optimizer = null; return;
    case 'plugin null': push(null); return;
    case 'plugin 5': push(5); return;
    case 'plugin unreadable': push(unreadable); return;
    case 'plugin odd hook': push({ afterForward: 5, afterEvalForward: 'x' }); return;
    case 'train': return strategy.train(strategy.experience ?? []).then(() => {});
    case 'other model':
      undo.push(() => (strategy.model = model));
      strategy.model = new nn.Linear(4, 4);
      return;
  }
}

const unreadable = new Proxy(
  {},
  {
    get() {
      throw new Error('not to be looked at');
    },
  },
);
