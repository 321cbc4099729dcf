import type { ModuleNode } from './module-node';

/** What a walk through a tree has come to, so that it ends where a module is inside itself. */
const path = new Set<ModuleNode>();

/** @internal `body` of a module, in which the walk goes on; `otherwise` where it is inside itself. */
export function onPath<T>(module: ModuleNode, body: () => T, otherwise: T): T {
  if (path.has(module)) return otherwise;
  path.add(module);
  try {
    return body();
  } finally {
    path.delete(module);
  }
}
