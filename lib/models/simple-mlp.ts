import { z } from 'zod';
import { Dropout } from '../nn/dropout';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { Layer, scriptModule } from '../nn/script-module';
import { ReLU } from '../nn/activations';
import { Sequential } from '../nn/sequential';
import { parseOptions, positiveInteger, unitInterval } from '../options';
import type { Tensor } from '../tensor/tensor';

const schema = z.object({
  numClasses: positiveInteger.default(10),
  inputSize: positiveInteger.default(28 * 28),
  hiddenSize: positiveInteger.default(512),
  hiddenLayers: positiveInteger.max(1000, 'an integer in [1, 1000]').default(1),
  dropRate: unitInterval.default(0.5),
});

const inputSize = Symbol('inputSize');

/** Options of `models.SimpleMLP`. */
export interface SimpleMLPOptions {
  /** Width of the output. Default 10. */
  numClasses?: number;
  /** Features of a flattened sample. Default 784. */
  inputSize?: number;
  /** Width of each hidden layer. Default 512. */
  hiddenSize?: number;
  /** At most 1000. Default 1. */
  hiddenLayers?: number;
  /** Probability of dropout behind each hidden layer, in [0, 1]. Default 0.5. */
  dropRate?: number;
}

/**
 * Avalanche's SimpleMLP: input `[B, ...]` flattened to `[B, inputSize]`, hidden layers of Linear, ReLU, Dropout, output
 * `[B, numClasses]`. State-dict names as there: `features.0.weight`, `features.3.0.weight` (second hidden layer),
 * `classifier.weight`, ...
 */
export class SimpleMLP extends Layer {
  /** All but the output layer. */
  declare features: Module;
  /** The output layer. */
  declare classifier: Module;
  // A symbol, and no private field: a copy of a module has what its constructor would have given it.
  private readonly [inputSize]: number;

  constructor(options?: SimpleMLPOptions) {
    const o = parseOptions('SimpleMLP', schema, options);
    const hidden = (width: number) => [new Linear(width, o.hiddenSize), new ReLU(), new Dropout(o.dropRate)];
    const features = new Sequential(
      ...hidden(o.inputSize),
      ...Array.from({ length: o.hiddenLayers - 1 }, () => new Sequential(...hidden(o.hiddenSize))),
    );
    const children = { features, classifier: new Linear(o.hiddenSize, o.numClasses) };
    super(
      scriptModule<SimpleMLP>('SimpleMLP', {
        children,
        source: source(o.inputSize),
        forward: (self, input: Tensor) => self.classifier.forward(self.getFeatures(input)),
      }),
    );
    this[inputSize] = o.inputSize;
  }

  /** What the output layer gets for an input: `[B, hiddenSize]`, computed on the calling thread. */
  getFeatures(input: Tensor): Tensor {
    return this.features.forward(input.contiguous().view(input.size(0), this[inputSize]));
  }
}

const source = (inputSize: number) => `
def get_features(self, input: Tensor) -> Tensor:
  return self.features.forward(input.contiguous().view(input.size(0), ${inputSize}))

def forward(self, input: Tensor) -> Tensor:
  return self.classifier.forward(self.get_features(input))
`;
