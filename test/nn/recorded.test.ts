import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import { before, describe, it } from 'mocha';
import { type DType, manualSeed, nn, ops, Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, exact, type Tolerance } from '../support/assertions';
import { fixturePath, loadFixture } from '../support/fixtures';
import { initCases, layerCases } from '../support/layer-cases';

interface RecordedLayer {
  seed: number;
  repr: string;
  inputs: number;
  state: Record<string, [shape: number[], digest: string]>;
}

const { aliases, ...recordedCases } = JSON.parse(readFileSync(fixturePath('nn.json'), 'utf8')) as {
  aliases: Record<string, string>;
} & Record<string, RecordedLayer>;
const isInit = (name: string) => name.startsWith('init.');
/** Sums of squares over a layer, in another order than the recording machine's. */
const tolerances: Partial<Record<DType, Tolerance>> = {
  float32: { relative: 2e-5, absolute: 2e-6 },
  float64: { relative: 2e-13, absolute: 2e-14 },
};
const assertClose = (actual: Tensor, expected: Tensor, name: string) =>
  assertTensorClose(actual, expected, tolerances[expected.dtype] ?? exact, name);

const digest = (tensor: Tensor) => {
  const { buffer, byteOffset, byteLength } = tensor.toTypedArray();
  return createHash('sha256').update(new Uint8Array(buffer, byteOffset, byteLength)).digest('hex').slice(0, 16);
};

const flat = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(flat) : [];

describe('nn equals PyTorch from the same seed', () => {
  let recorded: (name: string) => Tensor;
  before(async () => {
    const stored = await loadFixture('nn');
    recorded = (name) => stored(aliases[name] ?? name);
  });
  const isRecorded = (name: string) => {
    try {
      recorded(name);
      return true;
    } catch {
      return false;
    }
  };

  it('every recorded layer and initialiser is compared', () => {
    const names = Object.keys(recordedCases);
    assert.deepEqual(Object.keys(layerCases).sort(), names.filter((name) => !isInit(name)).sort());
    assert.deepEqual(Object.keys(initCases).sort(), names.filter(isInit).map((name) => name.slice(5)).sort());
  });

  for (const [name, [make, call = (layer: nn.Module<unknown>, ...inputs: Tensor[]) => layer.forward(...inputs)]] of Object.entries(layerCases)) {
    it(`nn.${name}: state, print, outputs in train and eval mode, gradients`, () => {
      const { seed, repr, inputs: count, state } = recordedCases[name]!;
      manualSeed(seed);
      const layer = make();
      assert.deepEqual(
        [...layer.stateDict()].map(([key, value]) => [key, [value.shape, digest(value)]]),
        Object.entries(state),
        'names, shapes and bits of the state dict',
      );
      assert.equal(inspect(layer), repr);

      const inputs = Array.from({ length: count }, (_, i) => {
        const input = ops.aten.clone!(recorded(`${name}.in${i}`)) as Tensor;
        return i === 0 && input.isFloatingPoint() ? input.requiresGrad_() : input;
      });
      manualSeed(seed + 100);
      const outputs = flat(call(layer, ...inputs));
      outputs.forEach((output, i) => assertClose(output, recorded(`${name}.train${i}`), `output ${i}`));
      assert.ok(!isRecorded(`${name}.train${outputs.length}`), 'as many outputs');
      const sum = outputs
        .map((output) => ops.aten.sum!(ops.aten.square!(output)) as Tensor)
        .reduce((a, b) => ops.aten.add!(a, b) as Tensor);
      sum.backward();
      if (inputs[0]!.requiresGrad) {
        assertClose(inputs[0]!.grad!, recorded(`${name}.grad.in0`), 'gradient of the input');
      }
      for (const [key, parameter] of layer.namedParameters()) {
        assertClose(parameter.grad!, recorded(`${name}.grad.${key}`), `gradient of ${key}`);
      }
      for (const [key, buffer] of layer.namedBuffers()) {
        if (key.includes('running')) assertClose(buffer, recorded(`${name}.after.${key}`), key);
      }
      flat(call(layer.eval(), ...inputs)).forEach((output, i) => {
        const expected = isRecorded(`${name}.eval${i}`) ? `${name}.eval${i}` : `${name}.train${i}`;
        assertClose(output, recorded(expected), `output ${i} in eval mode`);
      });
      if (layer instanceof nn.Layer) {
        // Alone a layer of one operator goes past TorchScript's interpreter, inside another module it does not.
        assertTensorEqual(new nn.Sequential(layer).forward(inputs[0]!), layer.forward(inputs[0]!), 'in a Sequential');
      }
    });
  }

  for (const [name, initialise] of Object.entries(initCases)) {
    it(`nn.init.${name}`, () => {
      const { seed, shape } = recordedCases[`init.${name}`] as unknown as { seed: number; shape: number[] };
      manualSeed(seed);
      const tensor = ops.aten.empty!(shape) as Tensor;
      assert.equal(initialise(tensor), tensor);
      // What normal numbers are computed with depends on the processor's vector instructions.
      const compare = /normal|orthogonal|sparse/.test(name) ? assertTensorClose : assertTensorEqual;
      compare(tensor, recorded(`init.${name}`));
    });
  }
});
