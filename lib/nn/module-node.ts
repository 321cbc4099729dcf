/** @internal A module, as what it is made of sees it: the class `Module` stands above. */
export interface ModuleNode {
  forward(...inputs: unknown[]): unknown;
  readonly takesTaskLabels: boolean;
}

type ModuleClass = abstract new (...args: never[]) => ModuleNode;

/** @internal The class of all modules. */
export let moduleClass: ModuleClass;

/** @internal Says which class it is. */
export function modulesAre(constructor: ModuleClass): void {
  moduleClass = constructor;
}

/** @internal */
export const isModule = (value: unknown): value is ModuleNode => value instanceof moduleClass;
