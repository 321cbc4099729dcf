import { z } from 'zod';
import { pluginName } from '../../hooks/plugin';
import type { KeptStrategy } from '../../hooks/strategy';
import { describePlace } from '../templates/place';
import type { TrainingState } from './training-state';

const settings = z.object({
  device: z.string(),
  trainMbSize: z.number(),
  trainEpochs: z.number(),
  evalMbSize: z.number(),
});

/** @internal What a checkpoint says of itself in plain words. */
export const aboutSchema = z.object({
  strategy: z.string(),
  model: z.string(),
  optimizer: z.string(),
  plugins: z.array(z.string()),
  settings,
  iterations: z.number(),
  experiences: z.number(),
  experience: z.object({ stream: z.string(), index: z.number() }).nullable(),
  next: z.string().nullable(),
});

/** @internal See `aboutSchema`. */
export function aboutStrategy(strategy: KeptStrategy, training: TrainingState | null): z.output<typeof aboutSchema> {
  const { model, optimizer, plugins, clock } = strategy;
  return {
    strategy: strategy.constructor.name,
    model: model.constructor.name,
    optimizer: optimizer.constructor.name,
    plugins: plugins.map(pluginName),
    settings: settingsOf(strategy),
    iterations: clock.trainIterations,
    experiences: clock.trainExpCounter,
    experience: training && training.experience,
    next: training && describePlace(training.place, plugins),
  };
}

/** @internal Settings that are others now, in words. */
export function differencesOfSettings(strategy: KeptStrategy, { settings: then }: z.output<typeof aboutSchema>): string[] {
  const now = settingsOf(strategy);
  const names = Object.keys(now) as (keyof typeof now)[];
  return names.filter((name) => now[name] !== then[name]).map((name) => `${name} ${then[name]} then, ${now[name]} now`);
}

function settingsOf({ device, trainMbSize, trainEpochs, evalMbSize }: KeptStrategy): z.output<typeof settings> {
  return { device, trainMbSize, trainEpochs, evalMbSize };
}
