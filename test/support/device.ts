/** CONTINUAL_TORCH_TEST_DEVICE=cuda runs every test, and the programs that tests start, on that device. */
import { getDefaultDevice, setDefaultDevice } from '../../lib/index';

setDefaultDevice(process.env.CONTINUAL_TORCH_TEST_DEVICE ?? 'cpu');

/** What the tests run on, by its full name. */
export const device = getDefaultDevice();
