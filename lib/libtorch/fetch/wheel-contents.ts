import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import zlib from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { FetchError } from './failure';

/** Python's own door, the shared-memory manager and the libraries of PyTorch's tests: nothing in C++ links them. */
const unwantedLibrary = /^(lib)?(torch_python|shm|torchbind_test|jitbackend_test|backend_with_compiler|aoti_custom_ops)\./;

/**
 * Whether a file of a wheel is needed: shared libraries, PyTorch's version, every licence, and PyTorch's checksums; to build
 * against it `headers` and what CMake reads too.
 */
export function isWanted(name: string, headers = false): boolean {
  const { dir, base } = path.posix.parse(name);
  const isLibrary = /\.(so(\.\d+)*|dll|dylib)$/.test(base) || (headers && base.endsWith('.lib'));
  if (headers && /^torch\/(include|share\/cmake)\//.test(name)) return true;
  if (dir === 'torch/lib') return isLibrary && !unwantedLibrary.test(base);
  // Libraries that the wheel's maker has packed into it have a hash in their names.
  if (dir === 'torch.libs' || dir === 'torch/.dylibs' || /^nvidia\/(.*\/)?lib$/.test(dir)) return isLibrary;
  const isLicence = /^(licen[cs]e|notice|copying)/i.test(base);
  if (dir.startsWith('nvidia/')) return isLicence;
  if (/^torch-[^/]+\.dist-info\/RECORD$/.test(name)) return true;
  if (/^[^/]+\.dist-info(\/|$)/.test(dir)) return isLicence || /\/licenses(\/|$)/.test(dir);
  return name === 'torch/version.py';
}

export interface UnpackOptions {
  /** Also what building against PyTorch takes. Default false. */
  headers?: boolean;
  /** Told of the bytes of each piece written. */
  onBytes?: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/**
 * Unpacks what is needed of a wheel.
 * @throws FetchError for an archive that is damaged, or in which a name leads out of it
 */
export async function unpackWheel(
  wheel: string,
  folder: string,
  { headers = false, onBytes = () => {}, signal }: UnpackOptions = {},
): Promise<void> {
  await withEntries(wheel, async (zip, entry) => {
    if (!isWanted(entry.fileName, headers)) return;
    const target = path.join(folder, entry.fileName);
    await mkdir(path.dirname(target), { recursive: true });
    let sum = 0;
    const counter = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        onBytes(chunk.length);
        sum = zlib.crc32?.(chunk, sum) ?? 0;
        done(null, chunk);
      },
    });
    await pipeline(await zip.openReadStreamPromise(entry), counter, createWriteStream(target, { flags: 'wx' }), { signal });
    // Some archives leave it out, older versions of Node.js cannot tell it.
    if (sum !== 0 && entry.crc32 !== 0 && sum !== entry.crc32) throw new Error(`${entry.fileName} is damaged`);
  });
}

/** The text of a wheel's METADATA. */
export async function readMetadata(wheel: string): Promise<string> {
  let text: string | null = null;
  await withEntries(wheel, async (zip, entry) => {
    if (!/^[^/]+\.dist-info\/METADATA$/.test(entry.fileName)) return;
    text = (await buffer(await zip.openReadStreamPromise(entry))).toString('utf8');
  });
  if (text === null) throw new FetchError(`${path.basename(wheel)} is no wheel: it has no METADATA`);
  return text;
}

/** Hands out the entries in turn; yauzl refuses absolute names and those with `..` in them. */
async function withEntries(wheel: string, use: (zip: ZipFile, entry: Entry) => Promise<void>): Promise<void> {
  let zip: ZipFile | null = null;
  try {
    zip = await openPromise(wheel, { autoClose: false, strictFileNames: true });
    for await (const entry of zip.eachEntry()) if (!entry.fileName.endsWith('/')) await use(zip, entry);
  } catch (error) {
    if (error instanceof Error && ('syscall' in error || error.name === 'AbortError')) throw error;
    throw new FetchError(`cannot unpack ${path.basename(wheel)}: ${(error as Error).message}`, { cause: error });
  } finally {
    zip?.close();
  }
}
