// Saves and loads as a user that may do little, where this one is root. Argument: a folder, made for it.
import '../../support/device';
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CheckpointPlugin, type ContinualTorchError, MAS, optim } from '../../../lib/index';
import { smallBenchmark, smallModel } from '../../support/small-runs';

const root = process.argv[2]!;
const nobody = 65534;
const { trainStream } = smallBenchmark();

function make(folder: string) {
  const model = smallModel();
  return new MAS({ model, optimizer: new optim.SGD(model.parameters(), { lr: 0.1 }), trainMbSize: 4, evaluator: null, plugins: [new CheckpointPlugin(folder)] });
}

/** What comes of it: the code and what the system says, or the end of a path. */
async function tell(what: string, work: Promise<unknown>): Promise<void> {
  const [code, message] = await work.then(
    (value) => ['done', typeof value === 'string' ? path.basename(value) : ''],
    (error: ContinualTorchError) => [error.code, /E[A-Z]{4,}/.exec(error.message)?.[0] ?? ''],
  );
  console.log([what, code, message].filter((text) => text !== '').join(' '));
}

async function main(): Promise<void> {
  process.on('warning', ({ message }) => console.log(`warning: ${message.split(':')[0]}: ${/E[A-Z]{4,}/.exec(message)?.[0]}`));
  const folders = ['read-only', 'closed', 'old-ones', 'unreadable'];
  for (const name of folders) {
    await make('unused').save(path.join(root, name));
    await make(path.join(root, name)).load(path.join(root, name));
  }
  const [readOnly, closed, oldOnes, unreadable] = folders.map((name) => path.join(root, name)) as [string, string, string, string];
  writeFileSync(path.join(root, 'file'), '');
  mkdirSync(path.join(root, 'empty'));
  chmodSync(root, 0o755);
  for (const folder of [oldOnes, unreadable, path.join(root, 'empty')]) chownSync(folder, nobody, nobody);
  chmodSync(closed, 0o700);
  chmodSync(path.join(unreadable, 'checkpoint-000001', 'tensors.safetensors'), 0o600);
  process.setgid!(nobody);
  process.setuid!(nobody);

  for (const folder of [readOnly, closed, path.join(root, 'new'), path.join(root, 'file'), path.join(closed, 'inside'), '/proc/inside', path.join(root, 'empty')]) {
    const strategy = make(folder);
    const name = path.relative(root, folder).replace(/^.*proc/, 'proc');
    await tell(`load ${name}`, strategy.load(folder, { optional: true }));
    await tell(`save ${name}`, strategy.save(folder));
    await tell(`train ${name}`, strategy.train(trainStream));
  }
  await tell('load unreadable', make(unreadable).load(unreadable));
  // The folder is its own, the checkpoint in it is not: what cannot be taken away stays.
  const strategy = make(oldOnes);
  await strategy.load(oldOnes);
  for (let i = 0; i < 3; i++) await tell('save old-ones', strategy.save(oldOnes));
  console.log(readdirSync(oldOnes).sort().join(' '));
}

void main();
