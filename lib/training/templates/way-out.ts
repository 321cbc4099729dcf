import { ContinualTorchError } from '../../errors';
import { CrossEntropyLoss } from '../../nn/losses';
import type { Tensor } from '../../tensor/tensor';

/** Says what to do where a model or criterion has failed on data of a dtype that is a usual slip; else the error as it is. */
export function withWayOut(error: unknown, x: Tensor | null, y: Tensor | null, criterion: unknown): unknown {
  if (!(error instanceof ContinualTorchError)) return error;
  const hint = hintFor(error, x, y, criterion);
  if (hint === null) return error;
  const [line, ...rest] = error.message.split('\n') as [string, ...string[]];
  return new ContinualTorchError(error.code, [`${line}; ${hint}`, ...rest].join('\n'), { cause: error });
}

function hintFor({ code }: ContinualTorchError, x: Tensor | null, y: Tensor | null, criterion: unknown): string | null {
  if (code === 'ERR_FORWARD' && x?.dtype === 'uint8') {
    return 'the inputs are bytes: give their TensorDataset the transform { toFloat: true }, which makes floats in [0, 1] of them';
  }
  const areLabels = criterion instanceof CrossEntropyLoss && y?.shape.length === 1;
  if (code === 'ERR_CRITERION' && areLabels && y.dtype.includes('float')) {
    return `the targets are ${y.dtype}: class labels are integers, plain numbers or an Int32Array for example`;
  }
  return null;
}
