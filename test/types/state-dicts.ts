// Read by the type checker alone: state dicts go into a checkpoint and come back.
import { amp, type Loaded, nn, optim, torch } from '../../lib/index';

const model = new nn.Linear(2, 1);
const optimizer = new optim.AdamW(model.namedParameters());
const step = new optim.StepLR(optimizer, { stepSize: 1 });
const plateau = new optim.ReduceLROnPlateau(optimizer);
const sequence = new optim.SequentialLR(optimizer, { schedulers: [step], milestones: [] });
const scaler = new amp.GradScaler();

export async function accepted(): Promise<void> {
  await torch.save({ model: model.stateDict(), optimizer: optimizer.stateDict(), epoch: 3 }, 'checkpoint.pt');
  await torch.save([step.stateDict(), plateau.stateDict(), sequence.stateDict(), scaler.stateDict()], 'states.pt');
  await torch.save(model.stateDict(), 'model.pt');

  const checkpoint = (await torch.load('checkpoint.pt')) as Map<string, Loaded>;
  model.loadStateDict(checkpoint.get('model') as nn.StateDict);
  optimizer.loadStateDict(checkpoint.get('optimizer'));
  model.loadStateDict((await torch.load('model.pt')) as nn.StateDict);

  const saved = optimizer.stateDict();
  new optim.AdamW(model.parameters()).loadStateDict(saved);
  const keys: (string | number)[] = saved.param_groups.flatMap(({ params }) => params);
  const rate = saved.param_groups[0]!.lr;
  if (typeof rate === 'number') keys.push(rate);
}

/** Never called. */
export async function refused(): Promise<void> {
  // @ts-expect-error a function is nothing that a file can hold
  await torch.save({ forward: () => 1 }, 'checkpoint.pt');
  // @ts-expect-error a class of its own is nothing that a file can hold
  await torch.save({ model }, 'checkpoint.pt');
  // @ts-expect-error what a file holds has to be looked at
  model.loadStateDict(await torch.load('model.pt'));
  // @ts-expect-error there is no such part of a state dict
  void optimizer.stateDict().paramGroups;
}
