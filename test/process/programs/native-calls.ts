/** A call of every function of the addon and of every method of its classes, with arguments that it takes. */
import { jit, models, nn, tensor, TensorDataset, type Tensor } from '../../../lib/index';
import { native } from '../../../lib/native/binding';
import type { NativeAddon, NativeQuadraticPenalty, NativeSnapshot, NativeTensor } from '../../../lib/native/types';
import { nativeModule } from '../../../lib/nn/module';
import { Phase } from '../../../lib/phase';

const long = { dtype: 'int64', device: 'cpu' } as const;
const handle = (values: unknown = [1, 2, 3, 4], options = {}) => tensor(values as number[], { device: 'cpu', ...options }).handle;
const bytes = () => handle([1, 2, 3, 4, 5, 6, 7, 8], { dtype: 'uint8' });
const batch = () => [handle([[1, 2]]), handle([0], long), handle([0], long)] as const;
const sgd = { lr: 0.1, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false };
const autocast = { enabled: false, dtype: 'bfloat16' as const, cacheEnabled: true };

const newLinear = () => new nn.Linear(2, 2, { device: 'cpu' });
const linear = newLinear();
const heads = () => nativeModule(new models.MultiHeadClassifier(2));
const dataset = new TensorDataset(tensor([[1, 2], [3, 4]]), tensor([0, 1], long)); // prettier-ignore
const transform = () => ({ pad: 0, permutation: handle([1, 0], long), toFloat: true, mean: 0.5, std: 2, draws: 3 });
const description = () => ({
  inputs: handle([[1, 2], [3, 4]]), targets: handle([0, 1], long), indices: null, taskLabels: handle([0, 0], long), transform: transform(),
}); // prettier-ignore

const optimizer = () =>
  native.createOptimizer('SGD', [{ params: linear.parameters().map((p, i) => [`p${i}`, p.handle]), options: sgd }]);
const step = native.createTrainingStep(nativeModule(linear), optimizer(), { weight: null, ignoreIndex: -100, labelSmoothing: 0, classes: null }, 'cpu');
const sampling = () => ({ batchSize: 1, shuffle: false, dropLast: false, groups: [handle([0, 1], long)], oversample: false, generator: null });
const miniBatches = () => native.createMiniBatches(dataset.toNative(), sampling());

/** One object of each class, and tensors. */
export const objects = {
  tensor: handle(),
  disposed: disposed(),
  generator: native.createGenerator('cpu'),
  module: nativeModule(newLinear()),
  optimizer: optimizer(),
  dataset: dataset.toNative(),
  miniBatches: miniBatches(),
  penalty: penalty(),
  phase: penalty().phase(),
  step,
  snapshot: snapshot(),
};

function snapshot(): NativeSnapshot {
  return native.createSnapshot([nativeModule(linear)], []);
}

function penalty(): NativeQuadraticPenalty {
  return native.createQuadraticPenalty(1, { method: 'M', plugin: 'P', weight: 'w', noImportanceCode: 'ERR_TORCH', shapeCode: 'ERR_SHAPE' });
}

function disposed(): NativeTensor {
  const x: Tensor = tensor([1]);
  x.dispose();
  return x.handle;
}

type Arguments = () => readonly unknown[];
type MethodName<T> = keyof T & string;

