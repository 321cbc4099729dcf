import { after, before } from 'mocha';
import { getDefaultDevice, setDefaultDevice } from '../../lib/index';

/** Within `describe`: its tests make their tensors on the CPU, whatever device the others run on. */
export function onCpu(): void {
  let device: string;
  before(() => {
    device = getDefaultDevice();
    setDefaultDevice('cpu');
  });
  after(() => setDefaultDevice(device));
}
