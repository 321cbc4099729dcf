import assert from 'node:assert/strict';
import { deflateRawSync } from 'node:zlib';
import { describe, it } from 'mocha';
import { ops, Tensor, torch } from '../../lib/index';
import { rejectsWithCode } from '../support/assertions';
import {
  archive,
  bool,
  call,
  float,
  floats,
  global,
  int,
  ints,
  list,
  longs,
  storage,
  str,
  tensorOver,
  tuple,
} from '../support/pickles';
import { onCpu } from '../support/on-cpu';
import type { ZipRecordSpec } from '../support/zip-file';

const { load } = torch;
const refuses = (bytes: Uint8Array, message: RegExp) => rejectsWithCode(load(bytes), 'ERR_TORCH_FILE_FORMAT', message);
const layout = (name: string) => call('torch.serialization._get_layout', str(name));
const long = (key: string, shape: number[], stride: number[]) =>
  tensorOver(
    storage(
      'torch.LongStorage',
      key,
      shape.reduce((a, b) => a * b, 1),
    ),
    shape,
    stride,
  );
const float32 = (key: string, count: number) => tensorOver(storage('torch.FloatStorage', key, count), [count], [1]);

describe('sparse tensors in files of torch.save', () => {
  onCpu('compressed, quantized and nested tensors have kernels there alone');

  const coo = (size: string, ...more: string[]) =>
    call(
      'torch._utils._rebuild_sparse_tensor',
      layout('torch.sparse_coo'),
      tuple(long('i', [2, 2], [2, 1]), float32('v', 2), size, ...more),
    );
  const csr = (kind = 'torch.sparse_csr') =>
    call(
      'torch._utils._rebuild_sparse_tensor',
      layout(kind),
      tuple(long('c', [3], [1]), long('p', [2], [1]), float32('v', 2), ints(2, 2)),
    );
  const v = floats(1, 2);

  it('are read by the layouts of old versions too', async () => {
    const old = call('torch.sparse.FloatTensor', long('i', [2, 2], [2, 1]), float32('v', 2), ints(2, 2));
    for (const body of [coo(ints(2, 2)), coo(ints(2, 2), bool(true)), old]) {
      const tensor = (await load(archive(body, { i: longs(0, 1, 1, 0), v }))) as Tensor;
      assert.equal(tensor.layout, 'sparseCoo');
      assert.deepEqual(tensor.toNumbers(), [0, 1, 2, 0]);
    }
  });

  it('are refused where an index, a size or an order would be wrong', async () => {
    const cases: [string, Buffer, RegExp][] = [
      [
        coo(ints(2, 2)),
        longs(0, 5, 1, 0),
        /size is inconsistent with indices: for dim 0, size is 2 but found index 5$/,
      ],
      [coo(ints(2, 2)), longs(0, -1, 1, 0), /negative index/],
      [coo(ints(2)), longs(0, 1, 1, 0), /a sparse tensor that libtorch refuses/],
      [coo(ints(2, -2)), longs(0, 1, 1, 0), /a sparse tensor that libtorch refuses/],
      [
        coo(tuple('\x8a\x08\0\0\0\0\0\0\0\x10', '\x8a\x08\0\0\0\0\0\0\0\x10')),
        longs(0, 1, 1, 0),
        /not integers|overflow/,
      ],
      [coo(ints(2, 2), bool(true)), longs(1, 0, 1, 0), /cannot set is_coalesced to true/],
      [coo(ints(2, 2), int(1)), longs(0, 1, 1, 0), /is_coalesced is no bool$/],
      [
        call('torch._utils._rebuild_sparse_tensor', layout('torch.strided'), tuple()),
        longs(0, 0, 0, 0),
        /of another layout$/,
      ],
      [
        call('torch._utils._rebuild_sparse_tensor', layout('torch.sparse_coo'), tuple('N', 'N', 'N')),
        longs(0, 0, 0, 0),
        /without a dense tensor$/,
      ],
      [
        call(
          'torch.serialization._get_layout',
          call('torch._utils._rebuild_meta_tensor_no_storage', global('torch.float32'), ints(2), ints(1), bool(false)),
        ),
        longs(0, 0, 0, 0),
        /the layout a Tensor, which is not known$/,
      ],
      [layout('torch.evil'), longs(0, 0, 0, 0), /the layout "torch\.evil", which is not known$/],
    ];
    for (const [body, i, message] of cases) await refuses(archive(body, { i, v }), message);
    for (const kind of ['torch.sparse_csr', 'torch.sparse_csc']) {
      assert.deepEqual(
        ((await load(archive(csr(kind), { c: longs(0, 1, 2), p: longs(0, 1), v }))) as Tensor).toNumbers(),
        [1, 0, 0, 2],
      );
      await refuses(archive(csr(kind), { c: longs(0, 1, 200), p: longs(0, 1), v }), /libtorch refuses: .*nnz/);
      await refuses(archive(csr(kind), { c: longs(0, 2, 1), p: longs(0, 1), v }), /libtorch refuses/);
      await refuses(archive(csr(kind), { c: longs(0, 1, 2), p: longs(0, 9), v }), /libtorch refuses/);
    }
  });
});