/** Not here: `stop` ends what the others need, `setErrorClass` is called apart, `torchVersion` and `vectorWidth` are texts. */
export const functions: Record<Exclude<MethodName<NativeAddon>, 'stop' | 'setErrorClass' | 'torchVersion' | 'vectorWidth'>, Arguments> = {
  setGradEnabled: () => [true],
  autocastState: () => ['cpu'],
  enterAutocast: () => ['cpu', autocast],
  leaveAutocast: () => ['cpu', autocast],
  liveTensors: () => [],
  overrides: () => [],
  fromTypedArray: () => [new Float32Array(4), [2, 2], 'float32'],
  shareTypedArray: () => [new Float32Array(new SharedArrayBuffer(16)), [2, 2], 'float32'],
  tensorShape: () => [handle()],
  tensorDtype: () => [handle()],
  tensorDevice: () => [handle()],
  tensorLayout: () => [handle()],
  tensorRequiresGrad: () => [handle()],
  tensorSetRequiresGrad: () => [handle(), true],
  tensorGrad: () => [handle()],
  tensorSetGrad: () => [handle(), handle()],
  tensorGradFn: () => [handle()],
  tensorItem: () => [handle([1])],
  tensorToTypedArray: () => [handle()],
  tensorBackward: () => [tensor([1], { requiresGrad: true }).mul(2).handle, handle([1]), false, false, []],
  autogradGrad: () => {
    const x = tensor([1], { requiresGrad: true });
    return [[x.mul(2).handle], [x.handle], [handle([1])], false, false, false];
  },
  tensorIndex: () => [handle(), [0, [null, 2, 1], '...', handle([0], long)].slice(0, 1)],
  tensorIndexPut: () => [handle(), [0], handle([1])],
  tensorIsSame: () => [handle(), handle()],
  tensorsHaveSameShape: () => [handle(), handle()],
  tensorDispose: () => [handle()],
  tensorIsDisposed: () => [handle()],
  operatorFunction: () => ['aten::add'],
  operatorSchemas: () => [],
  createGenerator: () => ['cpu'],
  defaultGenerator: () => ['cpu'],
  generatorSetSeed: () => [native.createGenerator('cpu'), 3n],
  generatorSeed: () => [native.createGenerator('cpu')],
  generatorInitialSeed: () => [native.createGenerator('cpu')],
  generatorDevice: () => [native.createGenerator('cpu')],
  generatorGetState: () => [native.createGenerator('cpu')],
  generatorSetState: () => [native.createGenerator('cpu'), native.generatorGetState(native.createGenerator('cpu'))],
  checkDevice: () => ['cpu'],
  setDefaultDevice: () => ['cpu'],
  cudaDeviceCount: () => [],
  cudaProblem: () => [],
  readFile: () => [__filename, Infinity],
  copyBytes: () => [bytes(), 2, new Uint8Array(4)],
  crc32: () => [bytes(), [[0, 4]]],
  storageOfBytes: () => [bytes(), 0, 4, 4],
  alignBytes: () => [bytes(), 3, 4],
  tensorInStorage: () => [bytes(), 'float32', 0, [1, 2], [2, 1], false],
  placeInStorage: () => [handle(), bytes(), 0, [1, 2], [2, 1]],
  areBools: () => [bytes()],
  dtypeSize: () => ['float32'],
  storageKind: () => [handle()],
  describeStorage: () => [handle()],
  writeFile: () => ['written', [['a', new Uint8Array(3)], ['b', bytes(), 0, 4], ['c', handle()]]], // prettier-ignore
  writeZip: () => ['written.zip', [['a', new Uint8Array(3)], ['b', bytes(), 0, 4], ['c', handle()]]], // prettier-ignore
  writePacked: () => ['packed', new Uint8Array(8), handle([1, 2, 3], { dtype: 'uint8' })],
  manualSeed: () => [1n],
  setGeneratorLookup: () => [() => undefined],
  setNumThreads: () => [native.getNumThreads()],
  getNumThreads: () => [],
  setNumInteropThreads: () => [native.getNumInteropThreads()],
  getNumInteropThreads: () => [],
  jitLoad: () => [new Uint8Array(8), 'cpu'],
  newParameter: () => [handle(), true],
  createModule: () => ['M', [['child', nativeModule(linear)]], [['p', handle()]], [['b', null]], [['n', 'int', 3]], 'def forward(self, x):\n  return x\n'],
  cloneModules: () => [[nativeModule(newLinear())], [handle()]],
  createSnapshot: () => [[nativeModule(newLinear())], [handle()]],
  createOptimizer: () => ['SGD', [{ params: [['a', handle()]], options: sgd }]],
  createDataset: () => [description()],
  transformed: () => [handle([[1, 2], [3, 4]]), transform()],
  createMiniBatches: () => [dataset.toNative(), sampling()],
  createQuadraticPenalty: () => [1, { method: 'M', plugin: 'P', weight: 'w', noImportanceCode: 'ERR_TORCH', shapeCode: 'ERR_SHAPE' }],
  createImportancePass: () => ['mas', { alpha: 0.5 }, penalty(), { excluded: [], unseen: 'merge', normalize: 'none', keepsMeasured: false, operation: 'test' }],
  createSynapticIntelligence: () => [penalty(), 1e-7, 0.001, false, false],
  createRiemannianWalk: () => [penalty(), 0.9],
  createOutputDistillation: () => [nativeModule(linear), nativeModule(newLinear()), { plugin: 'P', alpha: 1, temperature: 2, isMultiTask: false, classes: [[0, [0, 1]]] }],
  createFeatureDistillation: () => [nativeModule(linear), nativeModule(newLinear()), 'P', 1],
  createTrainingStep: () => [nativeModule(linear), optimizer(), { weight: handle([1, 1]), ignoreIndex: -100, labelSmoothing: 0, classes: null }, 'cpu'],
};

