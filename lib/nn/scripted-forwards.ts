/** Methods `forward` that do nothing but run the TorchScript of their module. */
const scriptedForwards = new WeakSet<object>();

/** @internal Says that this method `forward` runs the TorchScript of its module and does nothing else. */
export function runsTorchScript(forward: (...inputs: never[]) => unknown): void {
  scriptedForwards.add(forward);
}

/** @internal */
export const isScriptedForward = (forward: object): boolean => scriptedForwards.has(forward);
