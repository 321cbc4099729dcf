import { nn, optim, type Tensor, torch } from 'continual-torch';

export const model = new nn.Conv2d(3, 4, 3);
export const optimizer = new optim.SGD(model.parameters(), { lr: 0.01 });
export const x = torch.randn([2, 3, 8, 8]);
export const y = torch.randn([2, 4, 6, 6]);
export const images = torch.zeros([2, 3, 8, 8], { dtype: 'uint8' });

export async function nextImages(): Promise<Tensor> {
  return x;
}
