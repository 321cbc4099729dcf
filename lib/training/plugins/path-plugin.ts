import { isWhollyKept } from '../../hooks/plugin';
import type { Strategy } from '../../hooks/strategy';
import type { NativePathMethod, NativeTensor } from '../../native/types';
import { Tensor } from '../../tensor/tensor';
import { BegunExperience } from './begun-experience';
import { PenaltyPlugin } from './penalty-plugin';
import type { QuadraticPenalty } from './quadratic-penalty';

/** Tensors by parameter name. */
type ByParameter = Record<string, Tensor>;

/** What the plugins have in common that measure along the way of training, not in a pass behind it. */
export abstract class PathPlugin extends PenaltyPlugin {
  // What has been measured of an experience so far must not begin anew where a run is resumed.
  /** @internal */
  readonly [isWhollyKept] = true;
  /** @internal */
  protected readonly method: NativePathMethod;

  /** @internal */
  constructor(penalty: QuadraticPenalty, method: NativePathMethod) {
    const memory = {
      takeBack() {
        penalty.handle.takeBack();
        method.takeBack();
      },
      keepPrevious(keep: boolean) {
        penalty.handle.keepPrevious(keep);
        method.settle();
      },
    };
    super(penalty, new BegunExperience(memory), 'gradient', false);
    this.method = method;
  }

  /** Consolidates what was measured while the experience was learned. */
  override async afterTrainingExp(strategy: Strategy): Promise<void> {
    if (!this.begun.isOf(strategy)) this.begun.begin(strategy); // where a run is resumed in the middle of it
    await strategy.runNative([this.method.end]);
    this.begun.measured(strategy);
  }

  /** @internal */
  protected override startOver(): void {
    const nothing = Object.fromEntries(Object.keys(this.method.state()).map((key) => [key, {}]));
    this.setMemory({ importance: {}, anchor: {}, ...nothing });
  }

  /** @internal Importances, anchors, and what is measured along the way: the memory itself. */
  protected memory(): Record<'importance' | 'anchor', ByParameter> & Record<string, ByParameter> {
    const { importance, anchor } = this.penalty.stateDict();
    const named = (entries: readonly [string, NativeTensor][]) => Object.fromEntries(entries.map(([name, handle]) => [name, new Tensor(handle)]));
    return { importance, anchor, ...Object.fromEntries(Object.entries(this.method.state()).map(([key, entries]) => [key, named(entries)])) };
  }

  /** @internal Goes on with copies of these. */
  protected loadMemory(memory: ReturnType<typeof this.memory>): void {
    this.setMemory(memory);
    this.memoryIsLoaded();
  }

  private setMemory({ importance, anchor, ...own }: ReturnType<typeof this.memory>): void {
    this.penalty.loadStateDict({ importance, anchor });
    const handles = (tensors: ByParameter) => Object.entries(tensors).map(([name, tensor]) => [name, tensor.handle] as const);
    this.method.setState(Object.fromEntries(Object.entries(own).map(([key, tensors]) => [key, handles(tensors)])));
  }
}
