/** The typed mirror of the addon: every name it exports, and nothing else. */

import type { DType, TypedArray } from '../element-types';
import type { Phase, PluginPhase } from '../phase';
import type { NativeDataset, NativeMiniBatches, NativeTransform } from './data';
import type { NativeModule, NativeSnapshot } from './models';
import type { MethodNames, NativeDistillation, NativeImportancePass, NativePassOptions, NativePathMethod, NativeQuadraticPenalty, NativeRiemannianWalk } from './regularization';
import type {
  NativeGenerator,
  NativeIndex,
  NativeInputs,
  NativePart,
  NativeStorageView,
  NativeTensor,
  NativeValue,
  OperatorSchema,
} from './values';

export type { DType, TypedArray };
export type * from './data';
export type * from './models';
export type * from './regularization';
export type * from './values';

export type NativeOptimizerKind = 'SGD' | 'Adam' | 'RMSprop' | 'Adagrad';

export type NativeOptimizerOptions = Record<string, number | boolean>;

/** "" where a parameter has no name. */
export interface NativeParameterGroup {
  params: [name: string, parameter: NativeTensor][];
  options: NativeOptimizerOptions;
}

export interface NativeParameterState {
  /** -1: it is not known. */
  step: number;
  tensors: [name: string, tensor: NativeTensor][];
}

export interface NativeOptimizer {
  step(): void;
  zeroGrad(): void;
  groupParameters(group: number): [name: string, parameter: NativeTensor][];
  setGroupOptions(group: number, kind: NativeOptimizerKind, options: NativeOptimizerOptions): void;
  /** In place of those that the group has; "" keeps the name that a parameter has in the optimizer. */
  setGroupParameters(group: number, params: [name: string, parameter: NativeTensor][]): void;
  addGroup(kind: NativeOptimizerKind, group: NativeParameterGroup): void;
  /** `step` where it is counted, and tensors under PyTorch's names; null where there is no state. */
  state(parameter: NativeTensor, copied: boolean): Record<string, number | NativeTensor> | null;
  /** All groups, and all parameters in them. */
  load(
    kind: NativeOptimizerKind,
    groups: { options: NativeOptimizerOptions; states: (NativeParameterState | null)[] }[],
  ): void;
}

export interface NativeAutocast {
  enabled: boolean;
  dtype: DType;
  cacheEnabled: boolean;
}

/** The mean cross-entropy: over all outputs, or over those of `classes` (int64 [K]) alone, where samples of others count as 0. */
export interface NativeCriterion {
  weight: NativeTensor | null;
  ignoreIndex: number;
  labelSmoothing: number;
  classes: NativeTensor | null;
}

/** Sums over the mini-batches of a pass, weighted by samples. */
export interface NativeStatistics {
  lossSum: number;
  /** Of the penalties that are part of the losses. */
  addedPenaltySum: number;
  /** Of those that are not. */
  apartPenaltySum: number;
  samples: number;
  correct: number;
  compared: number;
}

export interface Progress {
  /** Iterations that ran to their end. */
  iterations: number;
  /** There was no further mini-batch. */
  exhausted: boolean;
  /** What ended the iteration after those; null if nothing did. */
  error: Error | null;
}

export interface NativeTrainingStep {
  /** A call of `train` or `eval` begins, in hooks of the calls `hosts`; `isShared`: one of them holds the same. */
  hold(operation: string, hosts: readonly number[]): { call: number; isShared: boolean };
  release(): void;
  setModel(model: NativeModule): void;
  setOptimizer(optimizer: NativeOptimizer): void;
  /** Another one for `Phase.criterion`. */
  setCriterion(criterion: NativeCriterion): void;
  knowsOptimizer(): boolean;
  /** Tells the optimizer which parameters the model has now. */
  updateOptimizer(resetState: boolean, removeParams: boolean): void;
  /** Lays out flat the parameters that model and optimizer have now; true if they were not yet. */
  layOut(): boolean;
  /** Begins a pass with statistics of its own; one `apart` leaves mini-batch, output and loss as they were before. */
  open(apart?: boolean): void;
  /** What `Phase.fetch` takes the mini-batches of the open pass from. */
  load(miniBatches: NativeMiniBatches): void;
  /** Ends the pass that `open` began; the one before it goes on. */
  close(): void;
  /** Number of passes that are open. */
  passes(): number;
  setBatch(x: NativeInputs, y: NativeTensor, taskId: NativeTensor): void;
  checkLoss(): void;
  /** What takes no longer than `patienceUs` comes back at once. */
  run(
    plan: Phase[],
    gradEnabled: boolean,
    maxIterations: number,
    budgetMs: number,
    patienceUs: number,
  ): Progress | Promise<Progress>;
  clear(): void;
  get(name: 'x'): NativeInputs | null;
  get(name: 'y' | 'taskId' | 'output' | 'loss' | 'addedPenalty' | 'apartPenalty'): NativeTensor | null;
  get(name: 'x' | 'y' | 'taskId' | 'output' | 'loss' | 'addedPenalty' | 'apartPenalty'): NativeInputs | null;
  set(name: 'x', inputs: NativeInputs): void;
  set(name: 'x' | 'y' | 'output' | 'loss', tensor: NativeTensor): void;
  /** Sums over the open pass, weighted by samples. */
  statistics(): NativeStatistics;
  setStatistics(statistics: NativeStatistics): void;
  /** All of the tensors at their offsets in `size` bytes, those given where they are as many, as they are between two iterations. */
  pack(tensors: (readonly [tensor: NativeTensor, offset: number])[], size: number, bytes: NativeTensor | null): Promise<NativeTensor>;
}

