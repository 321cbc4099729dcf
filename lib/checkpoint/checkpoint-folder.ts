import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ContinualTorchError, describeValue } from '../errors';
import { makeFolder } from '../libtorch/make-folder';
import { native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import type { State } from '../state';
import type { Layout } from '../weights/safetensors-layout';
import { loadSafetensors } from '../weights/safetensors';
import { toDisk } from './durable';
import { format, type Manifest, readManifest, surroundings, thisRun, writeManifest } from './manifest';
import { putTogether } from './state-tree';

const jsonFile = 'checkpoint.json';
const tensorFile = 'tensors.safetensors';
const checkpointName = /^checkpoint-(\d{6,})$/;
const partialName = /^\.partial-(\d+)-/;

/** How many this thread has made under a name that does not count, and the names of those that it is writing. */
let partials = 0;
const underWay = new Set<string>();

/** What a checkpoint holds, taken at one moment. */
export interface Snapshot {
  about: unknown;
  /** The JSON part of the state. */
  json: unknown;
  layout: Layout;
  /** The tensors, packed as the layout says. */
  bytes: NativeTensor;
}

/** A checkpoint that has been read and is whole. */
export interface ReadCheckpoint {
  path: string;
  manifest: Manifest;
  state: State;
  /** It is loaded: what is written from now on comes behind those of its folder. */
  goOn(): void;
}

/**
 * A folder of checkpoints, `checkpoint-000001` and so on, each a folder of two files: `checkpoint.json` and
 * `tensors.safetensors`. One is written beside the others under another name, put on disk and renamed: whatever happens, those
 * that are there stay whole. The checkpoints of a folder are those of one run, which may go on in other processes: who has
 * neither written the latest one nor gone on behind it is refused.
 */
export class CheckpointFolder {
  /** The number that this run has written last, or gone on behind. */
  private latest = 0;

  constructor(readonly folder: string) {}

  /**
   * Writes the next one, and takes away those that `keeps` does not want.
   * @param first comes before it counts
   * @returns its path
   * @throws ERR_CHECKPOINT_SAVE, and what `first` throws
   */
  async write(snapshot: Snapshot, keeps: (numbers: readonly number[]) => readonly number[], first: () => Promise<void>): Promise<string> {
    try {
      return await this.writeNext(snapshot, keeps, first);
    } catch (error) {
      if (error instanceof ContinualTorchError && /^ERR_(CHECKPOINT_SAVE|LOG_WRITE)$/.test(error.code)) throw error;
      throw this.cannotSave((error as Error).message, error);
    }
  }

  /** The number of the next one. */
  get nextNumber(): number {
    return this.latest + 1;
  }

  /**
   * The latest one that is whole, that of this number, or the one that the folder itself is. Those that are damaged are named in
   * a warning.
   * @throws ERR_CHECKPOINT_NOT_FOUND, ERR_CHECKPOINT_READ; ERR_CHECKPOINT_FORMAT where none is whole
   */
  async read(given?: number): Promise<ReadCheckpoint> {
    const names = await this.names().catch((cause: Error) => {
      throw new ContinualTorchError('ERR_CHECKPOINT_READ', `load: cannot read "${this.folder}": ${cause.message}`, { cause });
    });
    if (names.includes(jsonFile)) return { ...(await this.readOne(this.folder)), goOn: () => undefined };
    const numbers = numbersAmong(names);
    const goOn = () => void (this.latest = numbers.at(-1)!);
    if (given !== undefined && numbers.includes(given)) return { ...(await this.readOne(this.pathOf(given))), goOn };
    const problems: string[] = [];
    for (const number of given === undefined ? numbers.toReversed() : []) {
      try {
        const checkpoint = await this.readOne(this.pathOf(number));
        if (problems.length > 0) {
          process.emitWarning(`load: ${problems.join('; ')}: "${checkpoint.path}" is used in its place.`, 'ContinualTorchWarning');
        }
        return { ...checkpoint, goOn };
      } catch (error) {
        if (!(error instanceof ContinualTorchError) || error.code !== 'ERR_CHECKPOINT_FORMAT') throw error;
        problems.push(error.message.replace(`load: `, ''));
      }
    }
    if (problems.length > 0) throw new ContinualTorchError('ERR_CHECKPOINT_FORMAT', `load: ${problems.join('; ')}`);
    throw new ContinualTorchError(
      'ERR_CHECKPOINT_NOT_FOUND',
      `load: expected ${given === undefined ? 'checkpoints' : `checkpoint ${given}`} in "${this.folder}", found none`,
    );
  }

  private async writeNext(
    { about, json, layout, bytes }: Snapshot,
    keeps: (numbers: readonly number[]) => readonly number[],
    first: () => Promise<void>,
  ): Promise<string> {
    const names = await this.names();
    if (names.length === 0) makeFolder(this.folder);
    const numbers = numbersAmong(names);
    const last = numbers.at(-1) ?? 0;
    if (last !== this.latest) await this.refuseOthers(last);
    await this.removePartial(names);
    const number = last + 1;
    const partial = this.newPartial();
    underWay.add(path.basename(partial));
    let isMade = false;
    try {
      await mkdir(partial);
      isMade = true;
      const tensors = path.join(partial, tensorFile);
      const crc32 = await native.writePacked(tensors, layout.header, bytes);
      const manifest: Manifest = {
        format,
        number,
        run: thisRun,
        time: Date.now(),
        surroundings: surroundings(),
        tensors: { size: layout.header.length + layout.size, crc32 },
        about,
        state: json,
      };
      const text = path.join(partial, jsonFile);
      await writeFile(text, writeManifest(manifest));
      await toDisk(tensors);
      await toDisk(text);
      await toDisk(partial);
      await first();
      // Fails where another process has come first: a folder that has files is never replaced.
      await rename(partial, this.pathOf(number));
    } catch (error) {
      const isGone = isMade && !existsSync(partial);
      await rm(partial, { recursive: true, force: true }).catch(() => undefined);
      await this.explainOthers(error, isGone);
      throw error;
    } finally {
      underWay.delete(path.basename(partial));
    }
    await toDisk(this.folder);
    this.latest = number;
    const kept = new Set([...keeps([...numbers, number]), number]);
    // One that cannot be taken away is no reason to say that nothing was saved.
    for (const old of numbers) if (!kept.has(old)) await rm(this.pathOf(old), { recursive: true, force: true }).catch(() => undefined);
    return this.pathOf(number);
  }

  private async refuseOthers(last: number): Promise<void> {
    const found = last === 0 ? 'it is gone' : `"${this.pathOf(last)}" is there${await this.writtenBy(last)}`;
    const expected = this.latest === 0 ? 'a folder without checkpoints' : `checkpoint ${this.latest}, the last one that this run has written or loaded, to be the latest`;
    throw this.cannotSave(
      `expected ${expected}, but ${found}: load it first, or give each run a folder of its own`,
    );
  }

  /** Where it failed because another run has come first, or has taken for a leftover what was being written, says that. */
  private async explainOthers(error: unknown, isGone: boolean): Promise<void> {
    const last = numbersAmong(await this.names()).at(-1) ?? 0;
    if (last !== this.latest) await this.refuseOthers(last);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && !isGone) return;
    throw this.cannotSave('what was being written is gone, taken away by another run perhaps: give each run a folder of its own', error);
  }

  private async writtenBy(number: number): Promise<string> {
    try {
      const { time, run } = readManifest(await readFile(path.join(this.pathOf(number), jsonFile), 'utf8'));
      return `, written ${run === thisRun ? 'by another strategy of this thread' : 'by another process or thread'} at ${new Date(time).toISOString()}`;
    } catch {
      return '';
    }
  }

  /** What writers have left that were ended. */
  private async removePartial(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const pid = Number(partialName.exec(name)?.[1] ?? NaN);
      const isOurs = pid === process.pid && name.includes(thisRun.slice(0, 8));
      if (Number.isNaN(pid) || (isOurs ? underWay.has(name) : isAlive(pid) && pid !== process.pid)) continue;
      const aside = this.newPartial();
      // Moved first: a thread of this process may still be writing it, and must not make a checkpoint of what is left of it.
      const moved = rename(path.join(this.folder, name), aside).then(() => rm(aside, { recursive: true, force: true }));
      await moved.catch(() => undefined);
    }
  }

  private async names(): Promise<string[]> {
    try {
      return await readdir(this.folder);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  private async readOne(checkpoint: string): Promise<Omit<ReadCheckpoint, 'goOn'>> {
    const damaged = (detail: string, cause?: unknown) =>
      new ContinualTorchError('ERR_CHECKPOINT_FORMAT', `load: "${checkpoint}" cannot be used: ${detail}`, { cause });
    let manifest: Manifest;
    try {
      manifest = readManifest(await readFile(path.join(checkpoint, jsonFile), 'utf8'));
    } catch (error) {
      throw damaged((error as Error).message, error);
    }
    if (!(manifest.format <= format)) {
      throw damaged(`it has format ${manifest.format}, and this version (${surroundings().package}) reads up to ${format}: update continual-torch`);
    }
    const file = path.join(checkpoint, tensorFile);
    try {
      const { size } = await stat(file);
      if (size !== manifest.tensors.size) throw new Error(`${tensorFile} has ${size} bytes, expected ${manifest.tensors.size}`);
      const { bytes } = await native.readFile(file, Infinity);
      const [sum] = await native.crc32(bytes, [[0, size]]);
      if (sum !== manifest.tensors.crc32) throw new Error(`${tensorFile} is damaged: it has another CRC-32 than ${jsonFile} says`);
      const tensors = await loadSafetensors(file, { device: 'cpu', mmap: false });
      return { path: checkpoint, manifest, state: putTogether({ json: manifest.state, tensors }) };
    } catch (error) {
      throw damaged((error as Error).message, error);
    }
  }

  private newPartial(): string {
    return path.join(this.folder, `.partial-${process.pid}-${thisRun.slice(0, 8)}-${++partials}`);
  }

  private pathOf(number: number): string {
    return path.join(this.folder, `checkpoint-${String(number).padStart(6, '0')}`);
  }

  private cannotSave(detail: string, cause?: unknown): ContinualTorchError {
    return new ContinualTorchError('ERR_CHECKPOINT_SAVE', `save: cannot save to "${this.folder}": ${detail}`, { cause });
  }
}

/** The number in the name of a checkpoint's folder; null for another name. */
export function numberOf(name: string): number | null {
  const digits = checkpointName.exec(name)?.[1];
  return digits === undefined ? null : Number(digits);
}

function numbersAmong(names: readonly string[]): number[] {
  return names.flatMap((name) => numberOf(name) ?? []).sort((a, b) => a - b);
}

/** @throws ERR_INVALID_ARG_TYPE for what is no name of a folder */
export function folderName(operation: string, folder: unknown): string {
  if (typeof folder === 'string' && folder !== '' && !folder.includes('\0')) return folder;
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `${operation}: expected the name of a folder, got ${describeValue(folder)}`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
