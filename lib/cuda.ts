import { driverLibrary } from './libtorch/cuda-libraries';
import { loaded, native } from './native/binding';
import { ContinualTorchError } from './errors';
import { nonNegativeInteger, parseArgument } from './options';

/**
 * Whether work can run on a GPU: a driver, a device, and a libtorch whose CUDA libraries are loaded and hold code for that
 * device (one small kernel is run, the first time). `npx continual-torch doctor` explains every "no".
 * `torch.cuda.is_available`.
 */
export function isAvailable(): boolean {
  return deviceCount() > 0;
}

/** How many GPUs can be used: 0 where `isAvailable()` is false. `torch.cuda.device_count`. */
export function deviceCount(): number {
  return native.cudaDeviceCount();
}

/**
 * The name of a GPU, `"NVIDIA H100 80GB HBM3"` for example. `torch.cuda.get_device_name`.
 * @param device its index. Default 0.
 * @throws ERR_INVALID_ARG_TYPE, ERR_DEVICE where there is no such device
 */
export function getDeviceName(device = 0): string {
  parseArgument('cuda.getDeviceName', 'device', nonNegativeInteger, device);
  const count = deviceCount();
  if (device >= count) {
    const why = count === 0 ? (loaded.cudaProblem ?? native.cudaProblem()) : `there are ${count}`;
    throw new ContinualTorchError('ERR_DEVICE', `cuda.getDeviceName: expected a device that is there, got ${device}: ${why}`);
  }
  return loaded.opener.cudaDriver(driverLibrary(process)).devices[device]!.name;
}
