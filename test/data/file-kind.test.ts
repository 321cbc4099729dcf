import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, it } from 'mocha';
import { type ErrorCode, jit, loadSafetensors, readSafetensorsMetadata, splitMNIST, torch } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { fixturePath } from '../support/fixtures';
import { idxBytes, smallMNIST, writeMNIST } from '../support/idx';
import { withTempFolder } from '../support/temp-folder';
import { zipFile } from '../support/zip-file';

type DoorName = 'loadSafetensors' | 'readSafetensorsMetadata' | 'torch.load' | 'jit.load' | 'IDX';

const doors: Record<DoorName, [open: (file: string) => Promise<unknown>, code: ErrorCode]> = {
  loadSafetensors: [loadSafetensors, 'ERR_SAFETENSORS_FORMAT'],
  readSafetensorsMetadata: [readSafetensorsMetadata, 'ERR_SAFETENSORS_FORMAT'],
  'torch.load': [torch.load, 'ERR_TORCH_FILE_FORMAT'],
  'jit.load': [jit.load, 'ERR_MODEL_FILE_FORMAT'],
  IDX: [loadAsImages, 'ERR_IDX_FORMAT'],
};

function loadAsImages(file: string): Promise<unknown> {
  return withTempFolder(async (folder) => {
    await writeMNIST(folder, { ...smallMNIST(), trainImages: await readFile(file) });
    return splitMNIST({ nExperiences: 1, datasetRoot: folder });
  });
}

interface Case {
  /** A file of Python, or what is in it. */
  file: string | Buffer;
  message: RegExp;
  /** The doors that open it, or say what is wrong in their own words. */
  except?: DoorName[];
}

const recorded = (name: string) => fixturePath('kinds', name);
const weights = (name: string) => fixturePath('weights', name);

