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
  const visited = new Set<AnyModule>();
  const visit = (module: AnyModule): void => {
    if (visited.has(module)) return;
    visited.add(module);
    if (isAdaptable(module)) {
      if (module !== model && module.autoAdapt === false) return;
      module.adaptation(experience);
    }
    for (const child of module.namedChildren().values()) visit(child);
  };
  visit(model);
}

function isAdaptable(module: AnyModule): module is AnyModule & Adaptable {
  return typeof (module as Partial<Adaptable>).adaptation === 'function';
}
