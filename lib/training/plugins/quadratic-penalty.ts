import { z } from 'zod';
import { ContinualTorchError, describeValue } from '../../errors';
import { native } from '../../native/binding';
import type { MethodNames, NativeQuadraticPenalty } from '../../native/types';
import { nonNegativeNumber, parseArgument, parseOptions } from '../../options';
import type { Phase } from '../../phase';
import { anyNumber, byName, checkState, misfit, tensorState } from '../../state';
import { requireTensor, Tensor } from '../../tensor/tensor';

const schema = z.object({ lambda: nonNegativeNumber.default(1) });
const stateSchema = z.object({
  lambda: anyNumber.optional(),
  importance: byName(tensorState),
  anchor: byName(tensorState),
  offset: byName(anyNumber).optional(),
});

/** Options of `QuadraticPenalty`. */
export interface QuadraticPenaltyOptions {
  /** Weight of the penalty, at least 0. Default 1. */
  lambda?: number;
}

/** What a `QuadraticPenalty` remembers. */
export type QuadraticPenaltyStateDict = {
  /** Its weight. */
  lambda: number;
  /** By parameter name. */
  importance: Record<string, Tensor>;
  /** By parameter name. */
  anchor: Record<string, Tensor>;
  /** By parameter name: what is added to the sum wherever the parameter is, where quadratics have been added up. */
  offset?: Record<string, number>;
};

/** @internal What a method is called, in messages. */
export function namesOf(method: string, plugin: string, weight: string): MethodNames {
  return { method, plugin, weight, noImportanceCode: 'ERR_PENALTY_NO_IMPORTANCE', shapeCode: 'ERR_PENALTY_SHAPE' };
}

const ownNames = namesOf('the plugin', 'QuadraticPenalty', 'lambda');

/**
 * What methods of importance have in common: the price of moving weights that matter away from where they were,
 *
 *     lambda * sum_k importance_k (theta_k - anchor_k)^2
 *
 * over all elements k of the parameters theta; no factor 1/2. It is kept by parameter name. Parameters without an importance
 * are free; where one has grown, its low indices are held and the new elements are free. `phase` adds it to `strategy.loss`
 * on the compute thread; value and gradient are one pass over the parameters.
 *
 *     class Anchored extends SupervisedPlugin {
 *       readonly penalty = new QuadraticPenalty({ lambda: 10 });
 *       override async beforeBackward(strategy: Strategy) {
 *         if (!this.penalty.isEmpty) await strategy.runNative([this.penalty.phase]);
 *       }
 *       override afterTrainingExp({ model }: Strategy) {
 *         const anchor = new Map(model.namedParameters());
 *         const importance = new Map([...anchor].map(([name, theta]) => [name, torch.onesLike(theta)]));
 *         this.penalty.set(importance, anchor);
 *       }
 *     }
 *     hasNativeTwin<Anchored>(Anchored.prototype.beforeBackward, ({ penalty }) => (penalty.isEmpty ? null : penalty.phase));
 *
 * `proximal` is another way, for `afterUpdate` in place of `phase`: the loss stays as it is, and each element that the optimizer
 * has just updated, eta being the learning rate of its group, is pulled to
 *
 *     (theta + c anchor) / (1 + c),    c = 2 eta lambda importance
 *
 * which is stable for any lambda. Parameters that the optimizer has not updated, frozen ones, and elements whose importance is not
 * above 0 keep their bits.
 *
 * Both throw ERR_PENALTY_NO_IMPORTANCE where nothing has been set or measured, ERR_PENALTY_SHAPE where a parameter has
 * become smaller.
 */
export class QuadraticPenalty {
  /** Adds the penalty to the loss, in place. */
  readonly phase: Phase;
  /** Pulls what the optimizer has updated in this iteration towards its anchors, in place; for `afterUpdate`. */
  readonly proximal: Phase;
  /** Computes the penalty and leaves it to `penaltyMetrics`; with `proximal`, for `beforeBackward`. */
  readonly value: Phase;
  /** @internal */
  readonly handle: NativeQuadraticPenalty;
  /** @internal */
  readonly names: MethodNames;
  #lambda: number;

  /** @throws ERR_INVALID_ARG_VALUE, ERR_INVALID_ARG_TYPE, ERR_UNKNOWN_OPTION */
  constructor(options?: QuadraticPenaltyOptions);
  /** @internal */
  constructor(options: QuadraticPenaltyOptions, names: MethodNames);
  constructor(options?: QuadraticPenaltyOptions, names = ownNames) {
    const { lambda } = parseOptions('QuadraticPenalty', schema, options);
    this.#lambda = lambda;
    this.names = names;
    this.handle = native.createQuadraticPenalty(lambda, names);
    this.phase = this.handle.phase();
    this.proximal = this.handle.proximal();
    this.value = this.handle.value();
  }

  /** Its weight in the loss. @throws ERR_BUSY while a job uses it; ERR_INVALID_ARG_VALUE, _TYPE */
  get lambda(): number {
    return this.#lambda;
  }

  /** Another one counts from the next mini-batch on. */
  set lambda(lambda: number) {
    this.handle.setLambda(parseArgument('QuadraticPenalty', 'lambda', nonNegativeNumber, lambda));
    this.#lambda = lambda;
  }

  /** Whether nothing has been set or measured yet. @throws ERR_BUSY while a job uses it */
  get isEmpty(): boolean {
    return this.handle.isEmpty();
  }