describe('quantized, nested and meta tensors in files of torch.save', () => {
  onCpu('compressed, quantized and nested tensors have kernels there alone');

  const quantized = (quantizer: string, { type = 'torch.QInt8Storage', shape = [2, 2], stride = [2, 1] } = {}) =>
    call(
      'torch._utils._rebuild_qtensor',
      storage(type, 'q', type.includes('32') ? 1 : 4),
      int(0),
      ints(...shape),
      ints(...stride),
      quantizer,
      bool(false),
      call('collections.OrderedDict'),
    );
  const q = Buffer.from([1, 2, 253, 4]);
  const perTensor = (scale: string, zero: string) => tuple(global('torch.per_tensor_affine'), scale, zero);
  const perChannel = (axis: number, channels: string, zeros: string) =>
    tuple(global('torch.per_channel_affine'), channels, zeros, int(axis));

  it('quantized ones have their scales, also those of lists of old versions', async () => {
    const plain = (await load(archive(quantized(perTensor(float(0.5), int(1))), { q }))) as Tensor;
    assert.deepEqual(plain.toNumbers(), [0, 0.5, -2, 1.5]);
    const lists = perChannel(1, list(float(1), float(0.5)), list(int(0), int(4)));
    assert.deepEqual(((await load(archive(quantized(lists), { q }))) as Tensor).toNumbers(), [1, -1, -3, 0]);
  });

  it('quantized ones are refused where scale, zero point, axis or storage are wrong', async () => {
    const two = list(float(1), float(1));
    const cases: [string, RegExp][] = [
      [quantized(perTensor(float(1), int(128))), /zero point is none of qint8$/],
      [quantized(perTensor(float(1), int(-1)), { type: 'torch.QUInt8Storage' }), /zero point is none of quint8$/],
      [quantized(perTensor(str('1'), int(0))), /without scale and zero point$/],
      [quantized(perChannel(2, two, list(int(0), int(0)))), /the axis 2 of 2$/],
      [quantized(perChannel(-1, two, list(int(0), int(0)))), /the axis -1 of 2$/],
      [quantized(perChannel(0, list(float(1)), list(int(0), int(0)))), /a scale and zero point for each channel$/],
      [quantized(perChannel(0, two, list(int(0), int(999)))), /zero point is none of qint8$/],
      [quantized(perChannel(0, list('N', 'N'), two)), /whose scales are no numbers$/],
      [quantized(tuple(global('torch.per_tensor_symmetric'))), /another scheme than per tensor or per channel$/],
      [quantized('N'), /without its quantizer$/],
      [
        quantized(perTensor(float(1), int(0)), { type: 'torch.CharStorage' }),
        /without a storage of qint8, quint8 or qint32$/,
      ],
      [
        quantized(perTensor(float(1), int(0)), { shape: [2, 3], stride: [3, 1] }),
        /reaches element 6 of a storage of 4$/,
      ],
      [tensorOver(storage('torch.QInt8Storage', 'q', 4), [4], [1]), /a tensor without a dtype$/],
    ];
    for (const [body, message] of cases) await refuses(archive(body, { q }), message);
    const [bare] = (await load(archive(list(storage('torch.QInt8Storage', 'q', 4)), { q }))) as [Tensor];
    assert.deepEqual([bare.dtype, bare.toNumbers()], ['int8', [1, 2, -3, 4]]);
  });

  it('nested ones are refused where a part would reach beyond the buffer', async () => {
    const nested = (n = 5) =>
      call(
        'torch._utils._rebuild_nested_tensor',
        float32('b', n),
        long('s', [2, 1], [1, 1]),
        long('t', [2, 1], [1, 1]),
        long('o', [2], [1]),
      );
    const b = floats(1, 2, 3, 4, 5);
    const right = { b, s: longs(2, 3), t: longs(1, 1), o: longs(0, 2) };
    const rows = ops.aten.unbind!((await load(archive(nested(), right))) as Tensor) as unknown as Tensor[];
    assert.deepEqual(rows.map((row) => row.toNumbers()), [[1, 2], [3, 4, 5]]); // prettier-ignore
    for (const change of [{ s: longs(2, 4) }, { t: longs(1, 2) }, { o: longs(0, 3) }, { o: longs(0, 2 ** 40) }]) {
      await refuses(archive(nested(), { ...right, ...change }), /a nested tensor that reaches beyond its buffer$/);
    }
    for (const change of [{ s: longs(2, -3) }, { t: longs(-1, 1) }, { o: longs(-1, 2) }]) {
      await refuses(archive(nested(), { ...right, ...change }), /a nested tensor with negative sizes$/);
    }
    await refuses(
      archive(nested(), { ...right, s: longs(2 ** 40, 3), t: longs(0, 1) }),
      /computes more elements than it has bytes$/,
    );
    const parts = call(
      'torch._utils._rebuild_nested_tensor',
      float32('b', 5),
      long('s', [2, 1], [1, 1]),
      long('t', [2], [1]),
      long('o', [2], [1]),
    );
    await refuses(archive(parts, right), /a nested tensor whose parts do not fit$/);
  });

  it('meta ones have no data: what needs it says so', async () => {
    const meta = (size: string, stride: string) =>
      call('torch._utils._rebuild_meta_tensor_no_storage', global('torch.float32'), size, stride, bool(false));
    const tensor = (await load(archive(meta(ints(3, 1000), ints(1000, 1))))) as Tensor;
    assert.deepEqual([tensor.device, tensor.shape], ['meta', [3, 1000]]);
    assert.throws(() => tensor.toNumbers(), /Cannot copy out of meta tensor; no data!/);
    const huge = int(2 ** 31 - 1);
    await refuses(
      archive(meta(tuple(huge, huge, huge), ints(1, 1, 1))),
      /a meta tensor that libtorch refuses: .*overflow/,
    );
    await refuses(archive(meta(ints(-1), ints(1))), /a meta tensor that libtorch refuses/);
  });
});

