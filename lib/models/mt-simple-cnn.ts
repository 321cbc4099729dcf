import { z } from 'zod';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { scriptModule } from '../nn/script-module';
import { parseOptions } from '../options';
import type { Tensor } from '../tensor/tensor';
import { headOptions, MultiHeadClassifier } from './multi-head-classifier';
import { ScriptedMultiTaskModule, multiTaskMethods } from './multi-task-module';
import { simpleCNNFeatures, simpleCNNFlat, simpleCNNWidth } from './simple-cnn';

const schema = z.object(headOptions);

/** Options of `models.MTSimpleCNN`. */
export interface MTSimpleCNNOptions {
  /** As in `MultiHeadClassifier`. Default true. */
  masking?: boolean;
  /** As in `MultiHeadClassifier`. Default "zero". */
  fill?: 'zero' | 'maskValue';
}

/**
 * Avalanche's MTSimpleCNN: `features` of `SimpleCNN`, `classifier` a `MultiHeadClassifier`; input `[B, 3, H, W]`. A
 * mini-batch of one sample works too (in Avalanche it fails).
 */
export class MTSimpleCNN extends ScriptedMultiTaskModule {
  /** All but the output layer. */
  declare features: Module;
  /** The output layer: a head for each task. */
  declare classifier: MultiHeadClassifier;

  constructor(options?: MTSimpleCNNOptions) {
    const o = parseOptions('MTSimpleCNN', schema, options);
    const features = simpleCNNFeatures();
    // The reference draws SimpleCNN's own classifier first and drops it: without that, other weights would follow.
    new Linear(simpleCNNWidth, 10);
    const classifier = new MultiHeadClassifier(simpleCNNWidth, { masking: o.masking, fill: o.fill });
    const children = { features, classifier };
    super(
      scriptModule<MTSimpleCNN>('MTSimpleCNN', {
        children,
        source: multiTaskMethods('classifier', '  return self.features.forward(input).flatten(1)'),
        forward: (self, input: Tensor, taskLabels) => self.classifier.forward(simpleCNNFlat(self, input), taskLabels),
      }),
    );
  }
}
