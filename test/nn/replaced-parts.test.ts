import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { manualSeed, models, nn, noGrad, Tensor, tensor, torch } from '../../lib/index';
import { isScripted } from '../../lib/nn/module';
import { assertTensorClose, assertTensorEqual } from '../support/assertions';
import { layerCases } from '../support/layer-cases';
import { ramp, tasks } from '../support/recorded-models';

type AnyModule = nn.Module<unknown>;
type Properties = Record<string, unknown>;

/** The property for a part: `weight_ih_l0` as `weightIhL0`. */
const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const propertiesOf = (module: AnyModule) => module as unknown as Properties;
const flat = (value: unknown): Tensor[] =>
  value instanceof Tensor ? [value] : value instanceof Map || Array.isArray(value) ? [...value.values()].flatMap(flat) : [];
const keysOf = (module: AnyModule) => [...module.stateDict().keys()];

/** Calls another module: what a user would write around, or in place of, a layer. */
class Written extends nn.Module<unknown> {
  constructor(readonly inner: AnyModule) {
    super();
  }

  override forward(...inputs: unknown[]): unknown {
    return this.inner.forward(...inputs);
  }
}

/** Models and layers that are made of others, and what they are called with. */
const composites: Record<string, [make: () => AnyModule, ...inputs: unknown[]]> = {
  Sequential: [() => new nn.Sequential(new nn.Linear(4, 3), new nn.ReLU(), new nn.Sequential(new nn.Linear(3, 2))), ramp(5, 4)],
  'Sequential with names': [() => new nn.Sequential({ first: new nn.Linear(4, 3), last_one: new nn.Linear(3, 2) }), ramp(5, 4)],
  TransformerEncoderLayer: [() => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6 }), ramp(3, 2, 4)],
  'TransformerEncoderLayer, norm first': [
    () => new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6, normFirst: true, activation: 'gelu' }),
    ramp(3, 2, 4),
    { srcMask: tensor([[false, true, true], [false, false, true], [false, false, false]]) },
  ],
  TransformerEncoder: [
    () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6 }), 2, { norm: new nn.LayerNorm(4) }),
    ramp(3, 2, 4),
    { mask: tensor([[false, true, true], [false, false, true], [false, false, false]]) },
  ],
  SimpleMLP: [() => new models.SimpleMLP({ inputSize: 4, hiddenSize: 3, hiddenLayers: 2, numClasses: 2 }), ramp(5, 2, 2)],
  SimpleCNN: [() => new models.SimpleCNN({ numClasses: 2 }), ramp(2, 3, 12, 12)],
  SlimResNet18: [() => new models.SlimResNet18(2, { nf: 1 }), ramp(2, 3, 32, 32)],
  MTSimpleMLP: [() => new models.MTSimpleMLP({ inputSize: 4, hiddenSize: 3 }), ramp(5, 4), tasks(0, 0, 0, 0, 0)],
  MTSimpleCNN: [() => new models.MTSimpleCNN(), ramp(2, 3, 12, 12), tasks(0, 0)],
  MTSlimResNet18: [() => new models.MTSlimResNet18(2, { nf: 1 }), ramp(2, 3, 32, 32), tasks(0, 0)],
  IncrementalClassifier: [() => new models.IncrementalClassifier(4), ramp(5, 4)],
  MultiHeadClassifier: [() => new models.MultiHeadClassifier(4), ramp(5, 4), tasks(0, 0, 0, 0, 0)],
  'MultiHeadClassifier, one task': [() => new models.MultiHeadClassifier(4), ramp(5, 4), 0],
};
/** Called for what they hold, never themselves: in them modules are replaced as in any other. */
const withoutForward = ['ModuleList', 'ModuleDict', 'ParameterList', 'TaskHeads'];

/** What only repeats what came before. */
const alike = /^layers\.1|^layer[34]\.|^layer2\.1|^features\.([4-9]|1\d)/;

const run = (module: AnyModule, inputs: unknown[]) => noGrad(() => flat(module.forward(...inputs)));

function assertSameOutputs(actual: AnyModule, expected: AnyModule, inputs: unknown[], what: string) {
  const [a, b] = [run(actual, inputs), run(expected, inputs)];
  assert.ok(a.length > 0 && a.length === b.length, what);
  a.forEach((output, i) => assertTensorClose(output, b[i]!, undefined, what));
}

