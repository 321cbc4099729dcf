// Read by the type checker alone: what it must accept, and what it must refuse.
import { jit, models, Naive, nn, optim, tensor, type Tensor, torch } from '../../lib/index';

const x: Tensor = tensor([[1, 2]]);

class Net extends nn.Module {
  fc = new nn.Linear(2, 2);
  override forward(input: Tensor): Tensor {
    return this.fc.forward(input);
  }
}
class Two extends nn.Module<{ sum: Tensor; first: Tensor }> {
  override forward(pair: [Tensor, Tensor], options: { swap?: boolean } = {}) {
    return { sum: pair[0].add(pair[1]), first: pair[options.swap ? 1 : 0] };
  }
}
class Later extends nn.Module<Promise<Tensor>> {
  override async forward(input: Tensor): Promise<Tensor> {
    return await Promise.resolve(input);
  }
}
class Labelled extends models.MultiTaskModule {
  override forward(input: Tensor, taskLabels: Tensor): Tensor {
    return input.add(taskLabels);
  }
}

const model: nn.Module = new Net();
const recurrent = new nn.Sequential(new nn.Embedding(2, 2), new nn.LSTM(2, 2));
const list: nn.Module[] = [new Net(), new nn.Linear(2, 2), new nn.Sequential(new nn.ReLU())];
const anything: nn.Module<unknown>[] = [new nn.LSTM(1, 1), new Two(), new nn.ModuleList(), new Net()];

export const tensors: Tensor[] = [
  model.forward(x),
  new nn.Linear(2, 2).forward(x),
  new nn.Sequential(new nn.LSTM(2, 2), new Net()).forward(x),
  new nn.Sequential(...list).forward(x),
  new nn.Sequential({ a: new Net() }).forward(x),
  recurrent.forward(x)[0],
  recurrent.forward(x)[1][1],
  new nn.GRU(2, 2).forward(x)[1],
  new nn.MultiheadAttention(2, 1).forward(x, x, x)[0],
  new Two().forward([x, x], { swap: true }).sum,
  new nn.ModuleList([new nn.Linear(2, 2)])[0]!.weight,
  new nn.ModuleDict({ a: new Net() }).get('a')!.fc.weight,
  new nn.CrossEntropyLoss().forward(x, x),
  new Labelled().forward(x, x),
  jit.trace(model, x).forward(x),
  new models.SimpleMLP().classifier.forward(new models.SimpleMLP().features.forward(x)),
  new models.SimpleCNN().features.forward(x),
  new models.SlimResNet18(2).layer1.forward(x),
  new models.MTSimpleMLP().features.forward(x),
  new models.IncrementalClassifier(4).classifier.weight,
];

export async function accepted(): Promise<Tensor[]> {
  const loaded = await jit.load('model.pt');
  const pair = await jit.load<[Tensor, Tensor]>('pair.pt');
  const replaced = new models.SimpleMLP();
  replaced.classifier = new models.IncrementalClassifier(512);
  replaced.features = new nn.Identity();
  new models.IncrementalClassifier(4).classifier = new nn.Linear(4, 2);
  new nn.Sequential(new nn.ReLU())[0] = new Two();
  model.apply((module: nn.Module) => {
    module.train();
  });
  model.apply((module) => module.eval());
  const later: nn.Module<Promise<Tensor>> = new Later();
  await later.forward(x);
  new Naive({ model: new Later(), optimizer: new optim.SGD(model.parameters(), { lr: 1 }) });
  return [loaded.forward(x), pair.forward(x)[1], await new Later().forward(x), loaded.call('other', x), ...loaded.call<Tensor[]>('more')];
}

/** Never called. */
export function refused(): void {
  // @ts-expect-error a layer takes a tensor
  new nn.Linear(2, 2).forward([1, 2]);
  // @ts-expect-error a layer takes one tensor
  new nn.Linear(2, 2).forward(x, x);
  // @ts-expect-error there is no such method
  model.foward(x);
  // @ts-expect-error a tensor has no such property
  void model.forward(x).shapes;
  // @ts-expect-error LSTM gives output and state
  new nn.LSTM(2, 2).forward(x).sum();
  // @ts-expect-error what comes last in it gives output and state
  recurrent.forward(x).sum();
  // @ts-expect-error what any module gives is not known
  anything[0]!.forward(x).sum();
  // @ts-expect-error a forward that gives no tensor says so: nn.Module<number>
  new (class extends nn.Module { override forward = () => 1 })();
  // @ts-expect-error strategies train models that give a tensor
  new Naive({ model: new nn.LSTM(2, 2), optimizer: new optim.SGD(model.parameters(), { lr: 1 }) });
  // @ts-expect-error a function for modules, not for tensors
  model.apply((value: Tensor) => value.sum());
  // @ts-expect-error what comes out of it is no tensor
  new models.SimpleMLP().classifier = new nn.LSTM(2, 2);
  // @ts-expect-error a module is no number
  new models.SimpleMLP().classifier = 3;
  // @ts-expect-error nothing of the package's own stands on a model
  void model.handle;
  void torch;
}
