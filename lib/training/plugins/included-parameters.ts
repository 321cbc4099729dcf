import { DynamicModule } from '../../models/dynamic-module';
import { MultiTaskModule } from '../../models/multi-task-module';
import type { Module } from '../../nn/module';
import { callUserAtOnce } from '../../user-function';
import type { DefaultInclude, IncludeParameter } from './mas-options';

/**
 * The names of the parameters that nothing shall hold. Output layers are the modules that grow with experiences or have a head for
 * each task; in a model without such a module the last that has parameters.
 */
export function excludedFrom(include: IncludeParameter | DefaultInclude, model: Module): string[] {
  if (include === 'all') return [];
  const parameters = [...model.namedParameters()];
  if (typeof include === 'function') {
    const isHeld = ([name, parameter]: (typeof parameters)[number]) =>
      callUserAtOnce('ERR_CALLBACK', 'include of MASPlugin failed', () => include(name, parameter));
    return parameters.filter((each) => !isHeld(each)).map(([name]) => name);
  }
  const outputs = include === 'features' ? outputLayers(model, parameters.at(-1)?.[0]) : [];
  const isOutput = (name: string) => outputs.some((path) => path === '' || name.startsWith(`${path}.`));
  return parameters.filter(([name, { requiresGrad }]) => !requiresGrad || isOutput(name)).map(([name]) => name);
}

function outputLayers(model: Module, last: string | undefined): string[] {
  const growing = [...model.namedModules()].filter(
    ([path, module]) => path !== '' && (module instanceof DynamicModule || module instanceof MultiTaskModule) && [...module.namedParameters()].length > 0,
  );
  // Of modules within each other the inner ones: a model that hands task labels on is no output layer.
  const inner = growing.filter(([path]) => !growing.some(([other]) => other !== path && other.startsWith(`${path}.`)));
  if (inner.length > 0) return inner.map(([path]) => path);
  return last === undefined ? [] : [last.slice(0, Math.max(last.lastIndexOf('.'), 0))];
}
