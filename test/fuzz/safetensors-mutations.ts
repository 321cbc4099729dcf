import { readFileSync } from 'node:fs';
import { fixturePath } from '../support/fixtures';
import { boundaries, mutateBytes } from './mutate';
import type { FuzzRandom } from './random';

type Entry = Record<string, unknown>;

/** A file with this header. */
export function fileOf(json: string, data: Buffer): Buffer {
  const header = Buffer.from(json);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, data]);
}

const small = fileOf(
  JSON.stringify({
    __metadata__: { format: 'pt' },
    a: { dtype: 'F32', shape: [2, 2], data_offsets: [0, 16] },
    b: { dtype: 'BOOL', shape: [3], data_offsets: [16, 19] },
    none: { dtype: 'I64', shape: [0, 4], data_offsets: [19, 19] },
    scalar: { dtype: 'F16', shape: [], data_offsets: [19, 21] },
  }),
  Buffer.alloc(21, 1),
);
const seeds = [small, readFileSync(fixturePath('weights', 'dtypes.safetensors')), readFileSync(fixturePath('weights', 'small-floats.safetensors'))];
const dtypes = [
  'F64',
  'F32',
  'F16',
  'BF16',
  'I64',
  'U64',
  'U16',
  'U8',
  'BOOL',
  'F8_E4M3',
  'F8_E8M0',
  'C64',
  'F4',
  'F6_E2M3',
  '',
  'constructor',
];

/** A damaged safetensors file: changed anywhere, in the text of the header, or in what the header says. */
export function mutateSafetensors(random: FuzzRandom): Buffer {
  const seed = random.pick(seeds);
  const kind = random.below(10);
  if (kind < 3) return mutateBytes(seed, random);
  const headerEnd = 8 + Number(seed.readBigUInt64LE());
  const text = seed.subarray(8, headerEnd);
  const data = seed.subarray(headerEnd);
  if (kind < 5) return fileOf(mutateBytes(text, random).toString('latin1'), data);
  const header = JSON.parse(text.toString()) as Record<string, Entry>;
  for (let left = 1 + random.below(3); left > 0; left--) changeEntry(header, random);
  const json = JSON.stringify(header, (_key, value: unknown) => (typeof value === 'bigint' ? `BIGINT${value}` : value));
  const length = random.below(4) === 0 ? random.below(data.length + 1) : data.length;
  return fileOf(json.replace(/"BIGINT(\d+)"/g, '$1'), data.subarray(0, length));
}

function changeEntry(header: Record<string, Entry>, random: FuzzRandom): void {
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  if (names.length === 0) return;
  const name = random.pick(names);
  const entry = header[name]!;
  const integers = (list: unknown) => {
    if (Array.isArray(list) && list.length > 0) list[random.below(list.length)] = nearOrBoundary(random);
  };
  switch (random.below(9)) {
    case 0:
      integers(entry['shape']);
      break;
    case 1:
      integers(entry['data_offsets']);
      break;
    case 2:
      entry['dtype'] = random.pick(dtypes);
      break;
    case 3:
      delete header[name];
      break;
    case 4:
      header[random.pick(['copy', '__proto__', '__metadata__', ''])] = structuredClone(entry);
      break;
    case 5:
      if (Array.isArray(entry['shape'])) entry['shape'].push(nearOrBoundary(random));
      break;
    case 6:
      delete entry[random.pick(['dtype', 'shape', 'data_offsets'])];
      break;
    case 7:
      entry[random.pick(['dtype', 'shape', 'data_offsets', 'more'])] = random.pick([
        null,
        3,
        'F32',
        [],
        {},
        [[1]],
        true,
      ]);
      break;
    default: {
      // the data of two tensors changes places
      const other = header[random.pick(names)]!;
      [entry['data_offsets'], other['data_offsets']] = [other['data_offsets'], entry['data_offsets']];
    }
  }
}

function nearOrBoundary(random: FuzzRandom): number | bigint {
  return random.below(2) === 0 ? random.below(40) : random.pick(boundaries);
}
