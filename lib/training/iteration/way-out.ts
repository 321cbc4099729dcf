import { closest } from 'fastest-levenshtein';
import type { Inputs } from '../../data/inputs';
import { ContinualTorchError } from '../../errors';
import { CrossEntropyLoss } from '../../nn/losses';
import { type Module, nativeModule } from '../../nn/module';
import { Tensor } from '../../tensor/tensor';

/** Says what to do where a model or criterion has failed on data of a dtype that is a usual slip; else the error as it is. */
export function withWayOut(error: unknown, model: Module, x: Inputs | null, y: Tensor | null, criterion: unknown): unknown {
  if (!(error instanceof ContinualTorchError)) return error;
  const hint = hintFor(error, x, y, criterion) ?? nameMeant(error, model, x);
  if (hint === null) return error;
  const [line, ...rest] = error.message.split('\n') as [string, ...string[]];
  const said = line.replace(/; the method is$/, ''); // whose signature is the next line
  return new ContinualTorchError(error.code, [`${said}; ${hint}${line.slice(said.length)}`, ...rest].join('\n'), { cause: error });
}

function hintFor({ code }: ContinualTorchError, x: Inputs | null, y: Tensor | null, criterion: unknown): string | null {
  if (code === 'ERR_FORWARD' && x instanceof Tensor && x.dtype === 'uint8') {
    return 'the inputs are bytes: give their TensorDataset the transform { toFloat: true }, which makes floats in [0, 1] of them';
  }
  const areLabels = criterion instanceof CrossEntropyLoss && y?.shape.length === 1;
  if (code === 'ERR_CRITERION' && areLabels && y.dtype.includes('float')) {
    return `the targets are ${y.dtype}: class labels are integers, plain numbers or an Int32Array for example`;
  }
  return null;
}

/** The input of the model that was probably meant by a name that none has. */
function nameMeant({ code, message }: ContinualTorchError, model: Module, x: Inputs | null): string | null {
  if (code !== 'ERR_INPUTS' || !message.includes('expected inputs among') || x === null || x instanceof Tensor || Array.isArray(x)) return null;
  const names = nativeModule(model).inputNames();
  const unknown = Object.keys(x).find((name) => !names.includes(name));
  return unknown === undefined || names.length === 0 ? null : `did you mean "${closest(unknown, names)}"?`;
}
