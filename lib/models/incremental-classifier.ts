import { z } from 'zod';
import type { Experience } from '../benchmarks/stream';
import type { Dataset } from '../data/dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { Linear } from '../nn/linear';
import { type AnyModule, type Module, nativeModule, runLayer, runsTorchScript } from '../nn/module';
import { Parameter } from '../nn/parameter';
import { scriptModule } from '../nn/script-module';
import { boolean, parseArgument, parseOptions, positiveInteger } from '../options';
import type { Tensor } from '../tensor/tensor';
import { classesOf, DynamicModule, maxClasses } from './dynamic-module';
import { activate, grown, noUnits, withFirstRows } from './units';

export const unitCount = positiveInteger.max(maxClasses, `an integer in [1, ${maxClasses}]`);
export const maskValue = z.number('a number');

const schema = z.object({
  initialOutFeatures: unitCount.default(2),
  masking: boolean.default(true),
  maskValue: maskValue.default(-1000),
  autoAdapt: boolean.default(true),
});

/** Options of `models.IncrementalClassifier`. */
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

const masks = Symbol('masks');

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
  /** A `Linear`, or another layer with parameters `weight` [units, inFeatures] and `bias` [units]. */
  declare classifier: Module & {
    /** [units, inFeatures]. */
    weight: Parameter;
    /** [units]. */
    bias: Parameter | null;
  };
  /** int8 [units]: 1 where a unit has been trained. */
  declare activeUnits: Tensor;
  private readonly [masks]: boolean;

  constructor(inFeatures: number, options?: IncrementalClassifierOptions) {
    const width = parseArgument('IncrementalClassifier', 'inFeatures', positiveInteger, inFeatures);
    const o = parseOptions('IncrementalClassifier', schema, options);
    const classifier = new Linear(width, o.initialOutFeatures);
    super(
      scriptModule<IncrementalClassifier>('IncrementalClassifier', {
        attributes: { masking: ['bool', o.masking], mask_value: ['float', o.maskValue] },
        children: { classifier },
        buffers: { active_units: noUnits(classifier.weight) },
        source,
        forward: (self, input: Tensor) => {
          const output = self.classifier.forward(input);
          return o.masking ? output.maskedFill(self.activeUnits.logicalNot(), o.maskValue) : output;
        },
      }),
      o.autoAdapt,
    );
    this[masks] = o.masking;
  }

  override forward(input: Tensor): Tensor {
    return runLayer(this, input);
  }

  /**
   * @throws ERR_MODEL_ADAPTATION for an experience without classes or with labels that are none, and where `classifier` has
   * no weight and bias; ERR_BUSY
   */
  adaptation(experience: Experience<Dataset>): void {
    const classes = classesOf('IncrementalClassifier.adaptation', experience);
    nativeModule(this).checkIdle('adaptation');
    const layer = requireUnits(this.classifier);
    const { weight, bias } = layer;
    const units = Math.max(weight.size(0), Math.max(...classes) + 1);
    if (this[masks]) {
      const active = grown('active_units', this.activeUnits, units);
      if (this.training) activate(active, classes);
      if (active !== this.activeUnits) this.activeUnits = active;
    }
    if (units === weight.size(0)) return;
    // Drawn whole, as in the reference.
    const fresh = new Linear(weight.size(1), units, { device: 'cpu' });
    layer.weight = new Parameter(withFirstRows(fresh.weight, weight));
    layer.bias = new Parameter(withFirstRows(fresh.bias!, bias));
  }
}
runsTorchScript(IncrementalClassifier.prototype.forward);

const source = `
def forward(self, input: Tensor) -> Tensor:
  output = self.classifier.forward(input)
  if self.masking:
    output = output.masked_fill(torch.logical_not(self.active_units), self.mask_value)
  return output
`;

interface Units {
  weight: Parameter;
  bias: Parameter;
}

/** @internal A layer with a row of its weight, and a number of its bias, for each unit. @throws ERR_MODEL_ADAPTATION */
export function requireUnits(layer: AnyModule): AnyModule & Units {
  const { weight, bias } = (layer ?? {}) as Partial<Units>;
  const isRight =
    weight instanceof Parameter &&
    bias instanceof Parameter &&
    weight.shape.length === 2 &&
    bias.shape.length === 1 &&
    bias.size(0) === weight.size(0);
  if (isRight) return layer as AnyModule & Units;
  const shape = (value: unknown) => (value instanceof Parameter ? `[${value.shape.join(', ')}]` : describeValue(value));
  throw new ContinualTorchError(
    'ERR_MODEL_ADAPTATION',
    `adaptation: expected a classifier with a weight [out, in] and a bias [out], got ${shape(weight)} and ${shape(bias)}`,
  );
}
