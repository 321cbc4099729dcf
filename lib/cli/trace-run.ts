import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import {
  type Benchmark,
  benchmarkFromDatasets,
  ContinualTorchError,
  type HookName,
  hookNames,
  isGradEnabled,
  manualSeed,
  nn,
  ops,
  optim,
  type Plugin,
  SupervisedTemplate,
  type Tensor,
  TensorDataset,
} from '../index';

/** What a plugin sees of a strategy in one hook. */
export interface TraceEntry {
  i: number;
  hook: HookName;
  isTraining: boolean;
  /** The counters of `clockFields`. */
  clock: number[];
  /** `stream/index`, or null. */
  experience: string | null;
  stopTrainingCalled?: true;
  /** Which of two recorders: the first plugin, or one behind the clock. */
  position?: 'first' | 'last';
  state?: {
    adaptedDataset: number | null;
    /** Number of mini-batches; 0 without a loader. */
    dataloader: number;
    mbatch: number[][] | null;
    mbOutput: number[] | null;
    loss: { shape: number[]; requiresGrad: boolean; isZero: boolean };
    modelTraining: boolean;
    gradsPresent: boolean;
    gradEnabled: boolean;
  };
}

const positive = z.int().positive();
const schema = z.object({
  config: z.object({
    experiences: positive.default(2),
    trainEpochs: positive,
    trainMbSize: positive,
    evalMbSize: positive,
    evalEvery: z.int().min(-1),
    pevalMode: z.enum(['epoch', 'iteration', 'experience']),
    /** Names of streams; anything else: not given. */
    evalStreams: z.array(z.string()).or(z.unknown()),
    /** `... per experience` or over the whole stream. */
    calls: z.string(),
    /** May name a stand-alone evaluation: `eval(test stream)`. */
    note: z.string().default(''),
  }),
  clockFields: z.array(z.string()),
  trace: z.array(z.looseObject({ i: z.int(), hook: z.enum(hookNames) })),
});

/** A recorded trace; see test/fixtures/traces/README.md for its format. */
export type Trace = Omit<z.output<typeof schema>, 'trace'> & { trace: TraceEntry[] };

/** @throws ERR_DATA_NOT_FOUND where the file cannot be read, ERR_INVALID_ARG_VALUE where it holds something else */
export async function readTrace(file: string): Promise<Trace> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `trace: cannot read "${file}": ${cause.message}`, { cause });
  });
  try {
    return schema.parse(JSON.parse(text)) as unknown as Trace;
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new ContinualTorchError('ERR_INVALID_ARG_VALUE', `trace: expected a recorded trace in "${file}": ${reason}`, {
      cause,
    });
  }
}

/** The run that a trace was recorded from, again: what its recorders see now. */
export async function replayTrace(recording: Trace): Promise<TraceEntry[]> {
  const { config, trace } = recording;
  const { trainMbSize, evalMbSize, trainEpochs, evalEvery, pevalMode } = config;
  const actual: TraceEntry[] = [];
  const twoPositions = trace.some(({ position }) => position !== undefined);
  manualSeed(0);
  const model = new nn.Sequential(new nn.Linear(features, 5), new nn.ReLU(), new nn.Linear(5, 2 * config.experiences));
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01 }),
    trainMbSize,
    evalMbSize,
    trainEpochs,
    evalEvery,
    pevalMode,
    evaluator: null,
    plugins: [recorder(recording, actual, twoPositions ? 'first' : undefined)],
  });
  if (twoPositions) strategy.plugins.push(recorder(recording, actual, 'last'));

  const benchmark = makeBenchmark(config.experiences);
  const evalStreams = Array.isArray(config.evalStreams)
    ? config.evalStreams.map((name: string) => benchmark.stream(name))
    : undefined;
  const calls = /per experience/.test(config.calls) ? benchmark.trainStream : [benchmark.trainStream];
  for (const experiences of calls) await strategy.train(experiences, { evalStreams });
  const [, evaluated] = /\beval\((\w+)/.exec(`${config.calls} ${config.note}`) ?? [];
  if (evaluated) await strategy.eval(benchmark.stream(evaluated));
  return actual;
}

/** Where a trace first differs from what was recorded; null where it does not. */
export function firstDifference(actual: TraceEntry[], expected: TraceEntry[]): string | null {
  const i = expected.findIndex((entry, k) => !isDeepStrictEqual(actual[k], entry));
  if (i >= 0) return `entry ${i}: expected ${JSON.stringify(expected[i])}, got ${JSON.stringify(actual[i]) ?? 'the end'}`;
  if (actual.length === expected.length) return null;
  return `entry ${expected.length}: expected the end, got ${JSON.stringify(actual[expected.length])}`;
}

const features = 4;

/** Streams of experiences of two classes each; training on 8 samples, evaluation on 4. */
function makeBenchmark(experiences: number): Benchmark {
  const stream = (samples: number) =>
    Array.from({ length: experiences }, (_, k) => {
      const targets = Array.from({ length: samples }, (_, i) => 2 * k + (i % 2));
      return new TensorDataset(ops.aten.randn!([samples, features]) as Tensor, targets, { taskLabels: 0 });
    });
  return benchmarkFromDatasets({ train: stream(8), test: stream(4), valid: stream(4) });
}

/** A plugin that notes every hook, and stops training where it was stopped in the recording. */
function recorder({ clockFields, trace }: Trace, into: TraceEntry[], position: 'first' | 'last' | undefined): Plugin {
  const withState = trace.some(({ state }) => state !== undefined);
  const stops = new Set(trace.filter((entry) => entry.stopTrainingCalled).map(({ i }) => i));
  const hook = (name: HookName) => (strategy: SupervisedTemplate) => {
    const { experience, clock } = strategy;
    const entry: TraceEntry = {
      i: into.length,
      hook: name,
      ...(position && { position }),
      isTraining: strategy.isTraining,
      clock: clockFields.map((field) => clock[field as keyof typeof clock] as number),
      experience: experience && `${experience.originStream.name}/${experience.currentExperience}`,
      ...(withState && { state: stateOf(strategy) }),
    };
    if (stops.has(entry.i)) {
      strategy.stopTraining();
      entry.stopTrainingCalled = true;
    }
    into.push(entry);
  };
  return Object.fromEntries(hookNames.map((name) => [name, hook(name)]));
}

function stateOf(strategy: SupervisedTemplate): TraceEntry['state'] {
  const { adaptedDataset, dataloader, mbatch, mbOutput, loss, model } = strategy;
  return {
    adaptedDataset: adaptedDataset?.length ?? null,
    dataloader: dataloader.length ?? NaN,
    mbatch: mbatch && mbatch.map((tensor) => tensor.shape),
    mbOutput: mbOutput && mbOutput.shape,
    loss: { shape: loss.shape, requiresGrad: loss.requiresGrad, isZero: loss.item() === 0 },
    modelTraining: model.training,
    gradsPresent: model.parameters().some((parameter) => parameter.grad !== null),
    gradEnabled: isGradEnabled(),
  };
}
