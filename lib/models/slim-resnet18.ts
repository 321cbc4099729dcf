import { z } from 'zod';
import { BatchNorm2d } from '../nn/normalization';
import { Conv2d } from '../nn/conv';
import { Linear } from '../nn/linear';
import type { Module } from '../nn/module';
import { Layer, scriptModule } from '../nn/script-module';
import { Sequential } from '../nn/sequential';
import { parseArgument, parseOptions, positiveInteger } from '../options';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';

const conv3x3 = (inPlanes: number, planes: number, stride = 1) =>
  new Conv2d(inPlanes, planes, 3, { stride, padding: 1, bias: false });

/** The output of modules one behind the other. */
const through = (input: Tensor, ...modules: Module[]) =>
  modules.reduce((x, module) => module.forward(x), input);

/** Two convolutions with a shortcut around them. */
class BasicBlock extends Layer {
  /** The first convolution. */
  declare conv1: Module;
  /** The normalisation behind it. */
  declare bn1: Module;
  declare conv2: Module;
  declare bn2: Module;
  declare shortcut: Module;

  constructor(inPlanes: number, planes: number, stride: number) {
    const children = {
      conv1: conv3x3(inPlanes, planes, stride),
      bn1: new BatchNorm2d(planes),
      conv2: conv3x3(planes, planes),
      bn2: new BatchNorm2d(planes),
      shortcut:
        stride === 1 && inPlanes === planes
          ? new Sequential()
          : new Sequential(new Conv2d(inPlanes, planes, 1, { stride, bias: false }), new BatchNorm2d(planes)),
    };
    super(
      scriptModule<BasicBlock>('BasicBlock', {
        children,
        source: blockForward,
        forward: ({ conv1, bn1, conv2, bn2, shortcut }, input: Tensor) => {
          const output = through(input, conv1, bn1).relu();
          return through(output, conv2, bn2).add(through(input, shortcut)).relu();
        },
      }),
    );
  }
}

const blockForward = `
def forward(self, input: Tensor) -> Tensor:
  output = torch.relu(self.bn1.forward(self.conv1.forward(input)))
  output = self.bn2.forward(self.conv2.forward(output))
  return torch.relu(output + self.shortcut.forward(input))
`;

/** @internal */
export type SlimResNet18Trunk = Record<'conv1' | 'bn1' | 'layer1' | 'layer2' | 'layer3' | 'layer4', Module>;

/** @internal All but the output layer; the last stage has `8 nf` planes. */
export function slimResNet18Trunk(nf: number): SlimResNet18Trunk {
  const stage = (inPlanes: number, planes: number, stride: number) =>
    new Sequential(new BasicBlock(inPlanes, planes, stride), new BasicBlock(planes, planes, 1));
  return {
    conv1: conv3x3(3, nf),
    bn1: new BatchNorm2d(nf),
    layer1: stage(nf, nf, 1),
    layer2: stage(nf, 2 * nf, 2),
    layer3: stage(2 * nf, 4 * nf, 2),
    layer4: stage(4 * nf, 8 * nf, 2),
  };
}

/** @internal The trunk's features. */
export function slimResNet18Output(trunk: SlimResNet18Trunk, input: Tensor): Tensor {
  const first = through(input.view([input.size(0), 3, 32, 32]), trunk.conv1, trunk.bn1).relu();
  const output = through(first, trunk.layer1, trunk.layer2, trunk.layer3, trunk.layer4);
  return (ops.aten.avg_pool2d!(output, [4, 4]) as Tensor).view(output.size(0), -1);
}

/** @internal The same in TorchScript, from `input`. */
export const slimResNet18Features = `
  output = torch.relu(self.bn1.forward(self.conv1.forward(input.view([input.size(0), 3, 32, 32]))))
  output = self.layer1.forward(output)
  output = self.layer2.forward(output)
  output = self.layer3.forward(output)
  output = self.layer4.forward(output)
  output = torch.avg_pool2d(output, [4, 4])
  return output.view(output.size(0), -1)`;

const schema = z.object({ nf: positiveInteger.default(20) });

/** Options of `models.SlimResNet18`. */
export interface SlimResNet18Options {
  /** Planes of the first stage; the others have 2, 4 and 8 times as many. Default 20. */
  nf?: number;
}

/**
 * The slimmed ResNet-18 of Lopez-Paz and Ranzato, "Gradient Episodic Memory for Continual Learning", 2017, as in Avalanche:
 * input viewed as `[B, 3, 32, 32]`, four stages of two blocks with `nf`, `2 nf`, `4 nf`, `8 nf` planes, average pooling,
 * output `[B, numClasses]`. State-dict names as there: `conv1.weight`, `bn1.weight`, `layer2.0.shortcut.0.weight`, ...,
 * `linear.weight`.
 */
export class SlimResNet18 extends Layer {
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
  /** The output layer. */
  declare linear: Module;

  constructor(numClasses: number, options?: SlimResNet18Options) {
    const classes = parseArgument('SlimResNet18', 'numClasses', positiveInteger, numClasses);
    const { nf } = parseOptions('SlimResNet18', schema, options);
    const children = { ...slimResNet18Trunk(nf), linear: new Linear(8 * nf, classes) };
    super(
      scriptModule<SlimResNet18>('SlimResNet18', {
        children,
        source: methods,
        forward: (self, input: Tensor) => self.linear.forward(slimResNet18Output(self, input)),
      }),
    );
  }
}

const methods = `
def get_features(self, input: Tensor) -> Tensor:${slimResNet18Features}

def forward(self, input: Tensor) -> Tensor:
  return self.linear.forward(self.get_features(input))
`;
