import { native } from '../native/binding';
import { deviceName, parseArgument } from '../options';

let current = 'cpu';

/** Where tensors are made unless told otherwise: "cpu" at first. */
export function getDefaultDevice(): string {
  return current;
}

/**
 * Makes tensors, layers and strategies use this device from now on wherever none is named (`torch.set_default_device`).
 * Of this thread of JavaScript.
 * @param device `"cpu"`, `"cuda"` or `"cuda:N"`
 * @throws ERR_DEVICE
 */
export function setDefaultDevice(device: string): void {
  current = native.setDefaultDevice(parseArgument('setDefaultDevice', 'device', deviceName, device));
}
