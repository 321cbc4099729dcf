import path from 'node:path';
import { parseArgs } from 'node:util';
import { ContinualTorchError } from '../errors';
import { progressDisplay } from '../progress-display';
import { cacheFolders, fetchedRoot, writableCache } from '../libtorch/cache-folder.js';
import { TESTED_VERSION } from '../libtorch/libtorch-folder.js';
import { describeFileError, Dropped, fetchBuild, FetchError, isWhole, platformOf } from '../libtorch/fetch';

const pytorchIndex = 'https://download.pytorch.org/whl';

const help = `Fetches PyTorch's own build of ${TESTED_VERSION} for a CUDA, with the libraries of NVIDIA that it needs, for training on a GPU.

Usage: npx continual-torch fetch-libtorch --cuda VARIANT [--index URL]

  --cuda VARIANT  the CUDA that it is built for: cu126, cu128 or cu130; the driver must be of this CUDA or newer
  --index URL     a mirror: an index laid out like ${pytorchIndex}/cu126, the folder that holds torch/.
                  User name and password may stand in it. Default: CONTINUAL_TORCH_INDEX, then PyTorch's own
  -h, --help      this text

About 2.5 GB are downloaded and 4 GB kept in the user's cache folder (XDG_CACHE_HOME, on Windows LOCALAPPDATA). Each file
must have the SHA-256 that the index gives. What has arrived is kept when a download breaks off or is interrupted, and the
same command goes on from there. At the end the line is printed that makes continual-torch use the build.

Proxies: HTTPS_PROXY, HTTP_PROXY, NO_PROXY. Certificates of your own: NODE_EXTRA_CA_CERTS.
Exits with 1 if the build cannot be fetched, with 2 if the command line is wrong.
`;

const packageRoot = path.resolve(__dirname, '..', '..');

/** The subcommand; it must work where there is no libtorch yet. */
export async function fetchLibtorch(args: string[], env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      cuda: { type: 'string' },
      index: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help || values.cuda === undefined) {
    (values.help ? process.stdout : process.stderr).write(help);
    return values.help ? 0 : 2;
  }
  const cuda = requireVariant(values.cuda);
  const index = requireIndex(values.index ?? (env['CONTINUAL_TORCH_INDEX'] || `${pytorchIndex}/${cuda}`));
  let cache = cacheFolders({ root: packageRoot, env })[0]!;
  process.once('exit', tellInterrupted);
  try {
    platformOf();
    cache = writableCache(cacheFolders({ root: packageRoot, env }));
    const root = fetchedRoot(cache, cuda);
    if (isWhole(cache, cuda)) {
      process.stderr.write(`PyTorch ${TESTED_VERSION} for ${cuda} is there already.\n`);
    } else {
      await fetchAndShow(cuda, index, cache);
    }
    process.stderr.write('This line makes continual-torch use it:\n');
    process.stdout.write(`${environmentLine(root)}\n`);
    return 0;
  } catch (error) {
    const message = error instanceof FetchError ? error.message : describeFileError(error, cache);
    const advice = error instanceof Dropped ? '\nBehind a proxy set HTTPS_PROXY; --index takes the address of a mirror.' : '';
    process.stderr.write(`fetch-libtorch: ${message}${advice}\n`);
    return 1;
  } finally {
    process.off('exit', tellInterrupted);
  }
}

async function fetchAndShow(cuda: string, index: URL, cache: string): Promise<void> {
  const progress = progressDisplay('PyTorch');
  let shown = false;
  try {
    await fetchBuild(cuda, {
      index,
      cache,
      progress: {
        update(...news) {
          shown = true;
          progress.update(...news);
        },
        stop() {},
      },
      onWait: () => process.stderr.write('Another process is fetching it; waiting for that one.\n'),
    });
  } finally {
    if (shown) progress.stop();
  }
  process.stderr.write("It comes under PyTorch's and NVIDIA's licences, which lie beside the libraries.\n");
}

function tellInterrupted(status: number): void {
  if (status === 130) process.stderr.write('Interrupted. What has arrived is kept: the same command goes on from there.\n');
}

/** What a shell takes to set LIBTORCH, whatever characters are in the path. */
function environmentLine(root: string): string {
  return process.platform === 'win32'
    ? `$env:LIBTORCH = '${root.replaceAll("'", "''")}'`
    : `export LIBTORCH='${root.replaceAll("'", String.raw`'\''`)}'`;
}

function requireVariant(text: string): string {
  if (/^cu\d{3}$/.test(text)) return text;
  throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `fetch-libtorch: expected --cuda to be cu126, cu128 or cu130, got "${text}"`);
}

function requireIndex(text: string): URL {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return new URL(text);
  throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `fetch-libtorch: expected the index to be an http or https address, got "${text}"`);
}
