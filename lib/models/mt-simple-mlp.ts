import { z } from 'zod';
import { Dropout } from '../nn/dropout';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { scriptModule } from '../nn/script-module';
import { ReLU } from '../nn/activations';
import { Sequential } from '../nn/sequential';
import { parseOptions, positiveInteger } from '../options';
import type { Tensor } from '../tensor/tensor';
import { headOptions, MultiHeadClassifier } from './multi-head-classifier';
import { ScriptedMultiTaskModule, multiTaskMethods } from './multi-task-module';

const schema = z.object({
  inputSize: positiveInteger.default(28 * 28),
  hiddenSize: positiveInteger.default(512),
  ...headOptions,
});

/** Options of `models.MTSimpleMLP`. */
export interface MTSimpleMLPOptions {
  /** Features of a flattened sample. Default 784. */
  inputSize?: number;
  /** Width of the hidden layer. Default 512. */
  hiddenSize?: number;
  /** As in `MultiHeadClassifier`. Default true. */
  masking?: boolean;
  /** As in `MultiHeadClassifier`. Default "zero". */
  fill?: 'zero' | 'maskValue';
}

/**
 * Avalanche's MTSimpleMLP: input `[B, ...]` flattened to `[B, inputSize]`, `features` (Linear, ReLU, Dropout 0.5),
 * `classifier`, a `MultiHeadClassifier`.
 */
export class MTSimpleMLP extends ScriptedMultiTaskModule {
  /** All but the output layer. */
  declare features: Module;
  /** The output layer: a head for each task. */
  declare classifier: MultiHeadClassifier;

  constructor(options?: MTSimpleMLPOptions) {
    const o = parseOptions('MTSimpleMLP', schema, options);
    const features = new Sequential(new Linear(o.inputSize, o.hiddenSize), new ReLU(), new Dropout(0.5));
    const classifier = new MultiHeadClassifier(o.hiddenSize, { masking: o.masking, fill: o.fill });
    const children = { features, classifier };
    const flatSource = `input.contiguous().view(input.size(0), ${o.inputSize})`;
    super(
      scriptModule<MTSimpleMLP>('MTSimpleMLP', {
        children,
        source: multiTaskMethods('classifier', `  return self.features.forward(${flatSource})`),
        forward: (self, input: Tensor, taskLabels) => {
          const flat = input.contiguous().view(input.size(0), o.inputSize);
          return self.classifier.forward(self.features.forward(flat), taskLabels);
        },
      }),
    );
  }
}
