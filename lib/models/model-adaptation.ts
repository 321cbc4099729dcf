import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { type AnyModule, Module } from '../nn/module';

/** What a module has that changes with the experiences: a `DynamicModule`, or any module with this method. */
export interface Adaptable {
  /** Grows for the classes and tasks of an experience. */
  adaptation(experience: Experience<Dataset>): void;
  /** False: left out, with what is inside it, where it is not the outermost module. Default true. */
  readonly autoAdapt?: boolean;
}

/**
 * Adapts a model to an experience: calls `adaptation(experience)` on every module that has it, a module before what is
 * inside it, each once. Strategies do so before they learn or evaluate an experience.
 * @throws ERR_INVALID_ARG_TYPE, and what the modules throw
 */
export function avalancheModelAdaptation(model: AnyModule, experience: Experience<Dataset>): void {
  if (!(model instanceof Module)) {
    throw new ContinualTorchError(
      'ERR_INVALID_ARG_TYPE',
      `avalancheModelAdaptation: expected a Module, got ${describeValue(model)}`,
    );
  }
  visit(model, (module) => {
    if (!isAdaptable(module)) return true;
    if (module !== model && module.autoAdapt === false) return false;
    module.adaptation(experience);
    return true;
  });
}

/**
 * @internal The same, where modules that leave it to the one around them are adapted too: as the reference's joint training does,
 * in which each head also grows for the classes of other tasks.
 */
export function adaptEveryModule(model: AnyModule, experience: Experience<Dataset>): void {
  visit(model, (module) => {
    if (isAdaptable(module)) module.adaptation(experience);
    return true;
  });
}

/** A module before what is inside it, as that is by then, each once; where `look` returns false, nothing inside it. */
function visit(module: AnyModule, look: (module: AnyModule) => boolean, visited = new Set<AnyModule>()): void {
  if (visited.has(module)) return;
  visited.add(module);
  if (look(module)) for (const child of module.namedChildren().values()) visit(child, look, visited);
}

function isAdaptable(module: AnyModule): module is AnyModule & Adaptable {
  return typeof (module as Partial<Adaptable>).adaptation === 'function';
}
