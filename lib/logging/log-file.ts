import { createHash } from 'node:crypto';
import { accessSync, closeSync, constants, existsSync, ftruncateSync, openSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ContinualTorchError } from '../errors';
import { makeFolder } from '../libtorch/make-folder';
import { nonNegativeInteger } from '../options';
import { object } from '../state';

export const folderName = z.string('the name of a folder').min(1, 'the name of a folder');

/** How much of a file, up to its end, tells it from others. */
const tailLength = 4096;

/** The place that a file has come to, 0 where nothing has been written to it, and a checksum of what stands before. */
export const logFileState = object({ size: nonNegativeInteger, checksum: z.string('a checksum') });
type LogFileState = z.output<typeof logFileState>;

/** Files with something still to be written; the end of the process waits for them. */
const unfinished = new Set<LogFile>();
let isWatchingExit = false;

/**
 * A file that grows. Appending neither blocks nor waits: what has come since the last write goes out in one piece. The file
 * is opened for each write, so that none stays open. Pieces have their place in the file: at the end of the process whatever
 * is not known to be there is written once more, at the same place.
 *
 * A file of that name that is there stays as it is until something is appended, which replaces it; or goes on where a state says.
 */
export class LogFile {
  /** What is in the file. */
  private size = 0;
  /** The end of what is in it and of what waits. */
  private tail: Buffer = Buffer.alloc(0);
  private waiting: Buffer[] = [];
  /** How the next write begins: in a file of its own, behind cutting off what is beyond `size`, or at once. */
  private opening: 'new' | 'cut' | 'on' = 'new';
  /** Counts states loaded, so that a write that was under way then is not counted. */
  private era = 0;
  private writing: Promise<void> | null = null;
  private failure: ContinualTorchError | null = null;
  private isClosed = false;
  private syncedSize = 0;
  private hasWarned = false;

  /**
   * Makes the folders above the file, and unless `isLate` the file where there is none.
   * @throws ERR_LOG_WRITE, also where a file that is there could not be written
   */
  constructor(
    private readonly owner: string,
    readonly file: string,
    private readonly beginning: Buffer,
    isLate = false,
  ) {
    const folder = path.dirname(file);
    try {
      makeFolder(folder);
      if (existsSync(file)) closeSync(openSync(file, 'r+'));
      else if (isLate) accessSync(folder, constants.W_OK);
      else this.make();
    } catch (error) {
      throw this.cannotWrite(error as Error);
    }
    if (!isWatchingExit) process.on('exit', () => unfinished.forEach((log) => log.writeNow()));
    isWatchingExit = true;
  }

  private make(): void {
    writeFileSync(this.file, this.beginning);
    this.size = this.beginning.length;
    this.tail = this.beginning;
    this.opening = 'on';
  }

  /** @throws ERR_LOG_WRITE where an earlier write has failed, and after `close` */
  append(data: Buffer): void {
    if (this.isClosed) throw this.cannotWrite(new Error('it has been closed'));
    this.throwFailure();
    if (this.end === 0) this.wait(this.beginning);
    this.wait(data);
    unfinished.add(this);
    this.writing ??= this.writeAll();
  }

  /** Resolves when everything appended is in the file. @throws ERR_LOG_WRITE */
  async flush(): Promise<void> {
    await this.writing;
    this.throwFailure();
  }

  /** Resolves when everything appended is on disk, so that it outlives the machine. @throws ERR_LOG_WRITE */
  async sync(): Promise<void> {
    await this.flush();
    const { size } = this;
    if (size === this.syncedSize) return;
    try {
      await synced(this.file, 'r+');
      // Its name too, where the file is new. Not every system lets a folder be opened.
      if (this.syncedSize === 0) await synced(path.dirname(this.file), 'r').catch(() => {});
    } catch (error) {
      throw this.cannotWrite(error as Error);
    }
    this.syncedSize = size;
  }

