import { z } from 'zod';
import { native } from '../native/binding';
import { boolean, instanceOf, parseArgument, parseOptions } from '../options';
import { Tensor } from './tensor';

const aTensor = instanceOf(Tensor, 'a Tensor');
const oneOrMany = z.union([aTensor, z.array(aTensor)], 'a Tensor or an array of them');
const schema = z.object({
  gradOutputs: z.union([aTensor, z.array(aTensor.nullable())], 'a Tensor or an array of Tensors and nulls').nullable().default(null),
  retainGraph: boolean.nullable().default(null),
  createGraph: boolean.default(false),
  allowUnused: boolean.default(false),
});

/** Options of `autograd.grad`. */
export interface GradOptions {
  /** What is summed over: a weight for each element of each output. Default: 1, for outputs of one element. */
  gradOutputs?: Tensor | readonly (Tensor | null)[] | null;
  /** Keeps the graph for another pass. Default: as `createGraph`. */
  retainGraph?: boolean | null;
  /** Records the pass itself, for second derivatives. Default false. */
  createGraph?: boolean;
  /** null, not an error, for an input that the outputs do not depend on. Default false. */
  allowUnused?: boolean;
}

/**
 * `sum_j gradOutputs_j d outputs_j / d inputs_i` for each input i (`torch.autograd.grad`); no `grad` is changed.
 * @returns a gradient for each input, in its shape
 * @throws ERR_TORCH where an output has no graph or an input is not used; ERR_BUSY; ERR_INVALID_ARG_TYPE; ERR_UNKNOWN_OPTION
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions & { allowUnused?: false },
): Tensor[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options: GradOptions,
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: Tensor | readonly Tensor[],
  options?: GradOptions,
): (Tensor | null)[] {
  const { gradOutputs, retainGraph, createGraph, allowUnused } = parseOptions('autograd.grad', schema, options);
  const handles = (name: string, given: unknown) =>
    list(parseArgument('autograd.grad', name, oneOrMany, given)).map(({ handle }) => handle);
  return native
    .autogradGrad(
      handles('outputs', outputs),
      handles('inputs', inputs),
      gradOutputs && list(gradOutputs).map((weight) => weight && weight.handle),
      retainGraph,
      createGraph,
      allowUnused,
    )
    .map((gradient) => gradient && new Tensor(gradient));
}

const list = <T extends Tensor | null>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);
