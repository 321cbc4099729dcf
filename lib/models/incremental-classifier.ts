import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { Linear } from '../nn/linear';
import { createModule } from '../nn/module';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import { classesOf, DynamicModule, maxClasses } from './dynamic-module';

export const unitCount = positiveInteger.max(maxClasses, `an integer in [1, ${maxClasses}]`);
export const maskValue = z.number('a number');

const schema = z.object({
  initialOutFeatures: unitCount.default(2),
  masking: boolean.default(true),
  maskValue: maskValue.default(-1000),
  autoAdapt: boolean.default(true),
});
export interface IncrementalClassifierOptions {
  /** Units before the first experience. Default 2. */
  initialOutFeatures?: number;
  /** Whether the outputs of classes that have not been trained are `maskValue`. Default true. */
  masking?: boolean;
  /** Default -1000. */
  maskValue?: number;
  /** False: a module around this one adapts it. Default true. */
  autoAdapt?: boolean;
}

/**
 * A linear output layer with a unit for every class label up to the largest one seen (Avalanche's
 * IncrementalClassifier): input `[B, inFeatures]`, output `[B, units]`.
 *
 * `adaptation` gives it `max(units, largest label + 1)` units. If that is more than before, `classifier.weight`
 * [units, inFeatures] and `classifier.bias` [units] are replaced by new, trainable tensors: a whole layer is drawn as in
 * `nn.Linear`, weight first, and the rows that there were are put back. In train mode it also sets `active_units`
 * (int8 [units], at first 0) to 1 for the classes of the experience; with masking, outputs of units at 0 are
 * `maskValue`, while training as well. A draw happens in eval mode too where an evaluated experience has new classes.
 */
export class IncrementalClassifier extends DynamicModule {
  constructor(inFeatures: number, options?: IncrementalClassifierOptions) {
    const width = parseArgument('IncrementalClassifier', 'inFeatures', positiveInteger, inFeatures);
    const o = parseOptions('IncrementalClassifier', schema, options);
    const classifier = new Linear(width, o.initialOutFeatures);
    super(
      createModule('IncrementalClassifier', classifier.handle, o.masking, o.maskValue),
      { classifier },
      o.autoAdapt,
    );
  }

  /** @throws ERR_MODEL_ADAPTATION for an experience without classes or with labels that are none; ERR_BUSY */
  adaptation(experience: Experience<Dataset>): void {
    this.handle.adaptIncrementalClassifier(classesOf('IncrementalClassifier.adaptation', experience));
  }
}
