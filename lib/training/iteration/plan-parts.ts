import type { HookName } from '../../hooks/hook-names';
import { listener } from '../../hooks/plugin';
import type { Plugin, Strategy } from '../../hooks/strategy';
import { isDeferred, nativeTwin } from '../../hooks/twins';
import type { PlanPart, PlanStep } from './iteration-plan';

/** @internal A method of the strategy: its native twin, where it has one at present, else `call`. */
export function methodPart(strategy: Strategy, method: () => () => unknown, call: () => void | Promise<void>): PlanPart {
  return () => {
    const twin = nativeTwin(method(), strategy, strategy);
    return [twin === undefined || twin === null ? { kind: 'call', call } : { kind: 'native', phase: twin }];
  };
}

/** @internal A hook: for each plugin that has it, its native twin, where it has one at present, else `call`. */
export function hookPart(
  strategy: Strategy,
  name: HookName,
  call: (plugin: Plugin, index: number) => void | Promise<void>,
): PlanPart {
  return () =>
    strategy.plugins.flatMap((plugin, index): PlanStep[] => {
      const method = listener(plugin, name, index);
      if (!method) return [];
      const twin = nativeTwin(method, plugin, strategy);
      if (twin === null) return [];
      if (twin !== undefined) return [{ kind: 'native', phase: twin }];
      return [{ kind: isDeferred(method) ? 'later' : 'call', call: () => call(plugin, index) }];
    });
}
