import { ContinualTorchError } from '../errors';

/**
 * Environment variables that choose, for tests and measurements, among ways that lead to the same result up to rounding. C++
 * reads them once, when the addon is loaded. Not set, each machine takes the quickest.
 */
const switches: Readonly<Record<string, readonly string[]>> = {
  // Whether products, memory and the order of channels go other ways than libtorch's own.
  CONTINUAL_TORCH_OVERRIDES: ['on', 'off'],
  // The widest vectors that our own loops may use.
  CONTINUAL_TORCH_VECTORS: ['avx512', 'avx2', 'baseline'],
};

/** @throws ERR_ADDON for a value that a switch does not have */
export function requireSwitches(env: NodeJS.ProcessEnv): void {
  for (const [name, values] of Object.entries(switches)) {
    const value = env[name];
    if (!value || values.includes(value)) continue;
    throw new ContinualTorchError('ERR_ADDON', `${name}: expected ${values.join(' or ')}, or nothing, got ${JSON.stringify(value)}`);
  }
}
