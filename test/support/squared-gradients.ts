// A method whose rule is native/test/rules/squared_gradients.cpp: what a second method costs.
import { hasNativeTwin, ImportancePass, QuadraticPenalty, type Strategy, SupervisedPlugin, type TrainOptions } from '../../lib/index';

/** Importance: the mean square of each mini-batch's gradient of the loss. `Omega <- decay Omega + measured`. */
export class SquaredGradientsPlugin extends SupervisedPlugin {
  readonly penalty: QuadraticPenalty;
  readonly #pass: ImportancePass;

  constructor({ lambda, decay }: { lambda: number; decay: number }) {
    super();
    this.penalty = new QuadraticPenalty({ lambda });
    this.#pass = new ImportancePass('test::squaredGradients', { decay }, this.penalty);
  }

  override async beforeBackward(strategy: Strategy): Promise<void> {
    if (strategy.clock.trainExpCounter > 0) await strategy.runNative([this.penalty.phase]);
  }

  override async afterTrainingExp(strategy: Strategy, { dropLast }: TrainOptions): Promise<void> {
    const isFirst = strategy.clock.trainExpCounter === 0;
    await this.#pass.measure(strategy, { isFirst, mode: 'eval', criterion: true, dropLast });
  }
}

hasNativeTwin<SquaredGradientsPlugin>(SquaredGradientsPlugin.prototype.beforeBackward, ({ penalty }, { clock }) =>
  clock.trainExpCounter > 0 ? penalty.phase : null,
);
