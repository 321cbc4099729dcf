import { job, native } from '../native/binding';
import type { NativeSnapshot } from '../native/types';
import { clonesItself, DeepCopy, type Parts, partsOf } from './deep-copy';
import { type AnyModule, stateOf } from './module';
import { queued } from './predict';

/** @internal A copy of a model, in eval mode and without gradients, that is brought up to date in place. */
export class ModelSnapshot {
  /** The copy. It holds no values before the first `refresh`. */
  readonly module: AnyModule;
  readonly #parts: Parts;
  readonly #copy: DeepCopy | null = null;
  #native: NativeSnapshot | null = null;

  /** @throws ERR_BUSY */
  constructor(model: AnyModule) {
    this.#parts = partsOf(model);
    if (this.#isOfItsOwnKind) {
      this.module = model.clone().eval().requiresGrad_(false);
      return;
    }
    this.#copy = new DeepCopy(this.#parts, (modules, tensors) => {
      this.#native = native.createSnapshot(modules, tensors);
      return { modules: this.#native.modules(), tensors: this.#native.tensors() };
    });
    this.module = this.#copy.of(model);
  }

  /** Some class has a `clone` of its own, and what that copies is not known. */
  get #isOfItsOwnKind(): boolean {
    return this.#parts.cloning.length > 0 || clonesItself(this.#parts.modules[0]!);
  }

  /** Whether `refresh` makes it a copy of this model. @throws ERR_BUSY */
  fits(model: AnyModule): boolean {
    if (!this.#native) return false;
    const { modules, tensors, cloning } = partsOf(model);
    const isSame = cloning.length === 0 && modules.length === this.#parts.modules.length && modules.every((module, i) => module === this.#parts.modules[i]);
    return isSame && this.#native.fits(modules.map((module) => stateOf(module as AnyModule).current!), tensors.map(({ handle }) => handle)); // prettier-ignore
  }

  /** Takes what the model has now, at once for whoever uses the copy. The model may not be changed meanwhile. @throws ERR_BUSY */
  async refresh(): Promise<void> {
    const snapshot = this.#native;
    if (!snapshot) return;
    await queued(this.module, async () => {
      await job(snapshot.refresh());
      this.#copy!.copyFields();
    });
  }
}
