import { Naive, nn, optim } from 'continual-torch';

const model = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 10));
const optimizer = new optim.SGD(model.parameters(), { lr: 0.05 });
export const strategy = new Naive({ model, optimizer, trainMbSize: 128, evalMbSize: 1000, evaluator: null });
