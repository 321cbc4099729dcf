import { z } from 'zod';
import { boolean, parseArgument, parseOptions, unitInterval } from '../options';
import { float, python } from './repr';
import { Layer, scriptModule } from './script-module';

const schema = z.object({ inplace: boolean.default(false) });
export interface DropoutOptions {
  /** The input itself is changed. Default false. */
  inplace?: boolean;
}

/** A class of dropout: an operator, and the numbers of dimensions with and without a batch that it takes. */
function dropout(name: string, operator: string, dims?: { batch: number[]; single: number | null }) {
  return class extends Layer {
    constructor(p = 0.5, options?: DropoutOptions) {
      const share = parseArgument(`nn.${name}`, 'p', unitInterval, p);
      const { inplace } = parseOptions(`nn.${name}`, schema, options);
      const call = (input: string) => `torch.${operator}${inplace ? '_' : ''}(${input}, ${float(share)}, self.training)`;
      super(
        scriptModule(name, { source: dims ? channelwise(name, call, dims) : plain(call) }),
        {},
        `p=${python(share) === '0' || share === 1 ? share : float(share)}, inplace=${python(inplace)}`,
      );
    }
  } as new (p?: number, options?: DropoutOptions) => Layer;
}

type Call = (input: string) => string;
const plain = (call: Call) => `def forward(self, input: Tensor) -> Tensor:\n  return ${call('input')}\n`;

function channelwise(name: string, call: Call, { batch, single }: { batch: number[]; single: number | null }): string {
  const known = [...batch, ...(single === null ? [] : [single])].sort();
  return `
def forward(self, input: Tensor) -> Tensor:
  assert input.dim() in [${known.join(', ')}], "${name}: expected an input of ${known.join(' or ')} dimensions, got {}".format(input.dim())
${single === null ? '' : `  if input.dim() == ${single}:\n    return ${call('input.unsqueeze(0)')}.squeeze(0)\n`}  return ${call('input')}
`;
}

/**
 * In train mode sets each element to 0 with probability `p` (default 0.5) and scales the rest by 1/(1 - p); the identity in
 * eval mode (`torch.nn.Dropout`). Random numbers come from libtorch's default generator.
 */
export class Dropout extends dropout('Dropout', 'dropout') {}

/** As `Dropout` for whole channels (`torch.nn.Dropout1d`): `[B, C, L]` or `[C, L]`. */
export class Dropout1d extends dropout('Dropout1d', 'feature_dropout', { batch: [3], single: 2 }) {}

/** As `Dropout` for whole channels (`torch.nn.Dropout2d`): `[B, C, H, W]`, or `[B, C, L]` as PyTorch takes it. */
export class Dropout2d extends dropout('Dropout2d', 'feature_dropout', { batch: [3, 4], single: null }) {}

/** As `Dropout` for whole channels (`torch.nn.Dropout3d`): `[B, C, D, H, W]` or `[C, D, H, W]`. */
export class Dropout3d extends dropout('Dropout3d', 'feature_dropout', { batch: [5], single: 4 }) {}

/** Dropout that keeps the mean and variance of what SELU gives (`torch.nn.AlphaDropout`). */
export class AlphaDropout extends dropout('AlphaDropout', 'alpha_dropout') {}

/** As `AlphaDropout` for whole channels (`torch.nn.FeatureAlphaDropout`). */
export class FeatureAlphaDropout extends dropout('FeatureAlphaDropout', 'feature_alpha_dropout') {}
