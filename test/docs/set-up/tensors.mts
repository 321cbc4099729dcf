import { tensor } from 'continual-torch';

export const mask = tensor([[true, false], [false, true]], { dtype: 'bool' }); // prettier-ignore
