// Calls the native entries of training step, MAS, optimizer and mini-batches in a random order, from a seed: each call may
// throw an error of this package, and none may end the process.
import { ContinualTorchError, errorCodes, MASPlugin, nn, ops, optim, SupervisedTemplate, tensor, type Tensor } from '../../../lib/index';
import { native } from '../../../lib/native/binding';
import type { Progress } from '../../../lib/native/types';
import { nativeModule } from '../../../lib/nn/module';
import type { Phase } from '../../../lib/phase';
import { FuzzRandom } from '../../fuzz/random';
import '../../support/device';
import { smallDataset, smallModel } from '../../support/small-runs';

const [seed, sequences] = process.argv.slice(2).map(Number) as [number, number];
const counts = new Map<string, number>();
const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);

/** What may be called, on objects of this sequence. */
function calls(random: FuzzRandom): (() => unknown)[] {
  const models = [smallModel(), new nn.Linear(4, 4), new nn.Sequential(new nn.Embedding(5, 4, { sparse: true }))];
  const optimizers: optim.Optimizer[] = [
    new optim.SGD(models[0]!.parameters(), { lr: 0.1, momentum: 0.5 }),
    new optim.Adam(models[1]!.parameters()),
  ];
  const { step } = new SupervisedTemplate({ model: models[0]!, optimizer: optimizers[0]!, evaluator: null });
  const plugins = [new MASPlugin(), new MASPlugin({ lambdaReg: 0 })];
  const dataset = smallDataset(6, [0, 1]).toNative();
  const any = <T>(items: readonly T[]) => random.pick(items);
  const yes = () => random.below(2) === 0;
  const tensors: (() => Tensor)[] = [
    () => tensor([[1, 2, 3, 4], [0, 1, 0, 1]]).to('float32'),
    () => tensor([0, 1], { dtype: 'int64' }),
    () => tensor([1]),
    () => tensor(1).to('float32').requiresGrad_(),
    () => models[0]!.forward(tensor([[1, 2, 3, 4]]).to('float32')),
    () => ops.aten.zeros!([0, 4]) as Tensor,
    () => tensor([true]),
  ];
  const value = () => any(tensors)().handle;
  const penalty = () => any(plugins).penalty.handle;
  const asTheyAre = { excluded: [], unseen: 'merge', normalize: 'none', keepsMeasured: false, operation: 'test' } as const;
  const stages = plugins.map(({ penalty: of }) => native.createImportancePass('mas', { alpha: 0.5 }, of.handle, asTheyAre));
  const stage = () => any(stages)[any(['begin', 'accumulate', 'replace', 'merge'] as const)];
  const ofPenalty = () => penalty()[any(['phase', 'proximal', 'value', 'stabilityCheck'] as const)]();
  const plugin = () => (yes() ? ofPenalty() : stage());
  const batches = () =>
    native.createMiniBatches(dataset, { batchSize: random.below(4), shuffle: yes(), dropLast: yes(), groups: [], oversample: yes(), generator: null });
  let open = native.createMiniBatches(dataset, { batchSize: 2, shuffle: false, dropLast: false, groups: [], oversample: false, generator: null });
  const phases: (() => Phase)[] = [() => any([0, 1, 2, 3, 5, 6, 7] as const), plugin];
  const plan = () => Array.from({ length: 1 + random.below(6) }, () => any(phases)());
  const { handle: first } = optimizers[0]!;
  return [
    () => step.run(plan(), yes(), 1 + random.below(3), 5, any([0, 1000])),
    () => step.run([0, 1, 2, 3, 5, 6, 7], true, 3, 5, 0),
    () => step.run([penalty().phase(), 5, 6], true, 1, 5, 1000),
    () => step.run([penalty().value(), 5, 6, penalty().proximal()], true, 1, 5, 1000),
    () => step.run([stage()], yes(), 1, 5, 1000),
    () => step.run([0, 1, 2, any(stages).accumulate], true, 3, 5, 0),
    () => step.layOut(),
    () => step.updateOptimizer(yes(), yes()),
    () => step.knowsOptimizer(),
    () => step.open(yes()),
    () => step.close(),
    () => step.passes(),
    () => step.load(open),
    () => step.setBatch(value(), value(), value()),
    () => step.setBatch(tensors[0]!().handle, tensors[1]!().handle, tensors[1]!().handle),
    () => step.checkLoss(),
    () => step.clear(),
    () => step.get(any(['x', 'y', 'taskId', 'output', 'loss', 'addedPenalty', 'apartPenalty'] as const)),
    () => step.set(any(['x', 'y', 'output', 'loss'] as const), value()),
    () => step.statistics(),
    () => step.setModel(nativeModule(any(models))),
    () => step.setOptimizer(any(optimizers).handle),
    () => penalty().memory(),
    () => penalty().stability(),
    () => penalty().setMemory([[any(['0.weight', 'w', '']), value(), value(), any([0, 1, NaN])]]),
    () => penalty().keepPrevious(random.below(2) === 0),
    () => penalty().takeBack(),
    () => penalty().setLambda(any([0, 1])),
    () => any(plugins).importance,
    () => (open = batches()),
    () => [open.length(), open.next()],
    () => open.goTo(open.position()),
    () => step.setStatistics(step.statistics()),
    () => any(models).to(any(['float32', 'float64'] as const)),
    () => Object.assign(models[0]!, { extra: new nn.Linear(1, 1) }),
    () => first.step(),
    () => any(optimizers).zeroGrad(),
    () => first.groupParameters(random.below(3)),
    () => first.setGroupParameters(random.below(2), any(models).parameters().map((p) => ['', p.handle])),
    () => optimizers[0]!.addParamGroup({ params: [tensors[3]!()] }),
    () => optimizers[0]!.paramGroups[0]!.params.pop(),
    () => optimizers[0]!.state(any(models).parameters()[0]!),
    () => optimizers[0]!.loadStateDict(any(optimizers).stateDict()),
    () => first.load('SGD', []),
  ];
}

/** @throws what is no error of this package */
async function attempt(call: () => unknown): Promise<void> {
  try {
    const result = (await call()) as Progress | null | undefined;
    if (result && typeof result === 'object' && 'error' in result && result.error) throw result.error;
    count('ok');
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (!(error instanceof ContinualTorchError) || !Object.hasOwn(errorCodes, code)) throw error;
    count(code);
  }
}

async function main(): Promise<void> {
  for (let i = 0; i < sequences; i++) {
    const random = new FuzzRandom(seed, i);
    const all = calls(random);
    for (let k = 0; k < 60; k++) await attempt(random.pick(all));
  }
  console.log(JSON.stringify(Object.fromEntries([...counts].sort())));
}

void main();