const cases: Record<string, Case> = {
  'a state dict': { file: weights('state-dict.pt'), message: /is a file of torch\.save, which torch\.load reads/, except: ['torch.load'] },
  'a state dict of PyTorch before 1.6': {
    file: fixturePath('models', 'state-dict-legacy.pth'),
    message: /is a file of torch\.save before PyTorch 1\.6, which torch\.load reads/,
    except: ['torch.load'],
  },
  'a pickle': {
    file: fixturePath('models', 'object.pkl'),
    message: /is a pickle of Python .*save its tensors with torch\.save/,
    except: ['torch.load'],
  },
  TorchScript: { file: fixturePath('models', 'affine.pt'), message: /is a model with its weights, a TorchScript file, which jit\.load reads$/, except: ['jit.load'] },
  'a .ptl': { file: recorded('lite.ptl'), message: /lite interpreter \(\.ptl\), which jit\.load reads$/, except: ['jit.load'] },
  'a .pt2': { file: recorded('exported.pt2'), message: /is a program of torch\.export \(\.pt2\).*torch\.export\.load\(path\)\.state_dict/ },
  'a package': { file: recorded('package.pt'), message: /is a package of torch\.package/ },
  safetensors: {
    file: weights('dtypes.safetensors'),
    message: /is safetensors, which loadSafetensors reads/,
    except: ['loadSafetensors', 'readSafetensorsMetadata'],
  },
  'a zip archive around files': {
    file: zipFile([{ name: 'w.pt', data: Buffer.from('PK') }, { name: 'read me', data: Buffer.alloc(0) }]),
    message: /is a zip archive of other files: unpack it first \(unzip\)/,
  },
  'the index of safetensors': {
    file: Buffer.from('{"metadata": {"total_size": 8}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}'),
    message: /is the index of safetensors in several files, which loadSafetensors\(path\) reads together with its files/,
    except: ['loadSafetensors'],
  },
  'the index of torch.save': {
    file: Buffer.from('{\n  "weight_map": {"a": "pytorch_model-00001-of-00002.bin"}}'),
    message: /is the index of a checkpoint in several files, each of which torch\.load reads/,
  },
  'a config.json': { file: Buffer.from('{"hidden_size": 768}'), message: /is JSON text: weights lie in another file/ },
  'ONNX of PyTorch': { file: recorded('pytorch.onnx'), message: /is an ONNX model: .*torch\.jit\.script\(model\)\.save/ },
  'ONNX without a producer': { file: recorded('plain.onnx'), message: /is an ONNX model: / },
  'a .npy': { file: recorded('array.npy'), message: /is an array of NumPy \(\.npy\): .*save_file\(\{"x": numpy\.load\(path\)\}/ },
  'a .npz': { file: recorded('arrays.npz'), message: /is arrays of NumPy \(\.npz\): .*save_file\(dict\(numpy\.load\(path\)\)/ },
  GGUF: { file: recorded('model.gguf'), message: /is GGUF, weights for llama\.cpp: .*gguf\.GGUFReader/ },
  HDF5: { file: recorded('weights.h5'), message: /is HDF5, as Keras writes: / },
  'a .keras': { file: recorded('model.keras'), message: /is a model of Keras: / },
  'a SavedModel': { file: recorded('saved_model.pb'), message: /is a SavedModel of TensorFlow: / },
  'TensorFlow Lite': { file: recorded('model.tflite'), message: /is a model of TensorFlow Lite: / },
  ExecuTorch: { file: recorded('model.pte'), message: /is a program of ExecuTorch \(\.pte\): / },
  'a pointer of Git LFS': {
    file: Buffer.from(`version https://git-lfs.github.com/spec/v1\noid sha256:${'0'.repeat(64)}\nsize 438\n`),
    message: /is a pointer of Git LFS, .*: fetch the file itself with `git lfs pull`$/,
  },
  'a web page': {
    file: Buffer.from('\n<!DOCTYPE html>\n<html><head><title>Log in</title></head></html>'),
    message: /is a web page, .*: fetch the file itself/,
  },
  gzip: { file: recorded('text.gz'), message: /is compressed with gzip: unpack it first \(gunzip/, except: ['IDX'] },
  bzip2: { file: recorded('text.bz2'), message: /is compressed with bzip2: unpack it first/ },
  xz: { file: recorded('text.xz'), message: /is compressed with xz: unpack it first/ },
  Zstandard: { file: Buffer.from('28b52ffd0400', 'hex'), message: /is compressed with Zstandard: unpack it first/ },
  '7-Zip': { file: Buffer.from('377abcaf271c0004', 'hex'), message: /is an archive of 7-Zip: unpack it first/ },
  RAR: { file: Buffer.from('Rar!\x1a\x07\x01\0', 'latin1'), message: /is a RAR archive: unpack it first/ },
  tar: { file: recorded('text.tar'), message: /is a tar archive: unpack it first/ },
  'tar of PyTorch before 0.1.10': {
    file: Buffer.concat([Buffer.from('sys_info'.padEnd(257, '\0')), Buffer.from('ustar\0'), Buffer.alloc(249)]),
    message: /is a tar archive, as PyTorch wrote before 0\.1\.10: load it in Python/,
  },
  'images of MNIST': {
    file: idxBytes([2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7], 2051),
    message: /is images or labels in the format of MNIST \(IDX\), which readIdx reads; splitMNIST/,
    except: ['IDX'],
  },
  'gzipped images of MNIST': {
    file: gzipSync(idxBytes([2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7], 2051)),
    message: /is images or labels in the format of MNIST \(IDX\), compressed with gzip, which readIdx reads; splitMNIST/,
    except: ['IDX'],
  },
  'many gzipped images': {
    file: gzipSync(idxBytes([100, 28, 28], Array.from({ length: 78400 }, (_, i) => (i * i) % 251), 2051), { level: 1 }),
    message: /is images or labels in the format of MNIST \(IDX\), compressed with gzip, which readIdx reads; splitMNIST/,
    except: ['IDX'],
  },
  'an empty file': { file: Buffer.alloc(0), message: /is empty: write or fetch it again$/, except: ['torch.load', 'jit.load', 'IDX'] },
};

describe('a file at the wrong door is named, with what opens it', () => {
  for (const [name, { file, message, except = [] }] of Object.entries(cases)) {
    for (const [door, [open, code]] of Object.entries(doors)) {
      if (except.includes(door as DoorName)) continue;
      it(`${door}: ${name}`, () =>
        withTempFolder(async (folder) => {
          const copy = path.join(folder, 'file');
          await writeFile(copy, typeof file === 'string' ? await readFile(file) : file);
          const isPickle = door === 'jit.load' && /state dict|pickle/.test(name);
          const error = await rejectsWithCode(open(copy), isPickle ? 'ERR_MODEL_FILE_PICKLE' : code, message);
          if (error.message.length > 500) throw new Error(`too long to read: ${error.message}`);
        }));
    }
  }

  it('jit.load says of weights how a model with its code is saved', async () => {
    for (const file of [weights('state-dict.pt'), weights('dtypes.safetensors')]) {
      await rejectsWithCode(jit.load(file), /safetensors$/.test(file) ? 'ERR_MODEL_FILE_FORMAT' : 'ERR_MODEL_FILE_PICKLE', /torch\.jit\.script\(model\)\.save\("model\.pt"\)$/);
    }
  });

  it('bytes are named as files are', async () => {
    const bytes = await readFile(weights('state-dict.pt'));
    await rejectsWithCode(loadSafetensors(bytes), 'ERR_SAFETENSORS_FORMAT', /^loadSafetensors: expected a safetensors file, the \d+ bytes is a file of torch\.save/);
    await rejectsWithCode(jit.load(bytes), 'ERR_MODEL_FILE_PICKLE', /the \d+ bytes is a file of torch\.save/);
  });

  it('a file of the right kind that is damaged keeps its own message', async () => {
    const bytes = await readFile(weights('dtypes.safetensors'));
    await rejectsWithCode(loadSafetensors(bytes.subarray(0, -1)), 'ERR_SAFETENSORS_FORMAT', /needs \d+ bytes|bytes of data/);
    const saved = await readFile(weights('state-dict.pt'));
    saved[saved.indexOf('data.pkl') + 200]! ^= 1;
    await rejectsWithCode(torch.load(saved), 'ERR_TORCH_FILE_FORMAT', /CRC-32/);
  });
});
