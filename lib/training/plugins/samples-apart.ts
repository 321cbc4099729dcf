import { DataLoader } from '../../data/data-loader';
import type { Dataset, MiniBatch } from '../../data/dataset';
import { type Inputs, mapInputs } from '../../data/inputs';
import type { Strategy } from '../../hooks/strategy';
import { noGrad } from '../../tensor/grad-mode';
import type { Tensor } from '../../tensor/tensor';
import { passOver } from '../iteration/plugin-pass';

const few = 2;

/**
 * @internal Whether the model says of the first two samples together what it says of each alone. Autograd's graph shows where
 * samples meet on the way of a gradient; this shows whether they do elsewhere: in the inputs, or in layers that are frozen.
 */
export async function keepsSamplesApart(strategy: Strategy, data: DataLoader<Dataset, Inputs>): Promise<boolean> {
  const outputs: Tensor[] = [];
  const step = () => void outputs.push(strategy.mbOutput!.detach());
  for await (const [x, y, taskId] of new DataLoader(data.dataset, { batchSize: Math.min(data.batchSize, few), generator: data.generator })) {
    const row = (k: number) => (tensor: Tensor) => tensor.narrow(0, k, 1);
    const single = (k: number): MiniBatch<Inputs> => [mapInputs(x, row(k)), row(k)(y), row(k)(taskId)];
    const alone = Array.from({ length: y.shape[0]! }, (_, k) => single(k));
    await passOver(strategy, [[x, y, taskId], ...alone], { steps: [step] });
    break;
  }
  const [together, ...alone] = outputs;
  return together === undefined || noGrad(() => alone.every((own, k) => isClose(together.narrow(0, k, 1), own)));
}

/** But for rounding: within the root of what the dtype tells apart, as a share of the largest number. */
function isClose(actual: Tensor, expected: Tensor): boolean {
  if (actual.shape.join() !== expected.shape.join()) return false;
  const digits: Record<string, number> = { float64: 52, bfloat16: 7, float16: 10 };
  const tolerance = Math.sqrt(2 ** -(digits[expected.dtype] ?? 23));
  const largest = (values: Tensor) => Number(values.abs().max().item());
  return expected.numel() === 0 || largest(actual.sub(expected)) <= tolerance * largest(expected);
}
