// Strategies whose weights can be told by hand, and what they were trained on.
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import {
  benchmarkFromDatasets,
  type Benchmark,
  EvaluationPlugin,
  Generator,
  nn,
  optim,
  type Plugin,
  type Strategy,
  type SupervisedTemplate,
  type SupervisedTemplateOptions,
  tensor,
  TensorDataset,
} from '../../lib/index';
import { numbersOf, setValues } from './small-runs';

/** One sample each, x = 1, 2, 3, ... and a target twice that. */
export function oneSampleBenchmark(experiences = 3): Benchmark {
  const dataset = (x: number) => new TensorDataset(tensor([[x]], { dtype: 'float32' }), tensor([[2 * x]], { dtype: 'float32' }));
  return benchmarkFromDatasets({ train: Array.from({ length: experiences }, (_, k) => dataset(k + 1)) });
}

/** output = w x, and options of a strategy in which w is learned from squared errors. */
export function scalarOptions(w: number, options: Omit<Partial<SupervisedTemplateOptions>, 'model'> = {}) {
  const model = new nn.Linear(1, 1, { bias: false });
  setValues(model.weight, [w]);
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.5 });
  return {
    model,
    optimizer,
    criterion: new nn.MSELoss(),
    trainMbSize: 8,
    evaluator: new EvaluationPlugin({ loggers: [] }),
    generator: new Generator({ device: 'cpu' }),
    ...options,
  };
}

/** Notes the inputs of every training mini-batch, a number each. */
export class InputLog implements Plugin {
  readonly batches: number[][] = [];

  beforeTrainingIteration({ mbX }: Strategy): void {
    this.batches.push(mbX!.flatten().toNumbers());
  }
}

/**
 * Trains, goes on from each of the checkpoints that were taken, and asks that all end with the same parameters and counts.
 * @param learn what is trained, or what of it is left
 * @returns the experiences in which checkpoints were taken
 */
export async function goOnFromEveryCheckpoint<S extends SupervisedTemplate>(
  folder: string,
  make: (into: string) => S,
  learn: (strategy: S) => Promise<unknown>,
): Promise<Set<number | null>> {
  const places = new Set<number | null>();
  const whole = path.join(folder, 'whole');
  const undisturbed = make(whole);
  await learn(undisturbed);
  for (const checkpoint of (await readdir(whole)).sort()) {
    const resumed = make(path.join(folder, checkpoint));
    const loaded = await resumed.load(path.join(whole, checkpoint));
    places.add(loaded!.experience?.index ?? null);
    await learn(resumed);
    assert.deepEqual(numbersOf(resumed.model.namedParameters()), numbersOf(undisturbed.model.namedParameters()), checkpoint);
    assert.equal(resumed.clock.trainIterations, undisturbed.clock.trainIterations);
  }
  return places;
}