  /** Flushes; nothing can be appended from now on. @throws ERR_LOG_WRITE */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.flush();
  }

  /** The place behind everything appended so far; `sync` says when that is on disk. */
  stateDict(): LogFileState {
    return { size: this.end, checksum: checksum(this.tail) };
  }

  /** Whether the file is there, and what stands before the place of a state is what stood there then. */
  holds({ size, checksum: expected }: LogFileState): boolean {
    const before = readTail(this.file, size);
    return before !== null && checksum(before) === expected;
  }

  /**
   * Goes on at the place of a state. What lies behind it, of a run that was ended before its next checkpoint, is cut off by the
   * next `append`. Where the file is not what it was there is a warning, and the next `append` begins a file in its place.
   */
  loadStateDict(state: LogFileState): void {
    this.writeNow();
    const isHeld = state.size > 0 && this.holds(state);
    this.era++;
    this.waiting = [];
    this.failure = null;
    this.size = isHeld ? state.size : 0;
    this.tail = isHeld ? readTail(this.file, state.size)! : Buffer.alloc(0);
    this.opening = isHeld ? 'cut' : 'new';
    this.syncedSize = 0;
    if (state.size > 0 && !isHeld) this.warn();
  }

  private get end(): number {
    return this.waiting.reduce((end, { length }) => end + length, this.size);
  }

  private wait(data: Buffer): void {
    this.waiting.push(data);
    this.tail = Buffer.from(Buffer.concat([this.tail, data]).subarray(-tailLength));
  }

  /** Never rejects: a failure is thrown by the next call of the user's. */
  private async writeAll(): Promise<void> {
    await Promise.resolve(); // so that `writing` is set before anything can come to its end
    try {
      while (this.waiting.length > 0) {
        const { era } = this;
        const piece = Buffer.concat(this.waiting);
        const pieces = this.waiting.length;
        await this.writeAt(piece, this.size);
        if (era !== this.era) continue;
        this.size += piece.length;
        this.waiting.splice(0, pieces);
        this.opening = 'on';
      }
    } catch (error) {
      this.failure = this.cannotWrite(error as Error);
      this.waiting = [];
      this.tail = readTail(this.file, this.size) ?? Buffer.alloc(0);
    } finally {
      this.writing = null;
      unfinished.delete(this);
    }
  }

  private async writeAt(piece: Buffer, position: number): Promise<void> {
    let file: FileHandle | null = null;
    try {
      file = await open(this.file, this.opening === 'new' ? 'w' : 'r+');
      if (this.opening === 'cut') await file.truncate(position);
      for (let done = 0; done < piece.length; ) {
        done += (await file.write(piece, done, piece.length - done, position + done)).bytesWritten;
      }
    } finally {
      await file?.close();
    }
  }

  private writeNow(): void {
    if (this.waiting.length === 0) return;
    const piece = Buffer.concat(this.waiting);
    try {
      const file = openSync(this.file, this.opening === 'new' ? 'w' : 'r+');
      if (this.opening === 'cut') ftruncateSync(file, this.size);
      for (let done = 0; done < piece.length; ) {
        done += writeSync(file, piece, done, piece.length - done, this.size + done);
      }
      closeSync(file);
    } catch {
      // Nobody is left to be told: the process is at its end, or goes on with another state of the file.
    }
  }

  private throwFailure(): void {
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
  }

  private warn(): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    process.emitWarning(
      `${this.owner}: ${JSON.stringify(this.file)} is not the file that the checkpoint was made with: it is gone, or was changed ` +
        'before the place that it had come to. A new file takes its place.',
      'ContinualTorchWarning',
    );
  }

  private cannotWrite(cause: Error): ContinualTorchError {
    const message = `${this.owner}: cannot write ${JSON.stringify(this.file)}: ${cause.message}`;
    return new ContinualTorchError('ERR_LOG_WRITE', message, { cause });
  }
}

function checksum(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex').slice(0, 16);
}

/** What ends at this place of a file; null where it cannot be read, or is shorter. */
function readTail(name: string, end: number): Buffer | null {
  const tail = Buffer.alloc(Math.min(end, tailLength));
  try {
    if (statSync(name).size < end) return null;
    const file = openSync(name, 'r');
    try {
      return readSync(file, tail, 0, tail.length, end - tail.length) === tail.length ? tail : null;
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}

async function synced(name: string, flags: string): Promise<void> {
  const file = await open(name, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