/** By class: an object to call them on, and the arguments of each method. */
export const methods: Record<string, { on: () => object; calls: Record<string, Arguments> }> = {
  Module: {
    on: () => nativeModule(jit.trace(newLinear(), tensor([[1, 2]], { device: 'cpu' }))),
    calls: {
      namedParameters: () => [],
      namedBuffers: () => [],
      forward: () => [handle([[1, 2]])],
      forwardBatch: () => [{ names: ['input0'], tensors: [handle([[1, 2]])] }, handle([0])], // prettier-ignore
      checkInputs: () => [[handle([[1, 2]])]], // prettier-ignore
      inputNames: () => [],
      classes: () => [],
      call: () => ['forward', [handle([[1, 2]])]],
      methodNames: () => [],
      takesTaskLabels: () => [],
      forwardSingleTask: () => [handle([[1, 2]]), 0],
      forwardAllTasks: () => [handle([[1, 2]])],
      checkIdle: () => ['an operation'],
      checkReadable: () => ['an operation'],
      predict: () => [handle([[1, 2]]), null, 1, [3]],
      holdForPrediction: () => [false, [3]],
      partNames: () => [],
      setAttribute: () => ['training', true],
      state: () => [true],
      tensor: () => ['weight'],
      setTensor: () => ['weight', handle([[1, 2], [3, 4]])], // prettier-ignore
      replaceParts: () => [['weight'], [['c', nativeModule(newLinear())]], [['p', handle()]], [['b', handle()]], null],
      setTraining: () => [true],
      zeroGrad: () => [],
      train: () => [true],
      isTraining: () => [],
      to: () => ['cpu', 'float32'],
      modes: () => [],
      setModes: () => [{ '': true }],
      gradients: () => [],
      setGradients: () => [{ weight: handle([[1, 2], [3, 4]]) }], // prettier-ignore
      save: () => ['model.pt'],
      saved: () => [],
      trace: () => [[handle([[1, 2]])], (inputs: unknown[]) => inputs[0], false],
      frozenModes: () => [],
      untrainable: () => [],
      code: () => [],
      graph: () => [],
    },
  },
  MultiHeadClassifier: {
    on: heads,
    calls: {
      forward: () => [handle([[1, 2]]), handle([0], long)],
      forwardSingleTask: () => [handle([[1, 2]]), 0],
      forwardAllTasks: () => [handle([[1, 2]])],
      setAttribute: () => ['masking', false],
    },
  },
  Optimizer: {
    on: optimizer,
    calls: {
      step: () => [],
      zeroGrad: () => [],
      groupParameters: () => [0],
      setGroupParameters: () => [0, [['another', handle()]]],
      setGroupOptions: () => [0, 'SGD', sgd],
      addGroup: () => ['SGD', { params: [['another', handle()]], options: sgd }],
      state: () => [linear.parameters()[0]!.handle, true],
      load: () => ['SGD', [{ options: sgd, states: [{ step: 1, tensors: [['momentum_buffer', handle([[1, 2], [3, 4]])]] }, null] }]], // prettier-ignore
    },
  },
  Generator: { on: () => native.createGenerator('cpu'), calls: {} },
  Dataset: { on: () => native.createDataset(description()), calls: {} },
  MiniBatches: {
    on: miniBatches,
    calls: { length: () => [], next: () => [], position: () => [], goTo: () => [[[handle([0, 1], long), 1, false]]] },
  },
  Snapshot: { on: snapshot, calls: { modules: () => [], tensors: () => [], fits: () => [[nativeModule(linear)], []], refresh: () => [] } },
  PluginPhase: { on: () => penalty().phase(), calls: {} },
  QuadraticPenalty: {
    on: penalty,
    calls: { phase: () => [], proximal: () => [], value: () => [], stabilityCheck: () => [], stability: () => [], isEmpty: () => [], memory: () => [], setMemory: () => [[['weight', handle([[1, 1], [1, 1]]), handle([[1, 1], [1, 1]]), 0]]], setLambda: () => [1], uniform: () => ['afterTrainingExp'], keepPrevious: () => [true], takeBack: () => [] }, // prettier-ignore
  },
  TrainingStep: {
    on: () => step,
    calls: {
      hold: () => ['train', []],
      release: () => [],
      setModel: () => [nativeModule(linear)],
      setOptimizer: () => [optimizer()],
      setCriterion: () => [{ weight: null, ignoreIndex: -100, labelSmoothing: 0, classes: handle([0, 1], long) }],
      knowsOptimizer: () => [],
      updateOptimizer: () => [false, false],
      layOut: () => [],
      open: () => [false],
      passes: () => [],
      load: () => [miniBatches()],
      setBatch: () => [...batch()],
      checkLoss: () => [],
      run: () => [[Phase.fetch, Phase.zeroGrad, Phase.forward, Phase.criterion, Phase.backward, Phase.update], true, 1, 1000, 0],
      clear: () => [],
      get: () => ['x'],
      set: () => ['output', handle([[1, 2]])],
      statistics: () => [],
      setStatistics: () => [{ lossSum: 1, addedPenaltySum: 0, apartPenaltySum: 0, samples: 2, correct: 1, compared: 2 }],
      pack: () => [[[handle(), 0]], 16, null],
      close: () => [],
    },
  },
};

