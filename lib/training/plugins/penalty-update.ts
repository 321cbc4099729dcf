import { z } from 'zod';
import type { Strategy } from '../../hooks/strategy';
import type { QuadraticPenalty } from './quadratic-penalty';

/** How a penalty reaches the parameters: through the loss and its gradient, or in closed form behind the optimizer's update. */
export type PenaltyUpdate = 'gradient' | 'proximal';

/** The option of a plugin that has a penalty. */
export const penaltyUpdate = z.enum(['gradient', 'proximal'], '"gradient" or "proximal"').default('gradient');

/** Says, once, that the steps on a penalty's gradient run away from its anchors, before they do. */
export class InstabilityWarning {
  readonly #penalty: QuadraticPenalty;
  readonly #hasProximal: boolean;
  #isGiven = false;

  /** @param hasProximal whether the plugin has the option `penaltyUpdate` */
  constructor(penalty: QuadraticPenalty, hasProximal: boolean) {
    this.#penalty = penalty;
    this.#hasProximal = hasProximal;
  }

  /** For `beforeTrainingExp`. The learning rates are those of that moment. */
  async giveWhereDue(strategy: Strategy): Promise<void> {
    const { handle, lambda, names, isEmpty } = this.#penalty;
    if (this.#isGiven || lambda === 0 || isEmpty) return;
    await strategy.runNative([handle.stabilityCheck()]);
    const stability = handle.stability();
    if (stability === null || lambda <= stability.largestLambda) return;
    this.#isGiven = true;
    const { plugin, weight } = names;
    const { lr, largestImportance, bound, largestLambda } = stability;
    process.emitWarning(
      `${plugin}: expected 2 lr ${weight} max(Omega) of at most ${shown(bound)}, up to which the optimizer's steps on the penalty's gradient ` +
        `are stable, got ${shown(2 * lr * lambda * largestImportance)} (lr ${shown(lr)}, ${weight} ${shown(lambda)}, max(Omega) ` +
        `${shown(largestImportance)}): the loss will grow beyond all bounds. Give ${this.#hasProximal ? `penaltyUpdate: 'proximal', which is stable for any ${weight}, or ` : ''}` +
        `a ${weight} of less than ${shown(largestLambda)}.`,
      { type: 'ContinualTorchWarning', code: 'WARN_PENALTY_UNSTABLE' },
    );
  }
}

const shown = (value: number) => String(Number(value.toPrecision(4)));
