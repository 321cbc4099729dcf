import type { Strategy } from '../../hooks/strategy';
import type { AnyModule } from '../../nn/module';
import type { State } from '../../state';
import { loadModelState, modelState } from '../state/model-state';

/** @internal The model as it was behind an experience, which the one that is trained is held to. */
export class Teacher {
  #model: AnyModule | null = null;
  /** What is to be loaded into a copy of the strategy's model, as soon as there is one. */
  #loaded: State | null = null;

  /** Whether there is one. */
  get exists(): boolean {
    return this.#model !== null || this.#loaded !== null;
  }

  /** A copy of the model as it is now, in its modes, takes the place of the one that there was. */
  take({ model }: Strategy): void {
    const copy = model.clone();
    copy.requiresGrad_(false);
    this.#model = copy;
    this.#loaded = null;
  }

  /** For a strategy: of its model an earlier one. null: there is none. @throws ERR_CHECKPOINT_MISMATCH where what was loaded is of another model */
  of({ model }: Strategy): AnyModule | null {
    if (this.#loaded === null) return this.#model;
    const copy = model.clone();
    loadModelState(copy, this.#loaded, true);
    copy.requiresGrad_(false);
    this.#loaded = null;
    return (this.#model = copy);
  }

  /** What is to be kept of it: its tensors themselves. */
  stateDict(): State {
    return this.#model ? modelState(this.#model) : this.#loaded;
  }

  /** Goes on from what `stateDict` gave. */
  loadStateDict(state: State): void {
    this.#model = null;
    this.#loaded = state;
  }

  /** This one, to be put back. */
  copy(): Teacher {
    const copy = new Teacher();
    copy.#model = this.#model;
    copy.#loaded = this.#loaded;
    return copy;
  }
}