describe('archives of torch.save that were packed again', () => {
  onCpu('compressed, quantized and nested tensors have kernels there alone');

  const data = Buffer.alloc(4 * 25_000);
  for (let i = 0; i < 25_000; i++) data.writeFloatLE(i % 97, 4 * i);
  const packed = (record: Partial<ZipRecordSpec> = {}, body = float32('0', 25_000)) =>
    archive(body, {}, [
      { name: 'x/data/0', method: 8, data: deflateRawSync(data), unpackedLength: data.length, ...record },
    ]);

  it('are unpacked as far as the pickle needs, with their checksums', async () => {
    const crc32 = sum(data);
    assert.equal(((await load(packed({ crc32 }))) as Tensor).numel(), 25_000);
    assert.deepEqual(Buffer.from(((await load(packed())) as Tensor).toTypedArray().buffer), data);
    assert.equal(await load(packed({ data: Buffer.from('no deflated data') }, 'N')), null);
    await refuses(packed({ crc32: 1 }), /"data\/0" does not have the CRC-32/);
  });

  it('are refused where a record unpacks to something else than it says: nothing more is unpacked', async () => {
    const bomb = deflateRawSync(Buffer.alloc(2 ** 26));
    const cases: [Buffer, RegExp][] = [
      [packed({ data: bomb }), /"data\/0" does not unpack to the 100000 bytes that it is said to have$/],
      [packed({ unpackedLength: 4_000_000 }), /storage "0" has 4000000 bytes, expected 100000$/],
      [packed({ data: deflateRawSync(data.subarray(4)) }), /does not unpack to the 100000 bytes/],
      [packed({ data: Buffer.from('no deflated data') }), /does not unpack to the 100000 bytes/],
      [packed({ data: Buffer.from([3, 0]) }), /does not unpack to the 100000 bytes/],
      [packed({ unpackedLength: 2 ** 31 }, float32('0', 2 ** 29)), /does not unpack to the 2147483648 bytes/],
    ];
    for (const [bytes, message] of cases) await refuses(bytes, message);
  });

  it('have checksums of every length', async () => {
    for (const length of [1, 7, 8, 16_383, 16_384, 16_391, 2 ** 20, 2 ** 20 + 3, 3 * 2 ** 20 - 1]) {
      const bytes = Buffer.alloc(length, 'continual');
      const record = { name: 'x/data/0', data: bytes, crc32: sum(bytes) };
      const body = tensorOver(storage('torch.ByteStorage', '0', length), [length], [1]);
      assert.equal(((await load(archive(body, {}, [record]))) as Tensor).numel(), length);
      await refuses(archive(body, {}, [{ ...record, crc32: (record.crc32 ^ 1) >>> 0 }]), /does not have the CRC-32/);
    }
  });
});

/** CRC-32 bit by bit. */
function sum(data: Buffer): number {
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}
