import { constants, gunzipSync } from 'node:zlib';
import { ContinualTorchError, type ErrorCode } from '../errors';
import { FileBytes } from './file-bytes';
import { readZipRecords } from './zip-archive';

/** What is looked at: the first bytes, and the names of the records where they are a zip archive, without its one folder. */
interface Look {
  length: number;
  head: Buffer;
  /** The same bytes, each a character. */
  text: string;
  records: readonly string[];
  /** The first bytes of what was compressed with gzip; empty where nothing was. */
  unpacked: Buffer;
}

interface Kind {
  is: (look: Look) => boolean;
  /** Behind "the file is". */
  what: string;
  /** `which FUNCTION reads`, or what to do with it. */
  advice: string;
  /** Whether it holds tensors alone, so that a door to models has to say how these come in. */
  isWeights?: boolean;
}

const startsWith = (magic: string) => (look: Look) => look.text.startsWith(magic);
const holds = (record: RegExp) => (look: Look) => look.records.some((name) => record.test(name));
const isSafetensors = ({ head }: Look) => head.length > 8 && head.readUInt32LE(4) === 0 && head[8] === 0x7b;
const isJson = ({ text }: Look) => /^(\xef\xbb\xbf)?\s*[{[][\s"{}[\]\d-]/.test(text);
const behindVarint = (head: Buffer, at: number) => at + 1 + head.subarray(at).findIndex((byte) => byte < 0x80);
/** Producer (a text), its version, domain, version, doc, graph or operator set, as may come behind the version of ONNX. */
const isOnnxField = ([tag, , first]: Buffer) =>
  tag === 0x12 ? first! >= 0x20 && first! < 0x7f : [0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42].includes(tag!);
const isTar = (text: string) => text.slice(257, 262) === 'ustar';
const isIdx = (head: Buffer) =>
  head.length > 8 && head.readUInt16BE(0) === 0 && [0x08, 0x09, 0x0b, 0x0c, 0x0d, 0x0e].includes(head[2]!) && head[3]! >= 1 && head[3]! <= 8;
const idxAdvice = 'which readIdx reads; splitMNIST, permutedMNIST and the like read the four files in their datasetRoot';
const isIndex = (look: Look) => isJson(look) && look.text.includes('"weight_map"');
const toSafetensors = 'in Python write its arrays with safetensors.numpy.save_file(arrays, "weights.safetensors"), which loadSafetensors reads';
const fromItsFramework = (framework: string) => `take the weights to PyTorch in Python (${framework}), and save them with torch.save`;
const unpacked = (command: string) => ({ advice: `unpack it first (${command})` });

/** Every kind of file that users of PyTorch may have at hand; of those that fit a file the first is meant. */
const kinds = {
  empty: { is: ({ length }) => length === 0, what: 'empty', advice: 'write or fetch it again' },
  gitLfsPointer: {
    is: startsWith('version https://git-lfs.github.com/spec/'),
    what: 'a pointer of Git LFS, the name of a file in place of the file',
    advice: 'fetch the file itself with `git lfs pull`',
  },
  webPage: {
    is: ({ text }) => /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml)/i.test(text),
    what: 'a web page, as a download that asks to log in or leads to a page about the file',
    advice: 'fetch the file itself (on Hugging Face the address with /resolve/ in place of /blob/)',
  },
  lite: {
    is: holds(/^bytecode\.pkl$/),
    what: 'a TorchScript file with bytecode for the lite interpreter (.ptl)',
    advice: 'which jit.load reads',
  },
  torchScript: {
    is: holds(/^constants\.pkl$/),
    what: 'a model with its weights, a TorchScript file',
    advice: 'which jit.load reads',
  },
  exported: {
    is: holds(/^(archive_format|serialized_exported_program\.json|data\/aotinductor\/.*)$/),
    what: 'a program of torch.export (.pt2), which only Python runs',
    advice:
      'there save its weights with torch.save(torch.export.load(path).state_dict, "weights.pt"), ' +
      'or the model itself with torch.jit.trace(model, x).save("model.pt")',
  },
  torchPackage: {
    is: holds(/^\.data\/extern_modules$/),
    what: 'a package of torch.package, which only Python runs',
    advice: 'there save the state dict of its model with torch.save',
  },
  torchSave: { is: holds(/^data\.pkl$/), what: 'a file of torch.save', advice: 'which torch.load reads', isWeights: true },
  npz: { is: holds(/\.npy$/), what: 'arrays of NumPy (.npz)', advice: toSafetensors.replace('arrays,', 'dict(numpy.load(path)),') },
  keras: { is: holds(/^model\.weights\.h5$/), what: 'a model of Keras', advice: fromItsFramework('keras.models.load_model') },
  legacyTorchSave: {
    is: (look) => ['\x80\x02', '\x80\x03'].some((protocol) => startsWith(`${protocol}\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19`)(look)),
    what: 'a file of torch.save before PyTorch 1.6',
    advice: 'which torch.load reads',
    isWeights: true,
  },
  pickle: {
    is: ({ head }) => head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5,
    what: 'a pickle of Python (pickle.dump, joblib), which only Python can run',
    advice: 'load it there, and save its tensors with torch.save',
    isWeights: true,
  },
  safetensors: { is: isSafetensors, what: 'safetensors', advice: 'which loadSafetensors reads', isWeights: true },
  npy: {
    is: startsWith('\x93NUMPY'),
    what: 'an array of NumPy (.npy)',
    advice: toSafetensors.replace('arrays,', '{"x": numpy.load(path)},'),
  },
  gguf: { is: startsWith('GGUF'), what: 'GGUF, weights for llama.cpp', advice: fromItsFramework('gguf.GGUFReader') },
  hdf5: { is: startsWith('\x89HDF\r\n\x1a\n'), what: 'HDF5, as Keras writes', advice: toSafetensors },
  // A protobuf says nothing of its type: what fields it begins with must do.
  savedModel: {
    is: ({ head }) => head[0] === 8 && head[1] === 1 && head[2] === 0x12 && head[behindVarint(head, 3)] === 0x0a,
    what: 'a SavedModel of TensorFlow',
    advice: fromItsFramework('tensorflow.saved_model.load'),
  },
  onnx: {
    is: ({ head }) => head[0] === 8 && head[1]! > 0 && head[1]! < 64 && isOnnxField(head.subarray(2)),
    what: 'an ONNX model',
    advice: 'where it came from PyTorch save the model there, with torch.jit.script(model).save("model.pt"); onnx2torch makes one of others',
  },
  tflite: { is: ({ text }) => text.slice(4, 8) === 'TFL3', what: 'a model of TensorFlow Lite', advice: fromItsFramework('tflite') },
  executorch: {
    is: ({ text }) => /^ET\d\d/.test(text.slice(4, 8)),
    what: 'a program of ExecuTorch (.pte)',
    advice: 'save the model that it was made of with torch.jit.script(model).save("model.pt") or its state dict with torch.save',
  },
  torchIndex: {
    is: (look) => isIndex(look) && /\.(bin|pth?)"/.test(look.text),
    what: 'the index of a checkpoint in several files',
    advice: 'each of which torch.load reads',
    isWeights: true,
  },
  safetensorsIndex: {
    is: isIndex,
    what: 'the index of safetensors in several files',
    advice: 'which loadSafetensors(path) reads together with its files',
    isWeights: true,
  },
  json: { is: isJson, what: 'JSON text', advice: 'weights lie in another file, as model.safetensors or pytorch_model.bin' },
  gzippedIdx: {
    is: ({ unpacked }) => isIdx(unpacked),
    what: 'images or labels in the format of MNIST (IDX), compressed with gzip',
    advice: idxAdvice,
  },
  gzip: { is: startsWith('\x1f\x8b'), what: 'compressed with gzip', ...unpacked('gunzip; tar -xzf for a .tar.gz') },
  bzip2: { is: startsWith('BZh'), what: 'compressed with bzip2', ...unpacked('bunzip2') },
  xz: { is: startsWith('\xfd7zXZ\0'), what: 'compressed with xz', ...unpacked('unxz') },
  zstd: { is: startsWith('\x28\xb5\x2f\xfd'), what: 'compressed with Zstandard', ...unpacked('unzstd') },
  sevenZip: { is: startsWith('7z\xbc\xaf\x27\x1c'), what: 'an archive of 7-Zip', ...unpacked('7z x') },
  rar: { is: startsWith('Rar!'), what: 'a RAR archive', ...unpacked('unrar x') },
  torchTar: {
    is: ({ text }) => isTar(text) && /^(sys_info|pickle|tensors|storages)\0/.test(text),
    what: 'a tar archive, as PyTorch wrote before 0.1.10',
    advice: 'load it in Python (weights_only=False) and save it again',
  },
  tar: { is: ({ text }) => isTar(text), what: 'a tar archive', ...unpacked('tar -xf') },
  zip: {
    is: ({ records }) => records.length > 0,
    what: 'a zip archive of other files',
    ...unpacked('unzip'),
  },
  idx: {
    is: ({ head }) => isIdx(head),
    what: 'images or labels in the format of MNIST (IDX)',
    advice: idxAdvice,
  },
} satisfies Record<string, Kind>;

/** The names of the kinds. */
export type FileKind = keyof typeof kinds;

/** A function that opens files. */
export interface Door {
  operation: string;
  /** What it opens, in words. */
  expected: string;
  opens: readonly FileKind[];
  /** What to say beside the advice where the file holds weights. */
  besideWeights?: string;
  /** The codes with which it refuses a file for what is in it. */
  codes: readonly ErrorCode[];
}

const headLength = 4096;

/**
 * What to throw where a file was refused: an error with the same code that says what the file is and what opens it, where
 * it is of a kind that the door does not open; otherwise the error as it is. Only a file that was refused is looked at, so
 * that this costs nothing where all is well.
 * @param source what was opened
 */
export async function atDoor(door: Door, error: unknown, source: FileBytes | string | Uint8Array): Promise<unknown> {
  if (!(error instanceof ContinualTorchError) || !door.codes.includes(error.code)) return error;
  let bytes: FileBytes;
  try {
    bytes = source instanceof FileBytes ? source : await FileBytes.open(door.operation, source, true);
  } catch {
    return error; // no file
  }
  try {
    const found = await kindOf(bytes);
    if (found === null || door.opens.includes(found)) return error;
    const { what, advice, isWeights }: Kind = kinds[found];
    const beside = isWeights ? (door.besideWeights ?? '') : '';
    const joint = /^(each of )?which /.test(advice) ? ', ' : ': ';
    const message = `${door.operation}: expected ${door.expected}, ${bytes.name} is ${what}${joint}${advice}${beside}`;
    return new ContinualTorchError(error.code, message, { cause: error });
  } finally {
    if (bytes !== source) bytes.close();
  }
}

/** The kind of a file, as its first bytes and the records of an archive show; null where they do not. */
async function kindOf(bytes: FileBytes): Promise<FileKind | null> {
  const head = bytes.read(0, Math.min(bytes.length, headLength));
  const text = head.toString('latin1');
  const records = text.startsWith('PK') ? await recordsOf(bytes) : [];
  const look = { length: bytes.length, head, text, records, unpacked: unpackedOf(head) };
  for (const [name, { is }] of Object.entries(kinds)) if (is(look)) return name as FileKind;
  return null;
}

/** What the first bytes of a gzip file stand for; nothing of a damaged one. */
function unpackedOf(head: Buffer): Buffer {
  try {
    return head[0] === 0x1f ? gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH }) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}

/** Of a damaged archive there are none. */
async function recordsOf(bytes: FileBytes): Promise<string[]> {
  try {
    const names = [...(await readZipRecords(bytes, (detail) => new Error(detail))).keys()];
    const folder = /^[^/]+\//.exec(names[0] ?? '')?.[0] ?? '';
    return names.every((name) => name.startsWith(folder)) ? names.map((name) => name.slice(folder.length)) : names;
  } catch {
    return [];
  }
}
