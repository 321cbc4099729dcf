// Compiled as a user's file, against the published declarations: what of the inside does not show.
import { BaseSGDTemplate, DataLoader, Generator, MASPlugin, nn, optim, tensor, Tensor } from 'continual-torch';

export class Net extends nn.Module {
  readonly fc = new nn.Linear(2, 1);

  override forward(x: Tensor): Tensor {
    return this.fc.forward(x);
  }
}

/** Never called. */
export function refused(strategy: BaseSGDTemplate, loader: DataLoader): void {
  // @ts-expect-error tensors come from `tensor()`, operators and models
  new Tensor();
  // @ts-expect-error so that an array is no tensor either
  new Tensor([1, 2]);
  // @ts-expect-error internal
  void tensor([1]).handle;
  // @ts-expect-error internal
  void new Generator().handle;
  // @ts-expect-error internal
  void new MASPlugin().handle;
  // @ts-expect-error internal
  void new optim.SGD([tensor([1])]).handle;
  // @ts-expect-error internal
  void strategy.step;
  // @ts-expect-error internal
  void loader.openNative;
}
