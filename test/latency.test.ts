import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { loadSafetensors, torch } from '../lib/index';
import { inTurns } from '../lib/latency';
import type { Loaded } from '../lib/weights/torch-file';
import { zipFile } from './support/zip-file';

const count = 40_000;
const uint32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const repeated = (bytes: (i: number) => Buffer) => Buffer.concat(Array.from({ length: count }, (_, i) => bytes(i)));
const integer = (i: number) => Buffer.concat([Buffer.from('J'), uint32(i)]);
const pickleOf = (...parts: (string | Buffer)[]) =>
  Buffer.concat(['\x80\x02', ...parts, '.'].map((part) => Buffer.from(part as string, 'latin1')));

const archive = (pickle: Buffer) =>
  zipFile([
    { name: 'x/data.pkl', data: pickle },
    { name: 'x/version', data: Buffer.from('3\n') },
  ]);

const legacy = (pickle: Buffer) =>
  Buffer.concat([
    Buffer.from('\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03.\x80\x02}.', 'latin1'),
    pickle,
    Buffer.from('\x80\x02].', 'latin1'),
  ]);

/** Of so many tensors with one byte each. */
function safetensors(tensors: number): Buffer {
  const entry = (i: number) => [`t${i}`, { dtype: 'U8', shape: [1], data_offsets: [i, i + 1] }];
  const header = Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: tensors }, (_, i) => entry(i)))));
  return Buffer.concat([uint32(header.length), uint32(0), header, Buffer.alloc(tensors, 7)]);
}

/** What a promise gives, and how often the event loop had its turn meanwhile. */
async function withTurns<T>(promise: Promise<T>): Promise<{ value: T; turns: number }> {
  let turns = 0;
  let isDone = false;
  const turn = () => {
    turns++;
    if (!isDone) setImmediate(turn);
  };
  setImmediate(turn);
  const value = await promise;
  isDone = true;
  return { value, turns };
}

const dicts = pickleOf('](', repeated(() => Buffer.from('}')), 'e');
const entries = pickleOf('}(', repeated((i) => Buffer.concat([integer(i), Buffer.from('N')])), 'u');
const sets = pickleOf('cbuiltins\nset\n](', repeated(integer), 'e\x85R');
const pairs = pickleOf('ccollections\nOrderedDict\n](', repeated((i) => Buffer.concat([integer(i), Buffer.from('N\x86', 'latin1')])), 'e\x85R');

describe('work in turns', () => {
  it('gives what the work returns, throws what it throws, and lets the event loop go on wherever it yields', async () => {
    const work = function* () {
      for (let i = 0; i < 10; i++) yield;
      return 'done';
    };
    const { value, turns } = await withTurns(inTurns(work()));
    assert.equal(value, 'done');
    assert.ok(turns >= 9, `${turns}`);
    const broken = function* () {
      yield;
      throw new Error('broken');
    };
    await assert.rejects(inTurns(broken()), /broken/);
  });

  const cases: [name: string, pickle: Buffer, size: (value: Loaded) => number][] = [
    ['dicts', dicts, (value) => (value as Loaded[]).length],
    ['one dict', entries, (value) => (value as Map<Loaded, Loaded>).size],
    ['one set', sets, (value) => (value as Set<Loaded>).size],
    ['one OrderedDict of pairs', pairs, (value) => (value as Map<Loaded, Loaded>).size],
  ];
  for (const [name, pickle, size] of cases) {
    for (const [form, bytes] of [['an archive', archive(pickle)], ['a legacy file', legacy(pickle)]] as const) {
      it(`torch.load of ${name} in ${form} lets the event loop go on`, async () => {
        const { value, turns } = await withTurns(torch.load(bytes));
        assert.equal(size(value), count);
        assert.ok(turns >= 20, `${turns}`);
      });
    }
  }

  it('files that are read at the same time do not disturb each other', async () => {
    const files = [dicts, entries, sets, pairs, Buffer.from('\x80\x02](', 'latin1')].map(archive);
    const all = await Promise.allSettled(files.map((file) => torch.load(file)));
    assert.deepEqual(
      all.map((read, i) => (read.status === 'fulfilled' ? (cases[i]?.[2](read.value) ?? null) : 'refused')),
      [count, count, count, count, 'refused'],
    );
  });

  it('loadSafetensors of many tensors lets the event loop go on', async () => {
    const { value, turns } = await withTurns(loadSafetensors(safetensors(4000)));
    assert.equal(value.size, 4000);
    assert.equal(value.get('t3999')!.item(), 7);
    assert.ok(turns >= 20, `${turns}`);
  });
});
