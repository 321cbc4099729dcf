/** The networks: two hidden layers, and one output layer for all tasks. */
import { models, nn, type Tensor, torch } from 'continual-torch';

export function mlp(...sizes: number[]): nn.Sequential {
  const layers = sizes.slice(1).flatMap((size, i) => [new nn.Linear(sizes[i]!, size), new nn.ReLU()]);
  return new nn.Sequential(new nn.Flatten(), ...layers.slice(0, -1));
}

/** Whose outputs are those of a sample's task alone, `width` for each: a head of its own, as its weights are drawn. */
export class HeadsInOneLayer extends models.MultiTaskModule {
  constructor(
    readonly layers: nn.Module,
    readonly width: number,
  ) {
    super();
  }

  override forward(x: Tensor, taskLabels: Tensor): Tensor {
    const columns = taskLabels.mul(this.width).unsqueeze(1).add(torch.arange(this.width));
    return (this.layers.forward(x)).gather(1, columns);
  }
}
