import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { crc32, deflateRawSync } from 'node:zlib';
import { jit, torch } from '../../lib/index';
import { fixturePath } from '../support/fixtures';
import { zipFile, zipRecords, type ZipRecordSpec } from '../support/zip-file';
import { boundaries, mutateBytes } from './mutate';
import type { FuzzRandom } from './random';

/** Scripted, with compressed code; with constants beside the code; with stored code. Each with the shape of an input. */
const seeds = ([['models', 'affine', [1, 3]], ['torchscript', 'frozen-constants', [1, 4]], ['torchscript', 'encoder', [1, 4]]] as const)
  .map(([folder, name, input]) => {
    const file = readFileSync(fixturePath(folder, `${name}.pt`));
    return { file, input: [...input], directory: file.readUInt32LE(file.length - 6), records: whole(file) };
  });

/** The records of an archive with their checksums. */
function whole(file: Buffer): ZipRecordSpec[] {
  return zipRecords(file).map((record) => ({ ...record, crc32: crc32(record.data) }));
}

/**
 * A damaged file of TorchScript: changed anywhere, or in the directory and the two ends, which readers believe; or put
 * together anew from records of which one lies about itself. What is in a record is never changed together with its
 * checksum: that would be another program, not a damaged file.
 */
export function mutateTorchScript(random: FuzzRandom): Buffer {
  const { file, directory, records } = random.pick(seeds);
  const kind = random.below(10);
  if (kind < 3) return mutateBytes(file, random);
  if (kind < 6) return Buffer.concat([file.subarray(0, directory), mutateBytes(file.subarray(directory), random)]);
  const changed = records.map((record) => ({ ...record }));
  for (const record of changed) if (random.below(4) === 0) pack(record, random);
  if (kind < 9) change(changed, random);
  const archive = zipFile(changed, random.below(20) === 0 ? random.below(30) : undefined);
  return random.below(8) === 0 ? mutateBytes(archive, random) : archive;
}

/** Writes a record in another way: compressed, its sizes behind it, or both. */
function pack(record: ZipRecordSpec, random: FuzzRandom): void {
  if (random.below(2) === 0) record.descriptor = random.pick(['plain', 'marked']);
  if (random.below(2) === 0) return;
  record.unpackedLength = random.below(8) === 0 ? number(random) : record.data.length;
  record.method = 8;
  record.data = deflateRawSync(record.data);
}

const number = (random: FuzzRandom) =>
  random.below(2) === 0 ? random.below(2000) : Number(random.pick(boundaries) & 0xffffffffn);

const changes: ((records: ZipRecordSpec[], record: ZipRecordSpec, random: FuzzRandom) => void)[] = [
  (_, record, random) => (record.method = random.pick([0, 8, 12, 99])),
  (_, record, random) => (record.flags = random.below(65536)),
  (_, record, random) => (record.offset = number(random)),
  (_, record, random) => (record.length = number(random)),
  (_, record, random) => (record.unpackedLength = number(random)),
  (_, record, random) => (record.crc32 = random.uint32()),
  (_, record, random) => (record.data = mutateBytes(record.data, random)),
  (_, record, random) => (record.attributes = random.uint32()),
  (_, record, random) => (record.localName = 'x'.repeat(random.below(20))),
  (_, record, random) => {
    const { name } = record;
    const odd = ['../x', '/x', 'x\\y', '', 'archive', `${name}/`, `${name}\0`, `x/../${name}`, `y/${name}`, 'archive/..'];
    record.name = random.pick([...odd, name.toUpperCase()]);
  },
  (_, record, random) => {
    // Field 1 holds sizes beyond 32 bits.
    const field = Buffer.alloc(4 + random.pick([0, 4, 8, 16, 24, 28]), random.below(256));
    field.writeUInt16LE(random.pick([1, 1, random.below(65536)]), 0);
    field.writeUInt16LE(random.below(4) === 0 ? number(random) & 0xffff : field.length - 4, 2);
    record.extra = field;
    if (random.below(2) === 0) record[random.pick(['length', 'unpackedLength', 'offset'] as const)] = 0xffffffff;
  },
  (records, record) => void records.splice(records.indexOf(record), 1),
  (records, record) => void records.push({ ...record }),
  (records, record) => void records.push({ ...record, name: `${record.name}2` }),
  (records, record) => void records.sort((a, b) => Number(a === record) - Number(b === record)),
];

function change(records: ZipRecordSpec[], random: FuzzRandom): void {
  random.pick(changes)(records, random.pick(records), random);
}

/** What a model is: its code, its state and what it computes. */
async function identity(bytes: Uint8Array, input?: number[]): Promise<{ code: string; values: unknown }> {
  const model = await jit.load(bytes);
  const shape = input ?? (await known()).find(({ code }) => code === model.code)?.input;
  const state = [...model.stateDict()].map(([name, tensor]) => [name, tensor.toNumbers()]);
  return { code: model.code, values: shape && [...state, model.eval().forward(torch.ones(shape)).toNumbers()] };
}

let identities: Promise<{ code: string; values: unknown; input: number[] }[]> | undefined;
/** Of the seeds. */
const known = () =>
  (identities ??= Promise.all(seeds.map(async ({ file, input }) => ({ ...(await identity(file, input)), input }))));

/** Loads a file, which must then be what it was before the damage. */
export async function loadTorchScript(bytes: Uint8Array): Promise<void> {
  const { code, values } = await identity(bytes);
  assert.deepEqual(values, (await known()).find((each) => each.code === code)?.values);
  assert.ok(values, code);
}
