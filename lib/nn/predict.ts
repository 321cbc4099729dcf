import { setImmediate as nextTurn } from 'node:timers/promises';
import { z } from 'zod';
import { callsAround } from '../calls-around';
import { DataLoader } from '../data/data-loader';
import type { Dataset } from '../data/dataset';
import { type Inputs, mapInputs, requireInputs, toNativeInputs } from '../data/inputs';
import { IterableDataset } from '../data/iterable-dataset';
import { TensorDataset } from '../data/tensor-dataset';
import { ContinualTorchError, describeValue } from '../errors';
import { job } from '../native/binding';
import type { NativeModule } from '../native/types';
import { instanceOf, integer, parseOptions, positiveInteger } from '../options';
import { Generator } from '../tensor/generator';
import { noGrad } from '../tensor/grad-mode';
import { ops } from '../tensor/operators';
import { Tensor } from '../tensor/tensor';
import { callUser, isThenable } from '../user-function';
import type { ModuleNode } from './module-node';
import { stateOf } from './module-state';
import { fromNative } from './script-value';
import { isScriptedForward } from './scripted-forwards';

const defaultBatchSize = 256;
const schema = z.object({
  batchSize: positiveInteger.default(defaultBatchSize),
  taskLabels: z.union([integer, instanceOf(Tensor, '')], 'an integer or an int64 Tensor').optional(),
});

/** Options of `Module.predict`. */
export interface PredictOptions {
  /** Samples in a mini-batch. Default 256. */
  batchSize?: number;
  /**
   * For a model that takes them: the task of all samples, or one for each, int64 `[B]`. Default: what a dataset carries, none
   * for tensors.
   */
  taskLabels?: number | Tensor;
}

type Batch = [x: Inputs, taskId: Tensor | null];

/** @internal `Module.predict`. */
export async function predictions(module: ModuleNode, data: unknown, options?: PredictOptions): Promise<unknown> {
  const { batchSize, taskLabels } = options ? parseOptions('predict', schema, options) : { batchSize: defaultBatchSize };
  const isDataset = data instanceof TensorDataset || data instanceof IterableDataset;
  const x = isDataset ? null : requireInputs('predict: expected a dataset,', data);
  const labels = x && labelsOf(x, taskLabels);
  const loader = isDataset ? loaderOf(data, batchSize, taskLabels) : null;
  const state = stateOf(module);
  const native = isScriptedForward(module.forward) ? state.runnable() : null;
  if (!native) return inTypeScript(module, state.sync(), loader ?? stretches(x!, labels, batchSize));
  const hosts = callsAround();
  if (x) return fromNative(await job(native.predict(toNativeInputs(x), labels && labels.handle, batchSize, hosts)));
  const pass = loader!.openNative();
  if (pass) return fromNative(await job(native.predict(pass, null, batchSize, hosts)));
  const outputs: Output[] = [];
  for await (const [inputs, , taskId] of loader!) {
    const size = sizeOf(inputs);
    const x = onDeviceOf(native, inputs);
    outputs.push([fromNative(await job(native.predict(toNativeInputs(x), taskId.handle, size, callsAround()))), size]);
  }
  return joined(outputs);
}

/** What a dataset has gathered, where the model is. */
function onDeviceOf(native: NativeModule, x: Inputs): Inputs {
  const first = native.namedParameters()[0];
  if (!first) return x;
  const device = new Tensor(first[1]).device;
  return mapInputs(x, (tensor) => (tensor.device === device ? tensor : tensor.to({ device })));
}

function labelsOf(x: Inputs, taskLabels: number | Tensor | undefined): Tensor | null {
  if (typeof taskLabels !== 'number') return taskLabels ?? null;
  return ops.aten.full!([sizeOf(x)], taskLabels, { dtype: 'int64', device: 'cpu' }) as Tensor;
}

/** Opening a pass draws a number: not one of those that training draws. */
let apart: Generator | undefined;

function loaderOf(data: TensorDataset | IterableDataset, batchSize: number, taskLabels: number | Tensor | undefined): DataLoader<Dataset, Inputs> {
  const samples: Dataset = taskLabels === undefined ? data : data.withTaskLabels(typeof taskLabels === 'number' ? taskLabels : taskLabels.toNumbers());
  apart ??= new Generator({ device: 'cpu' });
  return new DataLoader(samples.eval(), { batchSize, generator: apart });
}

const sizeOf = (x: Inputs) => Math.max(...(x instanceof Tensor ? [x] : Object.values(x)).map(({ shape }) => shape[0] ?? 1));

