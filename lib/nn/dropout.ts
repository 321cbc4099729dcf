import { z } from 'zod';
import { boolean, parseArgument, parseOptions, unitInterval } from '../options';
import { float, python } from './repr';
import { Layer, scriptModule } from './script-module';

const schema = z.object({ inplace: boolean.default(false) });

/** Options of `nn.Dropout` and its like. */
export interface DropoutOptions {
  /** The input itself is changed. Default false. */
  inplace?: boolean;
}

/** A class of dropout: an operator, and how what is no batch is taken for one. */
function dropout(name: string, operator: string, unbatched?: { dims: number; only?: number }) {
  return class extends Layer {
    constructor(p = 0.5, options?: DropoutOptions) {
      const share = parseArgument(`nn.${name}`, 'p', unitInterval, p);
      const { inplace } = parseOptions(`nn.${name}`, schema, options);
      const call = (input: string) => `torch.${operator}${inplace ? '_' : ''}(${input}, ${float(share)}, self.training)`;
      super(
        scriptModule(name, { source: unbatched ? channelwise(name, call, unbatched) : plain(call) }),
        `p=${python(share) === '0' || share === 1 ? share : float(share)}, inplace=${python(inplace)}`,
      );
    }
  } as new (p?: number, options?: DropoutOptions) => Layer;
}

type Call = (input: string) => string;
const plain = (call: Call) => `def forward(self, input: Tensor) -> Tensor:\n  return ${call('input')}\n`;

/** An input of other than `dims` dimensions is one sample; `only` where it has that many. */
function channelwise(name: string, call: Call, { dims, only }: { dims: number; only?: number }): string {
  const check =
    only === undefined
      ? ''
      : `  assert input.dim() in [${only}, ${dims}], "${name}: expected an input of ${only} or ${dims} dimensions, got {}".format(input.dim())\n`;
  return `
def forward(self, input: Tensor) -> Tensor:
${check}  if input.dim() != ${dims}:
    return ${call('input.unsqueeze(0)')}.squeeze(0)
  return ${call('input')}
`;
}

/**
 * In train mode sets each element to 0 with probability `p` (default 0.5) and scales the rest by 1/(1 - p); the identity in
 * eval mode (`torch.nn.Dropout`). Random numbers come from the default generator.
 */
export class Dropout extends dropout('Dropout', 'dropout') {}

/** As `Dropout` for whole channels (`torch.nn.Dropout1d`): `[B, C, L]` or `[C, L]`. */
export class Dropout1d extends dropout('Dropout1d', 'feature_dropout', { dims: 3, only: 2 }) {}

/** As `Dropout` for whole channels (`torch.nn.Dropout2d`): `[B, C, H, W]`; `[B, C, ...]` of other sizes too, as in PyTorch. */
export class Dropout2d extends dropout('Dropout2d', 'feature_dropout') {}

/** As `Dropout` for whole channels (`torch.nn.Dropout3d`): `[B, C, D, H, W]`; anything else is one sample, as in PyTorch. */
export class Dropout3d extends dropout('Dropout3d', 'feature_dropout', { dims: 5 }) {}

/** Dropout that keeps the mean and variance of what SELU gives (`torch.nn.AlphaDropout`). */
export class AlphaDropout extends dropout('AlphaDropout', 'alpha_dropout') {}

/** As `AlphaDropout` for whole channels (`torch.nn.FeatureAlphaDropout`). */
export class FeatureAlphaDropout extends dropout('FeatureAlphaDropout', 'feature_alpha_dropout') {}
