import { ContinualTorchError, describeValue } from '../errors';
import { job, native } from '../native/binding';
import type { NativeTensor } from '../native/types';
import { requirePath } from '../write-aside';
import { inPlaceOfFile, inPlaceOfPath } from '../wrong-argument';

/** From this size on a file is mapped: below, reading it takes less than the page faults of a mapping. */
const mapFrom = 2 ** 20;

/** The bytes of a file, mapped or read, or a copy of an array, for those who read formats out of them. */
export class FileBytes {
  private constructor(
    /** For messages: the quoted path, or what else it is. */
    readonly name: string,
    readonly length: number,
    readonly isMapped: boolean,
    private readonly bytes: NativeTensor,
  ) {}

  /**
   * @param mmap whether a large file is mapped; otherwise all of it is read
   * @throws ERR_DATA_NOT_FOUND where the file cannot be read, ERR_INVALID_ARG_TYPE
   */
  static async open(operation: string, source: string | Uint8Array, mmap: boolean): Promise<FileBytes> {
    if (source instanceof Uint8Array) return FileBytes.of(source);
    if (typeof source !== 'string') {
      throw new ContinualTorchError(
        'ERR_INVALID_ARG_TYPE',
        `${operation}: expected a file name or a Uint8Array, got ${describeValue(source)}${inPlaceOfFile(source)}`,
      );
    }
    requirePath(operation, source);
    try {
      const { bytes, isMapped } = await job(native.readFile(source, mmap ? mapFrom : Infinity));
      return new FileBytes(`"${source}"`, native.tensorShape(bytes)[0]!, isMapped, bytes);
    } catch (cause) {
      if (!(cause instanceof ContinualTorchError) || cause.code !== 'ERR_DATA_NOT_FOUND') throw cause;
      const message = `${operation}: cannot read "${source}": ${cause.message}${inPlaceOfPath(source)}`;
      throw new ContinualTorchError('ERR_DATA_NOT_FOUND', message, { cause });
    }
  }

  /** A copy of an array. */
  static of(source: Uint8Array): FileBytes {
    const bytes = native.fromTypedArray(source, [source.length], 'uint8');
    return new FileBytes(`the ${source.length} bytes`, source.length, false, bytes);
  }

  /** A copy of a range that lies within the file. */
  read(offset: number, length: number): Buffer {
    const into = Buffer.allocUnsafe(length);
    this.copy(offset, into);
    return into;
  }

  /** Fills `into` from a range that lies within the file. */
  copy(offset: number, into: Uint8Array): void {
    native.copyBytes(this.bytes, offset, into);
  }

  /** A range as a storage that shares its memory with the file, or a copy where it is not aligned to so many bytes. */
  storage(offset: number, length: number, alignment: number): NativeTensor {
    return native.storageOfBytes(this.bytes, offset, length, alignment);
  }

  /**
   * Moves what lies from an offset on towards the front, over what lies before, so that it is aligned to so many bytes; of
   * a mapped file nothing. @returns by how many bytes
   */
  align(offset: number, alignment: number): number {
    return this.isMapped ? 0 : native.alignBytes(this.bytes, offset, alignment);
  }

  /** The CRC-32 of each range, computed on the compute thread. */
  crc32(ranges: readonly (readonly [offset: number, length: number])[]): Promise<number[]> {
    return job(native.crc32(this.bytes, ranges));
  }

  /** Lets go of the file; storages keep what they need of it. */
  close(): void {
    native.tensorDispose(this.bytes);
  }
}
