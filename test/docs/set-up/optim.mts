import { nn, torch } from 'continual-torch';

const layers = () => new nn.Sequential(new nn.Linear(4, 3));
export const model = layers();
export const other = layers();
export const features = new nn.Linear(4, 3);
export const head = new nn.Linear(3, 2);
export const criterion = new nn.CrossEntropyLoss();
export const x = torch.randn([8, 4]);
export const y = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1], { dtype: 'int64' });