describe('every layer and model of the package', () => {
  it('stands in one of the lists below', () => {
    const known = new Set([...Object.keys(layerCases), ...Object.keys(composites)].map((name) => name.split(/[-,]| with/)[0]));
    const isMade = (type: unknown) => typeof type === 'function' && (type === nn.Module || type.prototype instanceof nn.Module);
    const isAbstract = (name: string) => ['Module', 'Layer', 'DynamicModule', 'MultiTaskModule'].includes(name);
    const isLoss = (name: string) => name.endsWith('Loss');
    const missing = Object.entries({ ...nn, ...models })
      .filter(([name, type]) => isMade(type) && !isAbstract(name) && !isLoss(name) && !withoutForward.includes(name))
      .map(([name]) => name)
      .filter((name) => !known.has(name));
    assert.deepEqual(missing, []);
  });

  const makers: [string, () => AnyModule][] = [
    ...Object.entries(layerCases).map(([name, [make]]): [string, () => AnyModule] => [name, make]),
    ...Object.entries(composites).map(([name, [make]]): [string, () => AnyModule] => [name, make]),
  ];

  it('takes another parameter and another buffer in the place of each, under the names that there were', () => {
    for (const [name, make] of makers) {
      const model = make();
      const keys = keysOf(model);
      for (const [path, module] of model.namedModules()) {
        for (const [key, old] of module.namedParameters()) {
          if (key.includes('.')) continue;
          const fresh = new nn.Parameter(torch.zeros(old.shape));
          propertiesOf(module)[camelCase(key)] = fresh;
          const full = path === '' ? key : `${path}.${key}`;
          assert.ok(model.getParameter(full).isSame(fresh), `${name}: ${full}`);
          assert.ok((propertiesOf(module)[camelCase(key)] as Tensor).isSame(fresh), `${name}: property ${full}`);
        }
        for (const [key, old] of module.namedBuffers()) {
          if (key.includes('.')) continue;
          const fresh = old.clone();
          propertiesOf(module)[camelCase(key)] = fresh;
          if (!/^active_units_T/.test(key)) assert.ok((propertiesOf(module)[camelCase(key)] as Tensor).isSame(fresh), key);
          assert.ok(module.getBuffer(key).isSame(fresh), `${name}: ${path}.${key}`);
        }
      }
      assert.deepEqual(keysOf(model), keys, name);
    }
  });

  for (const [name, [make, ...inputs]] of Object.entries(composites)) {
    it(`${name} runs another child in the place of each, scripted or written in TypeScript`, () => {
      manualSeed(1);
      const [model, other, expected] = [make().eval(), make().eval(), make().eval()];
      const [state, otherState] = [model.stateDict(), other.stateDict()];
      const original = run(model, inputs);
      for (const [path, module] of [...model.namedModules()]) {
        for (const [key, child] of [...module.namedChildren()]) {
          const where = path === '' ? key : `${path}.${key}`;
          if (alike.test(where)) continue;
          const property = module instanceof nn.Sequential ? key : camelCase(key);
          // Another one of its kind; what another model of the kind computes with these values is right.
          const replacement = other.getSubmodule(where);
          expected.loadStateDict(new Map([...state].map(([k, v]) => [k, k.startsWith(`${where}.`) ? otherState.get(k)! : v])));
          const keys = keysOf(model);
          propertiesOf(module)[property] = replacement;
          assert.equal(model.getSubmodule(where), replacement);
          assert.deepEqual(keysOf(model), keys, where);
          assert.ok(isScripted(model), where);
          assertSameOutputs(model, expected, inputs, `${name}: another ${where}`);

          if (module instanceof nn.MultiheadAttention || replacement instanceof models.IncrementalClassifier) {
            propertiesOf(module)[property] = child;
            continue;
          }
          if (!withoutForward.includes(replacement.constructor.name)) {
            const written = new Written(replacement);
            propertiesOf(module)[property] = written;
            assert.ok(!isScripted(model), where);
            assertSameOutputs(model, expected, inputs, `${name}: ${where} in TypeScript`);
            const inside = (k: string) => (k.startsWith(`${where}.`) ? `${where}.inner.${k.slice(where.length + 1)}` : k);
            assert.deepEqual(keysOf(model), keys.map(inside), where);
            assert.equal(written.training, true, 'a new module is in train mode');
            assert.equal(model.eval().getSubmodule(`${where}.inner`).training, false);
          }
          propertiesOf(module)[property] = child;
          assert.ok(isScripted(model), `${where} put back`);
          run(model, inputs).forEach((output, i) => assertTensorEqual(output, original[i]!, `${where} put back`));
        }
      }
    });
  }
});
