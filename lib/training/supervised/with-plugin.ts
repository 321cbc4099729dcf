import type { z } from 'zod';
import type { Plugin } from '../../hooks/strategy';
import { parseOptions } from '../../options';
import type { SupervisedTemplateOptions } from '../templates/supervised';

/**
 * @internal The options of a strategy whose own are those of a plugin, which is put behind the plugins given.
 * @param own the options that are the plugin's
 */
export function withPlugin<S extends z.ZodObject>(name: string, schema: S, own: object, options: unknown, make: (own: object) => Plugin): SupervisedTemplateOptions {
  const parsed = parseOptions(name, schema, options) as Record<string, unknown>;
  const part = (isOwn: boolean) => Object.fromEntries(Object.entries(parsed).filter(([option]) => option in own === isOwn));
  return { ...(part(false) as unknown as SupervisedTemplateOptions), plugins: [...(parsed.plugins as Plugin[]), make(part(true))] };
}
