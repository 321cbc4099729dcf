import path from 'node:path';
import { CheckpointFolder, numberOf, type ReadCheckpoint, type Snapshot } from '../../checkpoint/checkpoint-folder';
import { takeApart } from '../../checkpoint/state-tree';
import type { KeptStrategy } from '../../hooks/strategy';
import { job } from '../../native/binding';
import type { NativeTensor } from '../../native/types';
import type { State } from '../../state';
import { layOutFile } from '../../weights/safetensors-layout';

/** @internal Which of a folder's checkpoints stay, of those that there are, the new one last. */
export type Keeps = (numbers: readonly number[]) => readonly number[];

/**
 * @internal Writes the checkpoints of one strategy, one after the other. A checkpoint is taken on the compute thread, by a copy of all
 * tensors into one stretch of memory, and written from there while training goes on.
 */
export class Checkpoints {
  private readonly folders = new Map<string, CheckpointFolder>();
  /** Of the last one; those before it are then on disk too. */
  private writing: Promise<unknown> = Promise.resolve();
  /** How many are not yet on disk. */
  private waiting = 0;
  /** What the last one was packed into. */
  private bytes: NativeTensor | null = null;

  constructor(private readonly strategy: KeptStrategy) {}

  /** Whether the last one is not yet on disk. */
  get isBusy(): boolean {
    return this.waiting > 0;
  }

  /** Resolves when the last one is on disk, or could not be written. */
  async settled(): Promise<void> {
    await this.writing.catch(() => undefined);
  }

  /**
   * Takes the state as it is, where nothing of the strategy is at work. What is still being written stays as it is.
   * @throws ERR_CHECKPOINT_STATE, and what a part throws
   */
  async take(state: State, about: State): Promise<Snapshot> {
    const { step } = this.strategy;
    const { json, tensors } = takeApart('the strategy', state);
    const layout = layOutFile('save', tensors, {});
    const placed = layout.placed.map(({ handle, offset }) => [handle, offset] as const);
    const bytes = await job(step.pack(placed, layout.size, this.isBusy ? null : this.bytes));
    this.bytes = bytes;
    return { about, json, layout, bytes };
  }

  /**
   * Writes what `take` has given, behind those that are still to be written.
   * @returns its path, when it is on disk
   * @throws ERR_CHECKPOINT_SAVE; ERR_LOG_WRITE of a logger
   */
  write(folder: string, snapshot: Snapshot, keeps: Keeps): Promise<string> {
    this.waiting++;
    const writing = this.settled()
      .then(() => this.inFolder(folder).write(snapshot, keeps, () => this.flushLoggers()))
      .finally(() => this.waiting--);
    this.writing = writing;
    return writing;
  }

  /**
   * The latest checkpoint of a folder that is whole, or this one.
   * @throws ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_READ, ERR_CHECKPOINT_FORMAT
   */
  read(folder: string): Promise<ReadCheckpoint> {
    const { dir, base } = path.parse(path.resolve(folder));
    const number = numberOf(base);
    return number === null ? this.inFolder(folder).read() : this.inFolder(dir).read(number);
  }

  /** The number that the next checkpoint in a folder gets. */
  nextNumber(folder: string): number {
    return this.inFolder(folder).nextNumber;
  }

  /** Lets the memory go that the next one would be packed into. */
  release(): void {
    if (!this.isBusy) this.bytes = null;
  }

  /** A resumed run goes on in the files of its loggers: they must not be shorter than the checkpoint says. */
  private async flushLoggers(): Promise<void> {
    for (const logger of this.strategy.evaluator.loggers) await logger.flush?.();
  }

  private inFolder(folder: string): CheckpointFolder {
    const whole = path.resolve(folder);
    const known = this.folders.get(whole) ?? new CheckpointFolder(whole);
    this.folders.set(whole, known);
    return known;
  }
}

const checkpoints = new WeakMap<KeptStrategy, Checkpoints>();

/** @internal Those of a strategy. */
export function checkpointsOf(strategy: KeptStrategy): Checkpoints {
  const known = checkpoints.get(strategy) ?? new Checkpoints(strategy);
  checkpoints.set(strategy, known);
  return known;
}