  /**
   * Importances by parameter name, each in its parameter's shape and dtype, of half precision in float32 and of complex numbers
   * real; null where there are none yet. The memory itself: what changes it in place changes the penalty.
   * @throws ERR_BUSY while a job uses it
   */
  get importance(): Map<string, Tensor> | null {
    return read(this.handle, 1);
  }

  /** Where each parameter is held, by its name, in its dtype; else as `importance`. */
  get anchor(): Map<string, Tensor> | null {
    return read(this.handle, 2);
  }

  /**
   * Puts copies of these in place of what there was.
   * @param importance by parameter name, floating point
   * @param anchor under the same names, in the same shapes
   * @throws ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; ERR_BUSY while a job uses it
   */
  set(importance: ReadonlyMap<string, Tensor>, anchor: ReadonlyMap<string, Tensor>): void {
    requireMap('importance', importance);
    requireMap('anchor', anchor);
    this.handle.setMemory(entries(importance, anchor, {}, refused));
  }

  /** Importances and anchors, the memory itself, and `lambda`; both empty before there is something. @throws ERR_BUSY */
  stateDict(): QuadraticPenaltyStateDict {
    const { lambda, importance, anchor } = this;
    const offsets = this.handle.memory().flatMap(([name, , , offset]) => (offset === 0 ? [] : [[name, offset] as const]));
    return {
      ...{ lambda, importance: Object.fromEntries(importance ?? []), anchor: Object.fromEntries(anchor ?? []) },
      ...(offsets.length > 0 && { offset: Object.fromEntries(offsets) }),
    };
  }

  /**
   * Puts copies of what a state holds in place of what there was: of `stateDict`, or of another model whose parameters have the
   * same names. Where the model's have grown since, the low indices are held. `lambda` may be left out.
   * @throws ERR_STATE_DICT, also where `lambda` is another; ERR_BUSY while a job uses it
   */
  loadStateDict(state: unknown): void {
    const { names } = this;
    const refuse: Refuse = (expected, got) => misfit(names.plugin, `expected ${expected}, got ${got}`);
    const { lambda, importance, anchor, offset = {} } = checkState(names.plugin, stateSchema, state);
    requireSameOptions(names.plugin, { lambda: this.lambda }, { lambda });
    const lone = Object.keys(offset).find((name) => !(name in importance));
    if (lone !== undefined) throw refuse(`an importance for the offset "${lone}"`, 'none');
    this.handle.setMemory(entries(new Map(Object.entries(importance)), new Map(Object.entries(anchor)), offset, refuse));
  }
}

type Refuse = (expected: string, got: string) => ContinualTorchError;

/** Importance, anchor and offset of each name. */
function entries(
  importance: ReadonlyMap<string, Tensor>,
  anchor: ReadonlyMap<string, Tensor>,
  offset: Readonly<Record<string, number>>,
  refuse: Refuse,
): [string, ...Tensors, number][] {
  const lone = [...anchor.keys()].find((name) => !importance.has(name));
  if (lone !== undefined) throw refuse(`an importance for the anchor "${lone}"`, 'none');
  return [...importance].map(([name, of]) => {
    const at = anchor.get(name);
    if (!at) throw refuse(`an anchor for the importance "${name}"`, 'none');
    const [a, b] = [requireTensor(`importance "${name}"`, of).shape, requireTensor(`anchor "${name}"`, at).shape];
    if (a.join() !== b.join()) throw refuse(`the importance "${name}" in its anchor's shape [${b.join(', ')}]`, `[${a.join(', ')}]`);
    if (!/float/.test(of.dtype) || !/float|complex/.test(at.dtype)) {
      throw refuse(`a real importance and a floating-point anchor of "${name}"`, `${of.dtype} and ${at.dtype}`);
    }
    const sparse = [of, at].find(({ handle }) => native.tensorLayout(handle) !== 'strided');
    if (sparse) throw refuse(`dense tensors of "${name}"`, native.tensorLayout(sparse.handle));
    return [name, of.handle, at.handle, offset[name] ?? 0];
  });
}

/** Options that cannot be changed: a state of another value is of another penalty. */
export function requireSameOptions(what: string, own: Readonly<Record<string, number | string | boolean | null>>, state: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(own)) {
    const given = state[name];
    if (given === undefined || Object.is(given, value)) continue;
    throw misfit(what, `expected ${name} ${describeValue(value)}, got ${describeValue(given)}: it is not changed by loading; leave it out of the state to keep it`);
  }
}

/** A number, or several as one text, to be compared. */
export const listed = (value: unknown): number | string | undefined => (Array.isArray(value) ? value.join() : (value as number | undefined));

type Tensors = readonly [importance: Tensor['handle'], anchor: Tensor['handle']];

function read(penalty: NativeQuadraticPenalty, which: 1 | 2): Map<string, Tensor> | null {
  const memory = penalty.memory();
  return memory.length === 0 ? null : new Map(memory.map((entry) => [entry[0], new Tensor(entry[which])]));
}

function requireMap(name: string, value: unknown): void {
  if (value instanceof Map) return;
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `QuadraticPenalty.set: expected ${name} to be a Map of tensors by parameter name`);
}

function refused(expected: string, got: string): ContinualTorchError {
  return new ContinualTorchError('ERR_INVALID_ARG_VALUE', `QuadraticPenalty.set: expected ${expected}, got ${got}`);
}
