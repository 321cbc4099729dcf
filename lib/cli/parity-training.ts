import {
  accuracyMetrics,
  benchmarkFromDatasets,
  ContinualTorchError,
  EvaluationPlugin,
  lossMetrics,
  ops,
  type Plugin,
  type SupervisedTemplate,
  Tensor,
  TensorDataset,
} from '../index';
import type { Config } from './parity-config';
import { makeModel } from './parity-model';
import { makeCriterion, makeOptimizer, makePlugins, makeStrategy } from './parity-parts';

/** The run itself, through the public API: every value under the key that the recording has for it. */
export async function train(config: Config, folder: string, data: Map<string, Tensor>): Promise<Map<string, number[]>> {
  const datasetOf = (key: string) => {
    const t = data.get(`${key}.t`);
    return new TensorDataset(need(data, `${key}.x`), need(data, `${key}.y`), { taskLabels: t ? t.toNumbers() : null });
  };
  const all = Array.from({ length: config.experiences }, (_, k) => k);
  const training = all.map((k) => datasetOf(`exp${k}`));
  const evaluated = all.filter((k) => data.has(`test${k}.x`)).map((k) => datasetOf(`test${k}`));
  const streamNames = new Set((config.evalStreams ?? []).flatMap((streams) => Object.keys(streams)));
  const { trainStream, streams } = benchmarkFromDatasets({
    ...Object.fromEntries([...streamNames].map((name) => [name, evaluated])),
    train: training,
  });

  const model = await makeModel(config, folder);
  const methods = makePlugins(config);
  const recorder = new IterationRecorder();
  const levels = { experience: true, stream: true };
  const evaluator = new EvaluationPlugin(
    ...(streamNames.size > 0 ? [accuracyMetrics(levels), lossMetrics(levels)] : []),
    { loggers: [] },
  );
  const strategy = makeStrategy(config.strategy, {
    model,
    optimizer: makeOptimizer(config.optimizer, model.parameters()),
    criterion: makeCriterion(config.criterion),
    trainMbSize: config.trainMbSize,
    trainEpochs: config.trainEpochs,
    evalMbSize: config.evalMbSize ?? null,
    evalEvery: config.evalEvery ?? -1,
    plugins: [...methods, recorder],
    evaluator,
  });

  const actual = new Map<string, number[]>();
  const learnsAllAtOnce = strategy.constructor.name === 'JointTraining';
  const calls = learnsAllAtOnce ? [trainStream.experiences] : trainStream.experiences.map((experience) => [experience]);
  for (const [k, experiences] of calls.entries()) {
    const evalStreams = Object.entries(config.evalStreams?.[k] ?? {}).map(([name, indices]) =>
      indices.map((i) => streams.get(name)!.at(i)!),
    );
    recorder.begin(training[k]!);
    await strategy.train(experiences, { shuffle: config.shuffle ?? false, dropLast: config.dropLast ?? false, evalStreams });
    const record = (kind: string, tensors: Map<string, Tensor>) =>
      tensors.forEach((tensor, name) => actual.set(`exp${k}.${kind}.${name}`, tensor.toNumbers()));
    actual.set(`exp${k}.loss`, recorder.losses);
    record('param', model.namedParameters());
    record('buffer', model.namedBuffers());
    record('importance', importanceOf(strategy));
    model.eval();
    if (config.model === undefined) actual.set(`exp${k}.logits`, (model.forward(need(data, 'test.x'))).toNumbers());
    else {
      actual.set(`exp${k}.order`, recorder.order);
      actual.set(`exp${k}.batchSizes`, recorder.batchSizes);
      actual.set(`exp${k}.taskIds`, recorder.taskIds);
      evaluated.slice(0, learnsAllAtOnce ? undefined : k + 1).forEach(({ x }, j) => {
        actual.set(`exp${k}.logits.${j}`, (model.forward(x, need(data, `test${j}.t`))).toNumbers());
      });
    }
  }
  if (config.seed !== undefined) {
    actual.set('run.rng', (ops.aten.randint!(2 ** 30, [1], { dtype: 'int64', device: 'cpu' }) as Tensor).toNumbers());
  }
  for (const [name, [x, values]] of Object.entries(evaluator.getAllMetrics())) {
    actual.set(`metric.${name}.x`, x);
    actual.set(`metric.${name}.values`, values as number[]);
  }
  return actual;
}

/** The importances of the first method that has any. */
function importanceOf({ plugins }: SupervisedTemplate): Map<string, Tensor> {
  const all = plugins.map((plugin) => (plugin as { importance?: Map<string, Tensor> | null }).importance);
  return all.find((importance) => importance instanceof Map) ?? new Map<string, Tensor>();
}

/** Notes the loss of every iteration, and which samples it was trained on. */
class IterationRecorder implements Plugin {
  losses: number[] = [];
  order: number[] = [];
  batchSizes: number[] = [];
  taskIds: number[] = [];
  private positions = new Map<string, number>();

  begin(dataset: TensorDataset): void {
    this.losses = [];
    this.order = [];
    this.batchSizes = [];
    this.taskIds = [];
    this.positions = new Map(rows(dataset.x).map((row, i) => [row, i]));
  }

  beforeTrainingIteration({ mbX, mbTaskId }: SupervisedTemplate): void {
    const samples = rows(mbX!);
    this.order.push(...samples.map((row) => this.positions.get(row) ?? NaN));
    this.batchSizes.push(samples.length);
    this.taskIds.push(...mbTaskId!.toNumbers());
  }

  afterBackward({ loss }: SupervisedTemplate): void {
    this.losses.push(loss.item());
  }
}

/** Each sample as text, to know it again. */
function rows(x: Tensor): string[] {
  const values = x.toTypedArray();
  const size = values.length / x.shape[0]!;
  return Array.from({ length: x.shape[0]! }, (_, i) => values.slice(i * size, (i + 1) * size).join());
}

function need(data: Map<string, Tensor>, key: string): Tensor {
  const tensor = data.get(key);
  if (!tensor) throw new ContinualTorchError('ERR_DATA_NOT_FOUND', `parity: data.safetensors lacks ${key}`);
  return tensor;
}
