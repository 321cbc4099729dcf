import { freemem } from 'node:os';
import { ContinualTorchError } from '../../errors';
import type { Module } from '../../nn/module';
import { noGrad } from '../../tensor/grad-mode';
import type { Tensor } from '../../tensor/tensor';

/** What was measured of an experience. */
export interface MeasuredImportance {
  /** How many experiences had been learned before; null: it was measured by `updateImportance`, but while an experience was learned. */
  readonly experience: number | null;
  /** By parameter name, normalised where the plugin does so, before it was merged. */
  readonly importance: ReadonlyMap<string, Tensor>;
}

/** @internal The importances of each experience, one behind the other. */
export class ImportanceHistory {
  readonly #plugin: string;
  readonly #option: string;

  /** @param option of the plugin, which asks for it */
  constructor(plugin: string, option: string) {
    this.#plugin = plugin;
    this.#option = option;
  }

  /** In the order in which they were measured. */
  entries: readonly MeasuredImportance[] = [];

  /** @throws ERR_MAS_HISTORY, ERR_PENALTY_HISTORY where another one would not fit into memory */
  requireRoom(model: Module): void {
    const bytes = model.parameters().reduce((sum, theta) => sum + theta.numel() * (theta.dtype === 'float64' ? 8 : 4), 0);
    const free = (process as { availableMemory?: () => number }).availableMemory?.() ?? freemem();
    if (bytes < free) return;
    const megabytes = (count: number) => `${Math.round(count / 1e6)} MB`;
    throw new ContinualTorchError(
      this.#plugin === 'MASPlugin' ? 'ERR_MAS_HISTORY' : 'ERR_PENALTY_HISTORY',
      `${this.#plugin}: expected room for the importance of another experience in the history, ${megabytes(bytes)}, got ${megabytes(free)} of free memory; ${this.#option}: false does without`,
    );
  }

  /** An experience may be measured more than once: its importances are merged, and each is listed. */
  add(experience: number | null, importance: ReadonlyMap<string, Tensor>): void {
    this.entries = [...this.entries, { experience, importance }];
  }

  /** That experience is learned again, or for the first time. */
  dropFrom(experience: number): void {
    this.entries = this.entries.filter((entry) => entry.experience === null || entry.experience < experience);
  }

  /** The memory itself. */
  stateDict(): { experience: number | null; importance: Record<string, Tensor> }[] {
    return this.entries.map(({ experience, importance }) => ({ experience, importance: Object.fromEntries(importance) }));
  }

  /** Copies of these take the place of what there was. */
  loadStateDict(state: readonly { experience: number | null; importance: Record<string, Tensor> }[]): void {
    const copy = (tensor: Tensor) => noGrad(() => tensor.detach().clone());
    this.entries = state.map(({ experience, importance }) => ({
      experience,
      importance: new Map(Object.entries(importance).map(([name, tensor]) => [name, copy(tensor)])),
    }));
  }
}
