import type { State } from '../state';

/**
 * A module whose parts and attributes change as it learns: what a checkpoint keeps of them beside its tensors (PyTorch's
 * `get_extra_state`). After `setExtraState` it has the parts that it had, with tensors of any values; a checkpoint gives them
 * their shapes and values.
 */
export interface HasExtraState {
  /** What it needs to have the same parts again. */
  getExtraState(): State;
  /** Takes what `getExtraState` gave. */
  setExtraState(state: State): void;
}

/** Whether a module has both methods. */
export function hasExtraState(module: object): module is HasExtraState {
  const { getExtraState, setExtraState } = module as Partial<HasExtraState>;
  return typeof getExtraState === 'function' && typeof setExtraState === 'function';
}
