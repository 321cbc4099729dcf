/** The part of the addon's typed mirror that is of models. */

import type { DType } from '../element-types';
import type { NativeMiniBatches } from './data';
import type { NativeInputs, NativeScriptValue, NativeTensor } from './values';

export interface NativeModule {
  namedParameters(): [string, NativeTensor][];
  namedBuffers(): [string, NativeTensor][];
  /** A second tensor is task labels, which a model of one input leaves aside. */
  forward(...inputs: NativeScriptValue[]): NativeScriptValue;
  /** As a strategy calls it: task labels go to an input of that name, where there is one. */
  forwardBatch(x: NativeInputs, taskId: NativeTensor): NativeScriptValue;
  /** Throws where `forward` does not take mini-batches of such inputs. */
  checkInputs(x: NativeInputs): void;
  /** Those of `forward` that mini-batches may fill. */
  inputNames(): string[];
  call(method: string, inputs: NativeScriptValue[]): NativeScriptValue;
  methodNames(): string[];
  /** Path and class of every module of the tree: `Linear`, of a file too. */
  classes(): [path: string, className: string][];
  takesTaskLabels(): boolean;
  /** Of multi-task models. */
  forwardSingleTask(input: NativeTensor, task: number): NativeTensor;
  forwardAllTasks(input: NativeTensor): [task: number, output: NativeTensor][];
  /** Throws ERR_BUSY while a job is using it. */
  checkIdle(operation: string): void;
  /** Throws ERR_BUSY while a job is using it that may change it. */
  checkReadable(operation: string): void;
  /**
   * What `forward` gives in eval mode on the thread for predictions, put together; the calls of `train` and `eval` that wait
   * for it are `hosts`.
   */
  predict(data: NativeInputs | NativeMiniBatches, taskId: NativeTensor | null, batchSize: number, hosts: readonly number[]): Promise<NativeScriptValue>;
  /** A prediction on the JavaScript thread begins or ends; true where the model is busy for who would change it meanwhile. */
  holdForPrediction(on: boolean, hosts: readonly number[]): boolean;
  /** Of the outermost module. */
  partNames(): [name: string, kind: 'parameter' | 'buffer' | 'module'][];
  /** Of the type that it has. */
  setAttribute(name: string, value: number | boolean | readonly number[]): void;
  train(mode: boolean): void;
  isTraining(): boolean;
  /** Of the outermost module alone. */
  setTraining(mode: boolean): void;
  to(device: string | null, dtype: DType | null): void;
  zeroGrad(): void;
  /** In the order of PyTorch's state dict; of the outermost module alone unless `recurse`. */
  state(recurse: boolean): [name: string, tensor: NativeTensor, isBuffer: boolean][];
  /** A parameter or buffer of the outermost module; null where it does without. */
  tensor(name: string): NativeTensor | null;
  setTensor(name: string, tensor: NativeTensor): void;
  /**
   * Takes out the parts of these names, and puts others in the place of those of their names or behind what is left. Methods
   * are those of `source`; null: they stay, and use none of the parts.
   */
  replaceParts(
    removed: string[],
    children: [string, NativeModule | null][],
    parameters: [string, NativeTensor | null][],
    buffers: [string, NativeTensor | null][],
    source: string | null,
  ): void;
  /** Train (true) or eval mode of every module of the tree, by its name. */
  modes(): Record<string, boolean>;
  setModes(modes: Record<string, boolean>): void;
  /** Copies of the gradients that there are, by the parameter's name; also while other models are worked with. */
  gradients(): Record<string, NativeTensor>;
  /** Parameters that are not named get none. */
  setGradients(gradients: Readonly<Record<string, NativeTensor>>): void;
  save(path: string): Promise<void>;
  /** What `save` would write. */
  saved(): Promise<Buffer>;
  /** Inputs and outputs are tensors and arrays of them. */
  trace(
    inputs: NativeScriptValue[],
    forward: (inputs: NativeScriptValue[]) => NativeScriptValue,
    takesTaskLabels: boolean,
  ): NativeModule;
  frozenModes(): { module: string; operator: string; mode: 'train' | 'eval' }[];
  untrainable(): { module: string; reason: 'frozen' | 'quantized' }[];
  /** Of the method `forward`. */
  code(): string;
  graph(): string;
}

/** A copy of a model that is brought up to date in place. */
export interface NativeSnapshot {
  /** The copies, in the order of what was given. */
  modules(): NativeModule[];
  tensors(): NativeTensor[];
  /** Whether it is one of these, as they are now. */
  fits(modules: NativeModule[], tensors: NativeTensor[]): boolean;
  /** Copies on the compute thread, and shows all at once. */
  refresh(): Promise<void>;
}
