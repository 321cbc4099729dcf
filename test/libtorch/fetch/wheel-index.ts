// A package index on this machine, and wheels of a few kilobytes for it.
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type FileMap, libtorchFiles, prefixed } from '../../scripts/support';
import { zipFile } from '../../support/zip-file';

export interface WheelFile {
  name: string;
  bytes: Buffer;
}

const tag = process.platform === 'win32' ? 'win_amd64' : `manylinux_2_28_${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}`;

export const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

/** `requires`: the values of Requires-Dist. */
export function wheel(project: string, version: string, files: FileMap, requires: string[] = [], platformTag = tag): WheelFile {
  const info = `${project}-${version}.dist-info`;
  const metadata = ['Metadata-Version: 2.4', `Name: ${project}`, ...requires.map((each) => `Requires-Dist: ${each}`), '', ''];
  const all: FileMap = {
    ...files,
    [`${info}/METADATA`]: metadata.join('\n'),
    [`${info}/RECORD`]: '',
    [`${info}/licenses/LICENSE`]: `of ${project}`,
  };
  const records = Object.entries(all).map(([name, data]) => ({ name, data: Buffer.from(data) }));
  const python = platformTag === 'any' ? 'py3-none' : 'cp312-cp312';
  return { name: `${project}-${version}-${python}-${platformTag}.whl`, bytes: zipFile(records) };
}

const etagOf = ({ bytes }: WheelFile) => `"${sha256(bytes).slice(0, 16)}"`;

export const metadataOf = ({ bytes }: WheelFile): Buffer => {
  const begin = bytes.indexOf('Metadata-Version');
  return bytes.subarray(begin, bytes.indexOf('\n\n', begin) + 2);
};

/** PyTorch for CUDA 12.6 as it is made up in truth: a toolkit of requirements, and libraries of NVIDIA. */
export function cudaBuild(cuda = 'cu126', extraFiles: FileMap = {}): WheelFile[] {
  const torch = {
    ...prefixed('torch/', libtorchFiles(`2.13.0+${cuda}`, { cuda: '12.6' })),
    'torch/lib/libtorch_python.so': 'unwanted',
    'torch/lib/libgomp-0a1b.so.1': 'wanted',
    'torch/nn/__init__.py': 'unwanted',
    // Large enough that it does not arrive in one piece.
    'torch/lib/libtorch_nvshmem.so': Buffer.alloc(300_000, 'x'),
    ...extraFiles,
  };
  const requires = [
    'sympy>=1.13.3',
    'cuda-toolkit[cublas,nvjitlink]==12.6.3; platform_system == "Linux"',
    'triton==3.7.1; platform_system == "Linux" and python_version < "3.15"',
    'nvidia-cudnn-cu12==9.20.0.48; platform_system == "Linux"',
    'nvidia-cublas==12.6.4.1; platform_system == "Windows"',
  ];
  const toolkitRequires = [
    "nvidia-cublas==12.6.4.1.*; (sys_platform == 'linux' or sys_platform == 'win32') and extra == 'cublas'",
    "nvidia-nvjitlink<13,>=12.6.85; sys_platform == 'linux' and extra == 'nvjitlink'",
    "nvidia-npp==12.3.1.54.*; sys_platform == 'linux' and extra == 'npp'",
  ];
  return [
    wheel('torch', `2.13.0+${cuda}`, torch, requires),
    wheel('cuda_toolkit', '12.6.3.0', {}, toolkitRequires, 'any'),
    wheel('nvidia_cudnn_cu12', '9.20.0.48', { 'nvidia/cudnn/lib/libcudnn.so.9': 'cudnn', 'nvidia/cudnn/include/cudnn.h': '' }),
    wheel('nvidia_cublas', '12.6.4.1', { 'nvidia/cublas/lib/libcublas.so.12': 'cublas' }, ['nvidia-cuda-nvrtc']),
    ...['12.6.77', '12.6.85', '12.9.86', '13.0.88'].map((version) =>
      wheel('nvidia_nvjitlink', version, {
        'nvidia/nvjitlink/lib/libnvJitLink.so.12': version,
        'nvidia/nvjitlink/lib/libnvJitLink_static.a': '',
      }),
    ),
  ];
}

export interface Answered {
  method: string;
  path: string;
  range: string | undefined;
  ifRange: string | undefined;
  authorization: string | undefined;
  /** Of the body. */
  bytes: number;
}

export interface WheelIndex {
  url: URL;
  wheels: WheelFile[];
  answered: Answered[];
  /** The requests for the bytes of wheels. */
  downloads(project?: string): Answered[];
}

export interface IndexOptions {
  /** Offers the metadata of wheels as files of their own: `false`, on the page alone, or in truth. */
  metadata?: false | 'page' | true;
  /** Default true. */
  sha256?: boolean;
  /** Default true. */
  ranges?: boolean;
  /** Takes over an answer by returning true. */
  answer?: (request: IncomingMessage, reply: ServerResponse, wheel: WheelFile | undefined) => boolean;
}

