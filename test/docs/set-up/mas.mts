import { MASPlugin } from 'continual-torch';

export const mas = new MASPlugin({ lambdaReg: 10 });
