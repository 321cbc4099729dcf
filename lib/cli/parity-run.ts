import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ContinualTorchError, loadSafetensors } from '../index';
import type { Config } from './parity-config';
import { train } from './parity-training';

/** Kinds of value, and whether they must be the same to the last bit. */
const isExact = {
  loss: false,
  param: false,
  buffer: false,
  importance: false,
  logits: false,
  metric: false,
  order: true,
  batchSizes: true,
  taskIds: true,
  rng: true,
} as const;
export type Kind = keyof typeof isExact;
export const kinds = Object.keys(isExact) as Kind[];

export interface Comparison {
  /** Error of each tensor that both sides have: relative, or the number of values that differ where all must be equal. */
  errors: { key: string; kind: Kind; value: number }[];
  /** Tensors that only one side has. */
  missing: string[];
  tolerance: Record<Kind, number>;
}

const defaultTolerance = 1e-5;

/** Trains as the recorded run did and compares with what it recorded. */
export async function replay(folder: string): Promise<Comparison> {
  const config = await readJson<Config>(path.join(folder, 'config.json'));
  const data = await loadSafetensors(path.join(folder, 'data.safetensors'));
  const expected = await readExpected(folder, config);
  const actual = await train(config, folder, data);
  const tolerance = Object.fromEntries(
    kinds.map((kind) => [kind, isExact[kind] ? 0 : (config.tolerance?.[kind] ?? defaultTolerance)]),
  ) as Comparison['tolerance'];
  const errors = [...expected]
    .filter(([key]) => actual.has(key))
    .map(([key, values]) => {
      const kind = kindOf(key);
      const error = isExact[kind] || /^metric.*\.x$/.test(key) ? differing : relativeError;
      return { key, kind, value: error(actual.get(key)!, values) };
    });
  // A run of other methods records what tells them apart, not everything that comes.
  const isWhole = config.methods === undefined && config.strategy === undefined;
  const missing = [
    ...[...expected.keys()].filter((key) => !actual.has(key)).map((key) => `${key} was recorded, and did not come`),
    ...(isWhole ? [...actual.keys()] : []).filter((key) => !expected.has(key)).map((key) => `${key} came, and was not recorded`),
  ];
  return { errors, missing, tolerance };
}

async function readExpected(folder: string, config: Config): Promise<Map<string, number[]>> {
  const tensors = await loadSafetensors(path.join(folder, 'expected.safetensors'));
  const expected = new Map([...tensors].map(([key, tensor]) => [key, tensor.toNumbers()]));
  if (config.evalStreams?.some((streams) => Object.keys(streams).length > 0)) {
    type Recorded = Record<string, { x: number[]; values: number[] }>;
    for (const [name, { x, values }] of Object.entries(await readJson<Recorded>(path.join(folder, 'metrics.json')))) {
      expected.set(`metric.${name}.x`, x);
      expected.set(`metric.${name}.values`, values);
    }
  }
  return expected;
}

/** `exp0.loss`, `exp0.param.NAME`, `metric.NAME`, `run.rng` */
function kindOf(key: string): Kind {
  const [first, second] = key.split('.');
  const kind = first === 'metric' ? first : second;
  const known = kinds.find((name) => name === kind);
  if (!known) throw new ContinualTorchError('ERR_SAFETENSORS_FORMAT', `parity: expected a key of ${kinds.join(', ')}, got ${key}`);
  return known;
}

/** What an output of a masked unit is: so large that it would hide the error of all others. */
const masked = -1000;

/** norm(actual - expected) / norm(expected), or norm(actual) where the expected norm is 0; NaN for another length. */
function relativeError(actual: number[], expected: number[]): number {
  if (actual.length !== expected.length) return NaN;
  if (actual.some((value, i) => (value === masked) !== (expected[i] === masked))) return Infinity;
  const norm = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  const scale = norm(expected.filter((value) => value !== masked));
  const difference = norm(actual.map((value, i) => value - expected[i]!));
  return scale === 0 ? difference : difference / scale;
}

function differing(actual: number[], expected: number[]): number {
  if (actual.length !== expected.length) return NaN;
  return actual.filter((value, i) => value !== expected[i]).length;
}

async function readJson<T>(file: string): Promise<T> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as T;
  } catch (cause) {
    throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `parity: cannot read "${file}": ${(cause as Error).message}`, {
      cause,
    });
  }
}