const projectOf = ({ name }: WheelFile) => name.slice(0, name.indexOf('-')).replaceAll('_', '-');

/** Serves wheels below `/whl/cu126/`, which may be changed meanwhile. */
export async function withWheelIndex<T>(
  wheels: WheelFile[],
  use: (index: WheelIndex) => Promise<T>,
  { metadata = false, sha256: tellsSha256 = true, ranges = true, answer }: IndexOptions = {},
): Promise<T> {
  const answered: Answered[] = [];
  const served: WheelIndex = {
    url: new URL('http://127.0.0.1'),
    wheels,
    answered,
    downloads: (project = '') =>
      answered.filter(({ method, path }) => method === 'GET' && path.endsWith('.whl') && path.includes(`/files/${project}`)),
  };
  const page = (project: string) =>
    served.wheels
      .filter((each) => projectOf(each) === project)
      .map((each) => {
        const hash = tellsSha256 ? `#sha256=${sha256(each.bytes)}` : '';
        const attribute = metadata === false ? '' : ` data-core-metadata="sha256=${sha256(metadataOf(each))}"`;
        return `<a href="../../files/${encodeURIComponent(each.name)}${hash}"${attribute}>${each.name}</a><br/>`;
      })
      .join('\n');
  const server = createServer((request, reply) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://any').pathname);
    const { range, 'if-range': ifRange, authorization } = request.headers;
    const record: Answered = { method: request.method!, path, range, ifRange: ifRange as string, authorization, bytes: 0 };
    answered.push(record);
    const write = reply.write.bind(reply) as (chunk: Buffer) => boolean;
    const send = (bytes: Buffer) => {
      if (request.method === 'HEAD') return reply.end();
      record.bytes += bytes.length;
      write(bytes);
      return reply.end();
    };
    const name = path.slice(path.lastIndexOf('/') + 1);
    const file = path.includes('/files/') ? served.wheels.find((each) => each.name === name) : undefined;
    if (answer?.(request, reply, file)) return;
    const project = /^\/whl\/cu126\/([^/]+)\/$/.exec(path)?.[1];
    if (project !== undefined && page(project) !== '') {
      reply.setHeader('content-type', 'text/html');
      send(Buffer.from(`<!DOCTYPE html><html><body><h1>Links &amp; wheels</h1>\n${page(project)}\n</body></html>`));
      return;
    }
    const ofMetadata = served.wheels.find((each) => `${each.name}.metadata` === name);
    if (ofMetadata && metadata === true) {
      send(metadataOf(ofMetadata));
      return;
    }
    if (file === undefined) {
      reply.writeHead(404).end();
      return;
    }
    const { bytes } = file;
    const etag = etagOf(file);
    const begin = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    if (ranges && begin >= bytes.length) reply.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    else if (ranges && begin > 0 && (ifRange === undefined || ifRange === etag)) {
      const rest = bytes.subarray(begin);
      const contentRange = `bytes ${begin}-${bytes.length - 1}/${bytes.length}`;
      reply.writeHead(206, { 'content-length': rest.length, 'content-range': contentRange, etag });
      send(rest);
    } else {
      reply.writeHead(200, { 'content-length': bytes.length, etag });
      send(bytes);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  served.url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/whl/cu126`);
  try {
    return await use(served);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Where a wheel arrives, and what of it has arrived. */
export const partOf = (cache: string, { name }: WheelFile, cuda = 'cu126'): string =>
  join(cache, `libtorch-2.13.0-${cuda}.partial`, `${name}.part`);

/** Resolves when a file has so many bytes. */
export async function hasBytes(path: string, bytes: number): Promise<void> {
  while ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) < bytes) await new Promise((resolve) => setTimeout(resolve, 5));
}

/**
 * An answer for `withWheelIndex` that gives this many bytes of PyTorch's wheel, the first so many times; then the connection
 * ends, or stays and is silent.
 */
export function breakingOff(cache: string, bytes: number, times: number, end: 'dropped' | 'silent' = 'dropped') {
  let left = times;
  return (request: IncomingMessage, reply: ServerResponse, file: WheelFile | undefined): boolean => {
    if (request.method !== 'GET' || file === undefined || projectOf(file) !== 'torch' || left === 0) return false;
    left--;
    const begin = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const { length } = file.bytes;
    const range = begin > 0 ? { 'content-range': `bytes ${begin}-${length - 1}/${length}` } : {};
    reply.writeHead(begin > 0 ? 206 : 200, { 'content-length': length - begin, etag: etagOf(file), ...range });
    reply.write(file.bytes.subarray(begin, begin + bytes));
    if (end === 'dropped') void hasBytes(partOf(cache, file), begin + bytes).then(() => reply.destroy());
    return true;
  };
}
