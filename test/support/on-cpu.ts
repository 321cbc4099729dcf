import { after, before, type Context } from 'mocha';
import { getDefaultDevice, setDefaultDevice } from '../../lib/index';

/**
 * Within `describe`: its tests make their tensors on the CPU, whatever device the others run on.
 * @param _reason why they cannot run there
 */
export function onCpu(_reason: string): void {
  let device: string;
  before(() => {
    device = getDefaultDevice();
    setDefaultDevice('cpu');
  });
  after(() => setDefaultDevice(device));
}

/** One test that does. */
export function testOnCpu(_reason: string, test: (this: Context) => unknown): (this: Context) => Promise<void> {
  return async function () {
    const device = getDefaultDevice();
    setDefaultDevice('cpu');
    try {
      await test.call(this);
    } finally {
      setDefaultDevice(device);
    }
  };
}

/** Python's PyTorch, and what it records of a file's device, knows no device of tests. */
export const ofPython = 'Python opens what lies on a device that it has';
