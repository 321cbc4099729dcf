import { childHandles, createModule, Module } from './module';

/** Applies its children one after the other; they are named `0`, `1`, ... (`torch.nn.Sequential`). */
export class Sequential extends Module {
  constructor(...children: Module[]) {
    super(createModule('Sequential', childHandles('nn.Sequential', children)));
  }
}
