import { ContinualTorchError } from '../../errors';
import type { Strategy } from '../../hooks/strategy';
import type { AnyModule } from '../../nn/module';
import type { State } from '../../state';
import { differencesOfModel, loadModelState, modelState } from '../state/model-state';

/** @internal The model as it was behind an experience, which the one that is trained is held to. */
export class Teacher {
  #model: AnyModule | null = null;
  /** What is to be loaded into a copy of the strategy's model, as soon as there is one. */
  #loaded: State | null = null;

  /** A copy of the model as it is now, in its modes, takes the place of the one that there was. */
  take({ model }: Strategy): void {
    const copy = model.clone();
    copy.requiresGrad_(false);
    this.#model = copy;
    this.#loaded = null;
  }

  /** For a strategy: of its model an earlier one. null: there is none. @throws ERR_CHECKPOINT_MISMATCH where what was loaded is of another model */
  of({ model }: Strategy, plugin: string): AnyModule | null {
    if (this.#loaded === null) return this.#model;
    const differences = differencesOfModel(model, this.#loaded);
    if (differences.length > 0) {
      throw new ContinualTorchError('ERR_CHECKPOINT_MISMATCH', `${plugin}: expected a teacher of this model, got one of another: ${differences.join('; ')}`);
    }
    const copy = model.clone();
    loadModelState(copy, this.#loaded, true);
    copy.requiresGrad_(false);
    this.#loaded = null;
    return (this.#model = copy);
  }

  /** Goes where the model is, and to its dtype where all of it has one. */
  follow({ model }: Strategy): void {
    const [ours, theirs] = [this.#model?.parameters() ?? [], model.parameters()];
    const [from, to] = [ours[0], theirs[0]];
    if (!from || !to) return;
    if (from.device !== to.device) this.#model!.to(to.device);
    if (from.dtype !== to.dtype && theirs.every(({ dtype }) => dtype === to.dtype)) this.#model!.to(to.dtype);
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
