import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { ContinualTorchError } from '../errors';

export const folderName = z.string('the name of a folder').min(1, 'the name of a folder');

/** Files with something still to be written; the end of the process waits for them. */
const unfinished = new Set<LogFile>();
let isWatchingExit = false;

/**
 * A file that grows. Appending neither blocks nor waits: what has come since the last write goes out in one piece. The file
 * is opened for each write, so that none stays open. Pieces have their place in the file: at the end of the process whatever
 * is not known to be there is written once more, at the same place.
 */
export class LogFile {
  private size: number;
  private waiting: Buffer[] = [];
  private writing: Promise<void> | null = null;
  private failure: ContinualTorchError | null = null;
  private isClosed = false;

  /**
   * Makes the file, replacing one of that name, and the folders above it.
   * @throws ERR_LOG_WRITE
   */
  constructor(
    private readonly owner: string,
    readonly file: string,
    beginning: Buffer,
  ) {
    try {
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, beginning);
    } catch (error) {
      throw this.cannotWrite(error as Error);
    }
    this.size = beginning.length;
    if (!isWatchingExit) process.on('exit', () => unfinished.forEach((log) => log.writeNow()));
    isWatchingExit = true;
  }

  /** @throws ERR_LOG_WRITE where an earlier write has failed, and after `close` */
  append(data: Buffer): void {
    if (this.isClosed) throw this.cannotWrite(new Error('it has been closed'));
    this.throwFailure();
    this.waiting.push(data);
    unfinished.add(this);
    this.writing ??= this.writeAll();
  }

  /** Resolves when everything appended is in the file. @throws ERR_LOG_WRITE */
  async flush(): Promise<void> {
    await this.writing;
    this.throwFailure();
  }

  /** Flushes; nothing can be appended from now on. @throws ERR_LOG_WRITE */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.flush();
  }

  /** Never rejects: a failure is thrown by the next call of the user's. */
  private async writeAll(): Promise<void> {
    await Promise.resolve(); // so that `writing` is set before anything can come to its end
    try {
      while (this.waiting.length > 0) {
        const piece = Buffer.concat(this.waiting);
        const pieces = this.waiting.length;
        await this.writeAt(piece, this.size);
        this.size += piece.length;
        this.waiting.splice(0, pieces);
      }
    } catch (error) {
      this.failure = this.cannotWrite(error as Error);
      this.waiting = [];
    } finally {
      this.writing = null;
      unfinished.delete(this);
    }
  }

  private async writeAt(piece: Buffer, position: number): Promise<void> {
    let file: FileHandle | null = null;
    try {
      file = await open(this.file, 'r+');
      for (let done = 0; done < piece.length; ) {
        done += (await file.write(piece, done, piece.length - done, position + done)).bytesWritten;
      }
    } finally {
      await file?.close();
    }
  }

  private writeNow(): void {
    const piece = Buffer.concat(this.waiting);
    try {
      const file = openSync(this.file, 'r+');
      for (let done = 0; done < piece.length; ) {
        done += writeSync(file, piece, done, piece.length - done, this.size + done);
      }
      closeSync(file);
    } catch {
      // The process is at its end: nobody is left to be told.
    }
  }

  private throwFailure(): void {
    const { failure } = this;
    this.failure = null;
    if (failure) throw failure;
  }

  private cannotWrite(cause: Error): ContinualTorchError {
    const message = `${this.owner}: cannot write ${JSON.stringify(this.file)}: ${cause.message}`;
    return new ContinualTorchError('ERR_LOG_WRITE', message, { cause });
  }
}
