// What docs/threads.md takes for granted.
import { models, optim } from 'continual-torch';

export const model = new models.SimpleMLP();
export const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
