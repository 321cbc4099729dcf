/** CONTINUAL_TORCH_TEST_DEVICE=cuda runs every test, and the programs that tests start, on that device. */
import { getDefaultDevice, setDefaultDevice, type Tensor } from '../../lib/index';

setDefaultDevice(process.env.CONTINUAL_TORCH_TEST_DEVICE ?? 'cpu');

/** What the tests run on, by its full name. */
export const device = getDefaultDevice();

/** Inputs, targets and task labels of a loader's mini-batch, which lie on the CPU, where a model of the tests wants them. */
export function onDevice([x, y, taskLabels]: Iterable<Tensor>): [x: Tensor, y: Tensor, taskLabels: Tensor] {
  return [x!.to(device), y!.to(device), taskLabels!.to(device)];
}
