/** @internal How many elements a shape has; older libtorchs have `numel` in TorchScript alone. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);
