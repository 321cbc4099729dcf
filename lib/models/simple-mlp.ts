import { z } from 'zod';
import { createModule, Module } from '../nn/module';
import { parseOptions, positiveInteger, unitInterval } from '../options';

const schema = z.object({
  numClasses: positiveInteger.default(10),
  inputSize: positiveInteger.default(28 * 28),
  hiddenSize: positiveInteger.default(512),
  hiddenLayers: positiveInteger.default(1),
  dropRate: unitInterval.default(0.5),
});
export interface SimpleMLPOptions {
  /** Width of the output. Default 10. */
  numClasses?: number;
  /** Features of a flattened sample. Default 784. */
  inputSize?: number;
  /** Width of each hidden layer. Default 512. */
  hiddenSize?: number;
  /** Default 1. */
  hiddenLayers?: number;
  /** Probability of dropout behind each hidden layer, in [0, 1]. Default 0.5. */
  dropRate?: number;
}

/**
 * Avalanche's SimpleMLP: input `[B, ...]` flattened to `[B, inputSize]`, hidden layers of Linear, ReLU, Dropout, output
 * `[B, numClasses]`. State-dict names as there: `features.0.weight`, `features.3.0.weight` (second hidden layer),
 * `classifier.weight`, ...
 */
export class SimpleMLP extends Module {
  constructor(options?: SimpleMLPOptions) {
    const o = parseOptions('SimpleMLP', schema, options);
    super(createModule('SimpleMLP', o.numClasses, o.inputSize, o.hiddenSize, o.hiddenLayers, o.dropRate));
  }
}
