import { ContinualTorchError } from '../../errors';
import type { Module } from '../../nn/module';
import type { QuadraticPenalty } from './quadratic-penalty';

/**
 * Looks whether what a penalty remembers can be of this model: where parameters have the same names, theirs have the same number of
 * dimensions and are as large or larger.
 * @throws the penalty's code for shapes, with all that differs
 */
export function requireFit({ names, importance }: QuadraticPenalty, model: Module): void {
  const parameters = new Map(model.namedParameters());
  const remembered = [...(importance ?? [])];
  const list = (shape: readonly number[]) => `[${shape.join(', ')}]`;
  const shapes = remembered.flatMap(([name, { shape }]) => {
    const now = parameters.get(name)?.shape;
    const fits = !now || (now.length === shape.length && shape.every((size, i) => size <= now[i]!));
    return fits ? [] : [`"${name}" ${list(shape)} (in the model ${list(now)})`];
  });
  const unknown = remembered.filter(([name]) => !parameters.has(name)).map(([name]) => `"${name}"`);
  if (shapes.length === 0 && unknown.length < Math.max(remembered.length, 1)) return;
  const parts = [...(shapes.length > 0 ? [`of other shapes ${shapes.join(', ')}`] : []), ...(unknown.length > 0 ? [`without a parameter ${unknown.join(', ')}`] : [])];
  throw new ContinualTorchError(
    names.shapeCode,
    `${names.plugin}: expected importances of this model or of one that has grown into it, got some ${parts.join(' and ')}; the model has ${[...parameters].map(([name, { shape }]) => `"${name}" ${list(shape)}`).join(', ')}`,
  );
}
