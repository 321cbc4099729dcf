import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, it } from 'mocha';
import { type DType, type ErrorCode, loadMNIST, readIdx, splitMNIST, TensorDataset } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import { idxBytes, mnistFiles, type MNISTFiles, smallMNIST, writeMNIST } from '../support/idx';
import { withTempFolder } from '../support/temp-folder';

/** Loading a folder where `files` stand in for the good ones is refused; the message names the file or the folder. */
const refuses = (files: Partial<MNISTFiles>, code: ErrorCode, message: RegExp, options = {}) =>
  withTempFolder(async (folder) => {
    await writeMNIST(folder, { ...smallMNIST(), ...files }, options);
    const error = await rejectsWithCode(splitMNIST({ nExperiences: 5, datasetRoot: folder }), code, message);
    assert.ok(error.message.includes(folder));
  });

describe('IDX files', () => {
  it('are read as bytes in order, whether gzipped or not, under both usual names', async () => {
    const dotted = Object.fromEntries(
      Object.entries(mnistFiles).map(([key, name]) => [key, name.replace('-idx', '.idx')]),
    ) as Record<keyof MNISTFiles, string>;
    for (const options of [{}, { gzipped: true }, { names: dotted }, { names: dotted, gzipped: true }]) {
      await withTempFolder(async (folder) => {
        await writeMNIST(folder, smallMNIST(), options);
        const { trainStream } = await splitMNIST({ nExperiences: 1, shuffle: false, datasetRoot: folder });
        const { dataset } = trainStream.at(0)!;
        assert.deepEqual(dataset.x.shape, [20, 1, 2, 2]);
        assert.equal(dataset.x.dtype, 'uint8');
        assert.deepEqual(dataset.x.toNumbers().slice(0, 8), [0, 255, 0, 100, 1, 255, 0, 100]);
        assert.equal(dataset.y.dtype, 'int64');
        assert.deepEqual(
          dataset.y.toNumbers(),
          [...Array(20).keys()].map((i) => i % 10),
        );
      });
    }
  });

  it('with another magic number are refused', async () => {
    await refuses(
      { trainImages: idxBytes([20, 2, 2], Array<number>(80).fill(0), 2049) },
      'ERR_IDX_FORMAT',
      /train-images-idx3-ubyte": expected magic number 2051, got 2049$/,
    );
    await refuses(
      { testLabels: smallMNIST().testImages },
      'ERR_IDX_FORMAT',
      /t10k-labels-idx1-ubyte": expected magic number 2049, got 2051$/,
    );
    await refuses(
      { trainLabels: Buffer.from('not an IDX file') },
      'ERR_IDX_FORMAT',
      /expected magic number 2049, got 1852797984$/,
    );
  });

  it('that are cut short are refused, wherever', async () => {
    const { trainImages } = smallMNIST();
    for (const [length, message] of [
      [0, /got a file of 0 bytes$/],
      [3, /got a file of 3 bytes$/],
      [10, /expected a header of 16 bytes, got a file of 10 bytes$/],
      [16, /expected 80 bytes for shape \[20, 2, 2\], got 0$/],
      [95, /expected 80 bytes for shape \[20, 2, 2\], got 79$/],
    ] as const) {
      await refuses({ trainImages: trainImages.subarray(0, length) }, 'ERR_IDX_FORMAT', message);
    }
  });

  it('with bytes behind the data are refused', () =>
    refuses(
      { trainLabels: Buffer.concat([smallMNIST().trainLabels, Buffer.of(0)]) },
      'ERR_IDX_FORMAT',
      /expected 20 bytes for shape \[20\], got 21$/,
    ));

  it('with a size of 4 billion are refused without an attempt to hold that', () =>
    refuses(
      { trainImages: idxBytes([2 ** 32 - 1, 2 ** 32 - 1, 28], [1]) },
      'ERR_IDX_FORMAT',
      /expected \d\S+ bytes .*, got 1$/,
    ));

  it('whose gzip is damaged or cut short are refused', async () => {
    const garbage = Buffer.concat([Buffer.of(0x1f, 0x8b), Buffer.alloc(40, 7)]);
    await refuses({ trainImages: garbage }, 'ERR_IDX_FORMAT', /train-images-idx3-ubyte": gzip: /);
    await withTempFolder(async (folder) => {
      await writeMNIST(folder, smallMNIST(), { gzipped: true });
      const whole = gzipSync(smallMNIST().testImages);
      await writeFile(path.join(folder, `${mnistFiles.testImages}.gz`), whole.subarray(0, whole.length - 9));
      await rejectsWithCode(
        splitMNIST({ nExperiences: 5, datasetRoot: folder }),
        'ERR_IDX_FORMAT',
        /t10k-images-idx3-ubyte\.gz": gzip: /,
      );
      const flipped = Buffer.from(whole);
      flipped[flipped.length - 6]! ^= 1; // in the checksum
      await writeFile(path.join(folder, `${mnistFiles.testImages}.gz`), flipped);
      await rejectsWithCode(splitMNIST({ nExperiences: 5, datasetRoot: folder }), 'ERR_IDX_FORMAT', /gzip: /);
    });
  });

  it('with fewer labels than images are refused', () =>
    refuses(
      { testLabels: idxBytes([9], Array<number>(9).fill(0)) },
      'ERR_IDX_MISMATCH',
      /^MNIST: expected as many labels as images in the t10k files of ".*", got 10 images and 9 labels$/,
    ));

  it('with a label above 9 are refused', () => {
    const labels = [...Array(20).keys()].map((i) => (i === 7 ? 10 : i % 10));
    return refuses(
      { trainLabels: idxBytes([20], labels) },
      'ERR_IDX_MISMATCH',
      /^MNIST: expected labels 0 to 9 in the train files of ".*", got 10 at index 7$/,
    );
  });

  it('that are not there are named with all names that would do', () =>
    withTempFolder(async (folder) => {
      const { trainImages, trainLabels, testImages } = smallMNIST();
      await writeMNIST(folder, { trainImages, trainLabels, testImages });
      const error = await rejectsWithCode(
        splitMNIST({ nExperiences: 5, datasetRoot: folder }),
        'ERR_DATA_NOT_FOUND',
        /^MNIST: expected one of t10k-labels-idx1-ubyte, t10k-labels-idx1-ubyte\.gz, t10k-labels\.idx1-ubyte, t10k-labels\.idx1-ubyte\.gz in "/,
      );
      assert.ok(error.message.includes(folder));
      await mkdir(path.join(folder, mnistFiles.testLabels));
      await rejectsWithCode(splitMNIST({ nExperiences: 5, datasetRoot: folder }), 'ERR_DATA_NOT_FOUND', /EISDIR/);
      await rejectsWithCode(
        splitMNIST({ nExperiences: 5, datasetRoot: path.join(folder, 'none') }),
        'ERR_DATA_NOT_FOUND',
        /train-|t10k-/,
      );
    }));
});

describe('readIdx', () => {
  const read = (bytes: Buffer) =>
    withTempFolder(async (folder) => {
      const file = path.join(folder, 'file');
      await writeFile(file, bytes);
      return readIdx(file);
    });

  it('gives a tensor of whatever shape, gzipped or not', async () => {
    const bytes = idxBytes([2, 1, 2, 2], [0, 1, 2, 3, 4, 5, 6, 255]);
    for (const each of [bytes, gzipSync(bytes)]) {
      const array = await read(each);
      assert.equal(array.dtype, 'uint8');
      assert.equal(array.device, 'cpu');
      assert.deepEqual(array.shape, [2, 1, 2, 2]);
      assert.deepEqual(array.toNumbers(), [0, 1, 2, 3, 4, 5, 6, 255]);
    }
    assert.deepEqual((await read(idxBytes([0, 28], []))).shape, [0, 28]);
  });

  // The bytes of each number are written out, the most significant first.
  const types: [dtype: DType, type: number, bytes: number[], numbers: number[]][] = [
    ['int8', 0x09, [0x01, 0x80, 0xff], [1, -128, -1]],
    ['int16', 0x0b, [0x01, 0x02, 0xff, 0xfe, 0x80, 0x00], [258, -2, -32768]],
    ['int32', 0x0c, [0x01, 0x02, 0x03, 0x04, 0xff, 0xff, 0xff, 0xfe, 0x7f, 0xff, 0xff, 0xff], [16909060, -2, 2147483647]],
    ['float32', 0x0d, [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0, 0x7f, 0x80, 0, 0], [1, -2.5, Infinity]],
    ['float64', 0x0e, [0x3f, 0xf0, 0, 0, 0, 0, 0, 0, 0xc0, 0x04, 0, 0, 0, 0, 0, 0, 0x40, 0x59, 0, 0, 0, 0, 0, 0], [1, -2.5, 100]],
  ];
  for (const [dtype, type, bytes, numbers] of types) {
    it(`reads ${dtype}`, async () => {
      for (const shape of [[3], [1, 3]]) {
        const whole = idxBytes(shape, bytes, (type << 8) | shape.length);
        for (const each of [whole, gzipSync(whole)]) {
          const array = await read(each);
          assert.equal(array.dtype, dtype);
          assert.deepEqual(array.shape, shape);
          assert.deepEqual(array.toNumbers(), numbers);
        }
      }
    });
  }

  it('misuse: other files, and those that are cut short', async () => {
    await rejectsWithCode(read(idxBytes([1], [0], 0x0a01)), 'ERR_IDX_FORMAT', /type among 8 \(uint8\), .*14 \(float64\).*, got 2561$/);
    await rejectsWithCode(read(idxBytes([1], [0], 0x01000801)), 'ERR_IDX_FORMAT', /got 16779265$/);
    await rejectsWithCode(read(Buffer.alloc(3)), 'ERR_IDX_FORMAT', /got a file of 3 bytes$/);
    await rejectsWithCode(read(Buffer.of(0, 0, 8, 2, 0, 0)), 'ERR_IDX_FORMAT', /expected a header of 12 bytes, got a file of 6 bytes$/);
    await rejectsWithCode(read(idxBytes([2], [0, 0, 0], 0x0b01)), 'ERR_IDX_FORMAT', /expected 4 bytes for int16 of shape \[2\], got 3$/);
    await rejectsWithCode(read(Buffer.from('<!doctype html>')), 'ERR_IDX_FORMAT', /^IDX: expected an IDX file, ".*" is a web page/);
    await rejectsWithCode(readIdx('no such file'), 'ERR_DATA_NOT_FOUND', /^IDX: expected "no such file", found no such file$/);
    await rejectsWithCode(readIdx(7 as never), 'ERR_INVALID_ARG_TYPE', /^readIdx: expected path to be a file name, got 7$/);
  });
});

describe('loadMNIST', () => {
  it('gives both parts as datasets of bytes that become floats', () =>
    withTempFolder(async (folder) => {
      await writeMNIST(folder, smallMNIST());
      const { train, test } = await loadMNIST(folder);
      for (const [part, count] of [[train, 20], [test, 10]] as const) {
        assert.ok(part instanceof TensorDataset);
        assert.deepEqual(part.x.shape, [count, 1, 2, 2]);
        assert.equal(part.x.dtype, 'uint8');
        assert.equal(part.y.dtype, 'int64');
        assert.deepEqual(part.transform, { toFloat: true });
        assert.deepEqual(part.classes, [...Array(10).keys()]);
      }
    }));

  it('misuse: no folder', async () => {
    await rejectsWithCode(loadMNIST(7 as never), 'ERR_INVALID_ARG_TYPE', /^loadMNIST: expected datasetRoot to be a folder, got 7$/);
    await rejectsWithCode(loadMNIST('none'), 'ERR_DATA_NOT_FOUND', /^MNIST: expected one of train-images/);
  });
});
