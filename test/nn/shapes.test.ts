import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'mocha';
import { ContinualTorchError, manualSeed, nn, ops, Tensor, tensor } from '../../lib/index';
import { device } from '../support/device';
import { fixturePath } from '../support/fixtures';

type Recorded = [shape: number[], elements: (number | string)[]];
interface Result {
  refused?: string;
  outputs?: Recorded[];
  gradients?: Recorded[] | string;
  warns?: true;
}
type Options = Record<string, unknown>;
type Case = [args: unknown[], options: Options, inputs: string, result: Result];

const { layers } = JSON.parse(readFileSync(fixturePath('shapes.json'), 'utf8')) as { layers: Record<string, Case[]> };

/** Of terms around 1 that cancel: sums in another order than the recording machine's, and on a device attention in parts. */
const rounding = device === 'cpu' ? 2e-6 : 5e-6;
const isClose = (actual: number, expected: number) =>
  Object.is(actual, expected) || actual === expected || Math.abs(actual - expected) <= rounding + 2e-5 * Math.abs(expected);

/** Element i of an input, as `record_shapes.py` has it. */
const values: Record<string, (i: number) => number> = {
  x: (i) => (((i * 7 + 3) % 11) - 5) / 8,
  y: (i) => (((i * 5 + 2) % 13) - 6) / 8,
  p: (i) => (((i * 7 + 3) % 11) + 1) / 16,
  q: (i) => (((i * 5 + 2) % 13) + 1) / 16,
  s: (i) => (i % 3 === 0 ? 1 : -1),
  i: (i) => i % 3,
  c: (i) => 1 + (i % 2),
};

function made(written: string): Tensor | null {
  if (written === 'None') return null;
  if (written.startsWith('=')) return tensor(written.slice(1).split(',').map(Number), { dtype: 'int64' });
  const [letter, sizes] = written.split(':') as [string, string];
  const shape = sizes === '' ? [] : sizes.split(',').map(Number);
  const count = shape.reduce((a, b) => a * b, 1);
  const kind = letter.toLowerCase();
  const result = tensor(Array.from({ length: count }, (_, i) => values[kind]!(i)), {
    dtype: 'ic'.includes(kind) ? 'int64' : 'float32',
  }).reshape(shape);
  return kind === letter ? result : result.requiresGrad_();
}

const flat = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(flat) : [];

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** Layers without state, which may be used again. */
const kept = new Map<string, nn.Module>();

function layerOf(name: string, args: unknown[], options: Options): nn.Module {
  const key = JSON.stringify([name, args, options]);
  const layer = kept.get(key) ?? makeLayer(name, args, options);
  if (layer.parameters().length + layer.buffers().length === 0) kept.set(key, layer);
  return layer;
}

function makeLayer(name: string, args: unknown[], { eval: evaluates, ...others }: Options): nn.Module {
  const options = Object.fromEntries(
    Object.entries(others).map(([key, value]) => [
      camelCase(key),
      typeof value === 'string' && value.startsWith('@') ? made(value.slice(1)) : value,
    ]),
  );
  const Layer = (nn as unknown as Record<string, new (...given: unknown[]) => nn.Module>)[name]!;
  return new Layer(...args, ...(Object.keys(options).length > 0 ? [options] : [])).train(evaluates !== true);
}

function difference(what: string, actual: Tensor, [shape, expected]: Recorded): string | null {
  if (String(actual.shape) !== String(shape)) return `${what}: expected shape [${shape.join(', ')}], got [${actual.shape.join(', ')}]`;
  const wrong = actual.toNumbers().findIndex((value, i) => !isClose(value, Number(String(expected[i]).replace('inf', 'Infinity'))));
  return wrong < 0 ? null : `${what}: expected ${expected[wrong]} at ${wrong}, got ${actual.toNumbers()[wrong]}`;
}

/** What is other than recorded; null: nothing. */
function compare(name: string, [args, options, written, expected]: Case): string | null {
  const inputs = written.split(' ').map(made);
  let layer: nn.Module;
  let outputs: Tensor[];
  try {
    manualSeed(0);
    layer = layerOf(name, args, options);
    manualSeed(1);
    const given = name === 'LSTM' && inputs.length === 3 ? [inputs[0], inputs.slice(1)] : inputs;
    outputs = flat(layer.forward(...given));
  } catch (error) {
    if (!(error instanceof ContinualTorchError)) return `threw ${String(error)}`;
    return expected.refused === undefined ? `refused: ${error.message.split('\n')[0]}` : null;
  }
  if (expected.refused !== undefined) return `expected a refusal (${expected.refused}), got [${outputs.map(({ shape }) => `[${shape.join(', ')}]`).join(', ')}]`;
  if (outputs.length !== expected.outputs!.length) return `expected ${expected.outputs!.length} outputs, got ${outputs.length}`;
  for (const [i, output] of outputs.entries()) {
    const wrong = difference(`output ${i}`, output, expected.outputs![i]!);
    if (wrong !== null) return wrong;
  }
  const leaves = [...inputs.filter((input) => input?.requiresGrad), ...layer.parameters()] as Tensor[];
  try {
    outputs
      .map((output) => ops.aten.sum!(ops.aten.square!(output)) as Tensor)
      .reduce((a, b) => ops.aten.add!(a, b) as Tensor)
      .backward();
  } catch (error) {
    return typeof expected.gradients === 'string' ? null : `backward refused: ${(error as Error).message.split('\n')[0]}`;
  }
  if (typeof expected.gradients === 'string') return `expected backward to be refused (${expected.gradients})`;
  for (const [i, leaf] of leaves.entries()) {
    const wrong = difference(`gradient ${i}`, leaf.grad ?? (ops.aten.zeros_like!(leaf) as Tensor), expected.gradients![i]!);
    if (wrong !== null) return wrong;
  }
  return null;
}

describe('losses and layers take and refuse the shapes that PyTorch does, with its values and gradients', () => {
  for (const [name, cases] of Object.entries(layers)) {
    it(`nn.${name}: ${cases.length} cases`, () => {
      const wrong = cases.flatMap((recorded) => {
        const found = compare(name, recorded);
        return found === null ? [] : [`${JSON.stringify(recorded.slice(0, 3))}: ${found}`];
      });
      assert.deepEqual(wrong, []);
    });
  }
});

