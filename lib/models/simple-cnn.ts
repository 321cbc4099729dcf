import { z } from 'zod';
import { Conv2d } from '../nn/conv';
import { Dropout } from '../nn/dropout';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { Layer, scriptModule } from '../nn/script-module';
import { AdaptiveMaxPool2d, MaxPool2d } from '../nn/pooling';
import { ReLU } from '../nn/activations';
import { Sequential } from '../nn/sequential';
import { parseOptions, positiveInteger } from '../options';
import type { Tensor } from '../tensor/tensor';

/** @internal Channels behind `simpleCNNFeatures`. */
export const simpleCNNWidth = 64;

/** @internal */
export function simpleCNNFeatures(): Sequential {
  return new Sequential(
    new Conv2d(3, 32, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(32, 32, 3),
    new ReLU(),
    new MaxPool2d(2),
    new Dropout(0.25),
    new Conv2d(32, 64, 3, { padding: 1 }),
    new ReLU(),
    new Conv2d(64, 64, 3),
    new ReLU(),
    new MaxPool2d(2),
    new Dropout(0.25),
    new Conv2d(64, simpleCNNWidth, 1),
    new ReLU(),
    new AdaptiveMaxPool2d(1),
    new Dropout(0.25),
  );
}

const schema = z.object({ numClasses: positiveInteger.default(10) });

/** Options of `models.SimpleCNN`. */
export interface SimpleCNNOptions {
  /** Width of the output. Default 10. */
  numClasses?: number;
}

/**
 * Avalanche's SimpleCNN: input `[B, 3, H, W]`, five convolutions with ReLU, max pooling and dropout 0.25, output
 * `[B, numClasses]`. State-dict names as there: `features.0.weight`, `features.2.weight`, ..., `classifier.0.weight`.
 */
export class SimpleCNN extends Layer {
  /** All but the output layer. */
  declare features: Module;
  /** The output layer. */
  declare classifier: Module;

  constructor(options?: SimpleCNNOptions) {
    const { numClasses } = parseOptions('SimpleCNN', schema, options);
    const features = simpleCNNFeatures();
    const children = { features, classifier: new Sequential(new Linear(simpleCNNWidth, numClasses)) };
    super(
      scriptModule<SimpleCNN>('SimpleCNN', {
        children,
        source,
        forward: (self, input: Tensor) => self.classifier.forward(simpleCNNFlat(self, input)),
      }),
    );
  }
}

/** @internal What the classifier of a model with such `features` gets. */
export function simpleCNNFlat({ features }: { features: Module }, input: Tensor): Tensor {
  const output = features.forward(input);
  return output.view(output.size(0), -1);
}

const source = `
def forward(self, input: Tensor) -> Tensor:
  features = self.features.forward(input)
  return self.classifier.forward(features.view(features.size(0), -1))
`;
