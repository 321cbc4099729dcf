import { z } from 'zod';
import type { Module } from '../nn/module';
import { scriptModule } from '../nn/script-module';
import { parseArgument, parseOptions, positiveInteger } from '../options';
import type { Tensor } from '../tensor/tensor';
import { unitCount } from './incremental-classifier';
import { headOptions, MultiHeadClassifier } from './multi-head-classifier';
import { ScriptedMultiTaskModule, multiTaskMethods } from './multi-task-module';
import { slimResNet18Features, slimResNet18Output, slimResNet18Trunk } from './slim-resnet18';

const schema = z.object({ nf: positiveInteger.default(20), ...headOptions });

/** Options of `models.MTSlimResNet18`. */
export interface MTSlimResNet18Options {
  /** Planes of the first stage. Default 20. */
  nf?: number;
  /** As in `MultiHeadClassifier`. Default true. */
  masking?: boolean;
  /** As in `MultiHeadClassifier`. Default "zero". */
  fill?: 'zero' | 'maskValue';
}

/**
 * Avalanche's MTSlimResNet18: the trunk of `SlimResNet18`, `linear` a `MultiHeadClassifier` whose new heads have
 * `numClasses` units.
 */
export class MTSlimResNet18 extends ScriptedMultiTaskModule {
  /** The first convolution. */
  declare conv1: Module;
  /** The normalisation behind it. */
  declare bn1: Module;
  /** Stage 1. */
  declare layer1: Module;
  /** Stage 2. */
  declare layer2: Module;
  /** Stage 3. */
  declare layer3: Module;
  /** Stage 4. */
  declare layer4: Module;
  /** The output layer: a head for each task. */
  declare linear: MultiHeadClassifier;

  constructor(numClasses: number, options?: MTSlimResNet18Options) {
    const initialOutFeatures = parseArgument('MTSlimResNet18', 'numClasses', unitCount, numClasses);
    const o = parseOptions('MTSlimResNet18', schema, options);
    const trunk = slimResNet18Trunk(o.nf);
    const linear = new MultiHeadClassifier(8 * o.nf, { initialOutFeatures, masking: o.masking, fill: o.fill });
    const children = { ...trunk, linear };
    super(
      scriptModule<MTSlimResNet18>('MTSlimResNet18', {
        children,
        source: multiTaskMethods('linear', slimResNet18Features),
        forward: (self, input: Tensor, taskLabels) => self.linear.forward(slimResNet18Output(self, input), taskLabels),
      }),
    );
  }
}