function* stretches(x: Inputs, labels: Tensor | null, batchSize: number): Iterable<Batch> {
  const size = sizeOf(x);
  if (size <= batchSize) {
    yield [x, labels];
    return;
  }
  for (let begin = 0; begin < size; begin += batchSize) {
    const stretch = (tensor: Tensor): Tensor => tensor.narrow(0, begin, Math.min(batchSize, size - begin));
    yield [mapInputs(x, stretch), labels && stretch(labels)];
  }
}

/** For each model the predictions that are under way on the JavaScript thread, and those that wait. */
const queues = new WeakMap<ModuleNode, Promise<void>>();

/** One after the other: what one has begun with a model it finishes before another, or a refresh, comes. @internal */
export async function queued<T>(module: ModuleNode, work: () => T | Promise<T>): Promise<T> {
  const before = queues.get(module);
  let ends!: () => void;
  queues.set(module, new Promise<void>((resolve) => (ends = resolve)));
  try {
    await before;
    return await work();
  } finally {
    ends();
  }
}

/** Forward of TypeScript, mini-batch by mini-batch. */
function inTypeScript(module: ModuleNode, native: NativeModule, batches: Iterable<Batch> | DataLoader<Dataset, Inputs>): Promise<unknown> {
  const hosts = callsAround();
  const isHeld = native.holdForPrediction(true, hosts);
  return queued(module, async () => {
    const outputs: Output[] = [];
    for await (const batch of batches as AsyncIterable<[x: Inputs, ...unknown[], taskId: Tensor | null]>) {
      if (outputs.length > 0) await nextTurn();
      const taskId = batch.at(-1) as Tensor | null;
      const x = batches instanceof DataLoader ? onDeviceOf(native, batch[0]) : batch[0];
      outputs.push([await inEvalMode(native, () => forward(module, x, taskId)), sizeOf(x)]);
    }
    return joined(outputs);
  }).finally(() => isHeld && native.holdForPrediction(false, hosts));
}

function forward(module: ModuleNode, x: Inputs, taskId: Tensor | null): unknown {
  return callUser('ERR_FORWARD', 'forward: failed', () => {
    if (taskId) return stateOf(module).runBatch(x, taskId);
    return module.forward(...(Array.isArray(x) ? (x as unknown[]) : [x]));
  });
}

/** With all modules in eval mode until `run` has ended; at once where it returns no promise. */
function inEvalMode(native: NativeModule, run: () => unknown): unknown {
  const modes = native.modes();
  const isTraining = Object.values(modes).includes(true);
  const restore = () => isTraining && native.setModes(modes);
  if (isTraining) native.setModes(Object.fromEntries(Object.keys(modes).map((name) => [name, false])));
  let isPending = false;
  try {
    const output = noGrad(run);
    isPending = isThenable(output);
    return isPending ? Promise.resolve(output).finally(restore) : output;
  } finally {
    if (!isPending) restore();
  }
}

type Output = [value: unknown, size: number];

/** Outputs of several mini-batches as one. @throws ERR_MODEL_OUTPUT */
function joined(outputs: readonly Output[]): unknown {
  const [first] = outputs;
  if (!first) throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', 'predict: expected samples, got none');
  const [value] = first;
  const part = (of: (value: unknown) => unknown) => joined(outputs.map(([output, size]): Output => [of(output), size]));
  if (value instanceof Tensor) return joinedTensors(outputs);
  if (value === null) return null;
  if (Array.isArray(value)) return value.map((_, i) => part((items) => (items as unknown[])[i]));
  if (value instanceof Map) return new Map([...value.keys()].map((key) => [key, part((map) => (map as Map<unknown, unknown>).get(key))]));
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.keys(value).map((key) => [key, part((object) => (object as Record<string, unknown>)[key])]));
  }
  if (outputs.every(([other]) => other === value)) return value;
  throw notJoined(describeValue(value));
}

function joinedTensors(outputs: readonly Output[]): Tensor {
  const detached = outputs.map(([value]) => (value instanceof Tensor && value.requiresGrad ? value.detach() : (value as Tensor)));
  if (detached.length === 1) return detached[0]!;
  for (const [i, [value, size]] of outputs.entries()) {
    if (!(value instanceof Tensor)) throw notJoined(describeValue(value));
    if (value.shape[0] !== size) throw notJoined(`[${value.shape.join(', ')}] for ${size} samples in mini-batch ${i}`);
  }
  return ops.aten.cat!(detached, 0) as Tensor;
}

function notJoined(what: string): ContinualTorchError {
  return new ContinualTorchError(
    'ERR_MODEL_OUTPUT',
    `predict: expected outputs that have a row for each sample, to be put together, got ${what}; with a batchSize of all samples the output comes as it is`,
  );
}
