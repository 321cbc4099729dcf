import { readFileSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { fixturePath } from '../support/fixtures';
import { zipFile, zipRecords, type ZipRecordSpec } from '../support/zip-file';
import { boundaries, mutateBytes } from './mutate';
import { mutatePickle, picklesOf } from './pickle-mutations';
import type { FuzzRandom } from './random';

const names = [
  'tensor',
  'views',
  'dtypes',
  'scalars',
  'parameters',
  'plain',
  'tied',
  'conjugated',
  'state-dict',
  'no-checksums',
  ...['other-values', 'sparse', 'quantized', 'nested', 'meta', 'new-dtypes'],
];
const seeds = names.map((name) => {
  const file = readFileSync(fixturePath('weights', `${name}.pt`));
  return { file, records: zipRecords(file) };
});

const legacySeeds = ['tensor', 'checkpoint', 'views', 'parameters', 'conjugated', 'sparse', 'quantized'].map((name) =>
  readFileSync(fixturePath('weights', `legacy-${name}.pt`)),
);

/** A damaged file of torch.save: an archive, an archive that was packed again, or one from before PyTorch 1.6. */
export function mutateTorch(random: FuzzRandom): Buffer {
  const kind = random.below(10);
  if (kind < 3) return mutateLegacy(random);
  return mutateArchive(random, kind < 5);
}

/** Three pickles of facts, one of the object and one of the keys of its storages; then the storages. */
function mutateLegacy(random: FuzzRandom): Buffer {
  const file = random.pick(legacySeeds);
  const parts = picklesOf(file, 5);
  const kind = random.below(10);
  if (kind < 1) return mutateBytes(file, random);
  if (kind < 7) parts[3] = mutatePickle(parts[3]!, random);
  else if (kind < 8) parts[4] = mutatePickle(parts[4]!, random);
  else if (kind < 9) parts[5] = mutateBytes(parts[5]!, random);
  else parts[random.below(3)] = mutatePickle(random.pick(parts.slice(0, 3)), random);
  return Buffer.concat(parts);
}

/** Packs some records, and lies about the size of some. */
function deflate(records: ZipRecordSpec[], random: FuzzRandom): void {
  for (const record of records) {
    if (random.below(3) === 0 || record.method !== undefined) continue;
    record.unpackedLength = random.below(8) === 0 ? Number(random.pick(boundaries) & 0xffffffffn) : record.data.length;
    record.method = 8;
    record.data = deflateRawSync(record.data);
    if (random.below(8) === 0) record.data = mutateBytes(record.data, random);
  }
}

/**
 * A damaged archive: changed anywhere; or put together anew, without checksums, from records and a directory
 * that were changed, so that the change is met by what reads them.
 */
function mutateArchive(random: FuzzRandom, isPacked: boolean): Buffer {
  const { file, records } = random.pick(seeds);
  const kind = random.below(10);
  if (kind < 1) return mutateBytes(file, random);
  if (kind < 2) return mutateBytes(zipFile(records), random);
  const changed: ZipRecordSpec[] = records.map((record) => ({ ...record }));
  const pickle = changed.find(({ name }) => name.endsWith('/data.pkl'))!;
  if (kind < 8) pickle.data = mutatePickle(pickle.data, random);
  else if (kind < 9) changeRecord(changed, random);
  else {
    const record = random.pick(changed);
    record.data = mutateBytes(record.data, random);
  }
  if (isPacked) deflate(changed, random);
  return zipFile(changed);
}

function changeRecord(records: ZipRecordSpec[], random: FuzzRandom): void {
  const record = random.pick(records);
  const number = () => (random.below(2) === 0 ? random.below(2000) : Number(random.pick(boundaries) & 0xffffffffn));
  switch (random.below(9)) {
    case 0:
      record.method = random.pick([8, 12, 99]);
      break;
    case 1:
      record.flags = random.below(65536);
      break;
    case 2:
      record.offset = number();
      break;
    case 3:
      record.length = number();
      break;
    case 4:
      record.crc32 = random.uint32();
      break;
    case 5:
      record.name = random.pick([
        '../x',
        '/x',
        'x\\y',
        '',
        record.name.toUpperCase(),
        random.pick(records).name,
        'y/data.pkl',
      ]);
      break;
    case 6:
      record.localName = 'x'.repeat(random.below(20));
      break;
    case 7:
      records.splice(records.indexOf(record), 1);
      break;
    default:
      records.push({ ...record, name: random.pick([record.name, `${record.name}2`]) });
  }
}
