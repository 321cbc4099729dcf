import { createModule, Module } from './module';

/** `max(x, 0)`, element by element (`torch.nn.ReLU`). */
export class ReLU extends Module {
  constructor() {
    super(createModule('ReLU'));
  }
}
