import { ContinualTorchError, describeValue } from '../errors';
import { createModule, Module } from './module';

/**
 * Applies its children one after the other; they are named `0`, `1`, ... (`torch.nn.Sequential`).
 * @throws ERR_INVALID_ARG_VALUE for a child that takes task labels
 */
export class Sequential extends Module {
  constructor(...children: Module[]) {
    children.forEach((child, i) => {
      if (child instanceof Module) return;
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `nn.Sequential: expected modules, got ${describeValue(child)} at index ${i}`,
      );
    });
    const handles = children.map(({ handle }) => handle);
    super(createModule('Sequential', handles), Object.fromEntries(children.entries()));
  }
}