/** Something that is done otherwise than libtorch does it, where that is quicker. */
export interface NativeOverride {
  name: string;
  isOn: boolean;
  /** For people. */
  why: string;
}

export interface NativeAddon {
  readonly torchVersion: string;
  /** The widest vectors of our own loops: "avx512", "avx2" or "baseline". */
  readonly vectorWidth: string;
  overrides(): NativeOverride[];
  setErrorClass(constructor: new (code: never, message: string) => Error): void;
  stop(): void;
  setGradEnabled(on: boolean): boolean;
  autocastState(deviceType: string): NativeAutocast;
  enterAutocast(deviceType: string, state: NativeAutocast): void;
  leaveAutocast(deviceType: string, before: NativeAutocast): void;
  liveTensors(): { count: number; bytes: number };
  fromTypedArray(data: TypedArray, shape: readonly number[], dtype: DType): NativeTensor;
  /** On the memory of a SharedArrayBuffer. */
  shareTypedArray(data: TypedArray, shape: readonly number[], dtype: DType): NativeTensor;
  tensorShape(tensor: NativeTensor): number[];
  tensorsHaveSameShape(a: NativeTensor, b: NativeTensor): boolean;
  tensorDtype(tensor: NativeTensor): DType;
  tensorDevice(tensor: NativeTensor): string;
  tensorLayout(tensor: NativeTensor): string;
  tensorRequiresGrad(tensor: NativeTensor): boolean;
  tensorSetRequiresGrad(tensor: NativeTensor, on: boolean): void;
  tensorGrad(tensor: NativeTensor): NativeTensor | null;
  tensorSetGrad(tensor: NativeTensor, grad: NativeTensor | null): void;
  tensorGradFn(tensor: NativeTensor): string | null;
  /** A complex number as [re, im]. */
  tensorItem(tensor: NativeTensor): number | bigint | boolean | Float64Array;
  /** Complex numbers as pairs of real ones; what has no typed array as float32. */
  tensorToTypedArray(tensor: NativeTensor): TypedArray;
  tensorBackward(
    tensor: NativeTensor,
    gradient: NativeTensor | null,
    retainGraph: boolean | null,
    createGraph: boolean,
    inputs: NativeTensor[] | null,
  ): void;
  autogradGrad(
    outputs: NativeTensor[],
    inputs: NativeTensor[],
    gradOutputs: (NativeTensor | null)[] | null,
    retainGraph: boolean | null,
    createGraph: boolean,
    allowUnused: boolean,
  ): (NativeTensor | null)[];
  tensorIndex(tensor: NativeTensor, indices: readonly NativeIndex[]): NativeTensor;
  tensorIndexPut(tensor: NativeTensor, indices: readonly NativeIndex[], value: NativeTensor): void;
  tensorIsSame(tensor: NativeTensor, other: NativeTensor): boolean;
  tensorDispose(tensor: NativeTensor): void;
  tensorIsDisposed(tensor: NativeTensor): boolean;
  /** A plain object as the last argument holds keyword arguments. */
  operatorFunction(name: string): (...args: NativeValue[]) => NativeValue;
  /** What `scripts/generate-operators.ts` reads. */
  operatorSchemas(): OperatorSchema[];
  createGenerator(device: string): NativeGenerator;
  defaultGenerator(device: string): NativeGenerator;
  /** Which generator on the CPU the call under way draws from; undefined: the default one. */
  setGeneratorLookup(lookup: () => NativeGenerator | undefined): void;
  generatorSetSeed(generator: NativeGenerator, seed: bigint): void;
  generatorSeed(generator: NativeGenerator): bigint;
  generatorInitialSeed(generator: NativeGenerator): bigint;
  generatorDevice(generator: NativeGenerator): string;
  generatorGetState(generator: NativeGenerator): NativeTensor;
  generatorSetState(generator: NativeGenerator, state: NativeTensor): void;
  checkDevice(name: string): void;
  /** Returns the device by its full name. */
  setDefaultDevice(name: string): string;
  /** 0 where no kernel runs. */
  cudaDeviceCount(): number;
  /** Why that is 0, or "". */
  cudaProblem(): string;
  /** The bytes of a file as uint8. */
  readFile(path: string, mapFrom: number): Promise<{ bytes: NativeTensor; isMapped: boolean }>;
  copyBytes(bytes: NativeTensor, offset: number, into: Uint8Array): void;
  crc32(bytes: NativeTensor, ranges: readonly (readonly [offset: number, length: number])[]): Promise<number[]>;
  /** A range of bytes as a storage (a uint8 tensor) of its own; shares the memory where it is aligned. */
  storageOfBytes(bytes: NativeTensor, offset: number, length: number, alignment: number): NativeTensor;
  /** Moves the bytes from an offset on to the front, until the first is aligned; by how many. */
  alignBytes(bytes: NativeTensor, offset: number, alignment: number): number;
  tensorInStorage(
    storage: NativeTensor,
    dtype: string,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
    requiresGrad: boolean,
  ): NativeTensor;
  /** Lets a tensor lie in a storage, in place. */
  placeInStorage(
    tensor: NativeTensor,
    storage: NativeTensor,
    offset: number,
    shape: readonly number[],
    stride: readonly number[],
  ): void;
  areBools(storage: NativeTensor): boolean;
  /** Bytes of an element. */
  dtypeSize(dtype: string): number;
  storageKind(tensor: NativeTensor): 'dense' | 'quantized' | 'sparse' | 'nested' | 'meta' | 'other';
  describeStorage(tensor: NativeTensor): NativeStorageView;
  writeFile(path: string, parts: readonly NativePart[]): Promise<void>;
  writeZip(path: string, records: readonly NativePart[]): Promise<void>;
  /** The one behind the other, beside the compute thread; the CRC-32 of both. */
  writePacked(path: string, header: Uint8Array, bytes: NativeTensor): Promise<number>;
  manualSeed(seed: bigint): void;
  setNumThreads(threads: number): void;
  getNumThreads(): number;
  setNumInteropThreads(threads: number): void;
  getNumInteropThreads(): number;
  jitLoad(source: string | Uint8Array, device: string): Promise<NativeModule>;
  /** A leaf that shares the memory of `data`. */
  newParameter(data: NativeTensor, requiresGrad: boolean): NativeTensor;
  /** Parts under these names, and methods in TorchScript; null stands for a part that is None. */
  createModule(
    className: string,
    children: [string, NativeModule | null][],
    parameters: [string, NativeTensor | null][],
    buffers: [string, NativeTensor | null][],
    attributes: [name: string, kind: 'bool' | 'int' | 'float' | 'int[]', value: number | boolean | readonly number[]][],
    source: string,
  ): NativeModule;
  /** What is shared stays shared. */
  cloneModules(modules: NativeModule[], tensors: NativeTensor[]): { modules: NativeModule[]; tensors: NativeTensor[] };
  /** Of the first module; the others, and the tensors, are in it. */
  createSnapshot(modules: NativeModule[], tensors: NativeTensor[]): NativeSnapshot;
  createOptimizer(kind: NativeOptimizerKind, groups: NativeParameterGroup[]): NativeOptimizer;
  createDataset(description: {
    inputs: NativeInputs;
    targets: NativeTensor;
    indices: NativeTensor | null;
    taskLabels: NativeTensor;
    transform: NativeTransform;
  }): NativeDataset;
  /** What a dataset with this transform would give of samples [B, ...]. */
  transformed(x: NativeTensor, transform: NativeTransform): NativeTensor;
  createMiniBatches(
    dataset: NativeDataset,
    sampling: {
      batchSize: number;
      shuffle: boolean;
      dropLast: boolean;
      groups: NativeTensor[];
      oversample: boolean;
      generator: NativeGenerator | null;
    },
  ): NativeMiniBatches;
  createQuadraticPenalty(lambda: number, names: MethodNames): NativeQuadraticPenalty;
  /** By a rule that `native/core/regularization` knows under this name. */
  createImportancePass(
    rule: string,
    options: Readonly<Record<string, number | string | readonly number[]>>,
    penalty: NativeQuadraticPenalty,
    pass: NativePassOptions,
  ): NativeImportancePass;
  createSynapticIntelligence(penalty: NativeQuadraticPenalty, eps: number, clip: number | null, withoutPenalty: boolean, keepsNegative: boolean): NativePathMethod;
  createRiemannianWalk(penalty: NativeQuadraticPenalty, alpha: number): NativeRiemannianWalk;
  createOutputDistillation(student: NativeModule, teacher: NativeModule, options: NativeDistillation): PluginPhase;
  createFeatureDistillation(student: NativeModule, teacher: NativeModule, plugin: string, lambda: number): PluginPhase;
  createTrainingStep(
    model: NativeModule,
    optimizer: NativeOptimizer,
    criterion: NativeCriterion | null,
    device: string,
  ): NativeTrainingStep;
}
