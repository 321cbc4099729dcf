import { describe, it } from 'mocha';
import { type ErrorCode, jit, loadSafetensors, nn, optim, saveSafetensors, torch } from '../../lib/index';
import { rejectsWithCode, throwsWithCode } from '../support/assertions';

const model = new nn.Linear(2, 1);
const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
const readFirst = /got "model\.pt": read the file first, with await torch\.load\(path\) or await loadSafetensors\(path\)$/;

describe('what is meant by an argument of another kind is told', () => {
  const loads: [string, (value: never) => unknown, ErrorCode][] = [
    ['a model', (value) => new nn.Linear(2, 1).loadStateDict(value), 'ERR_INVALID_ARG_TYPE'],
    ['an optimizer', (value) => optimizer.loadStateDict(value), 'ERR_STATE_DICT'],
    ['a scheduler', (value) => new optim.StepLR(optimizer, { stepSize: 1 }).loadStateDict(value), 'ERR_STATE_DICT'],
  ];
  for (const [name, load, code] of loads) {
    it(`by loadStateDict of ${name}`, () => {
      throwsWithCode(() => load('model.pt' as never), code, readFirst);
      throwsWithCode(() => load(Promise.resolve(new Map()) as never), code, /got a Promise: await it$/);
      throwsWithCode(() => load(model as never), code, /got a Linear: hand over its stateDict\(\)$/);
      throwsWithCode(() => load(3 as never), code, /got 3$/);
    });
  }

  it('by what reads files', async () => {
    for (const read of [loadSafetensors, torch.load]) {
      await rejectsWithCode(read(model as never), 'ERR_INVALID_ARG_TYPE', /got a Linear: a file is read first, and loadStateDict\(\) takes/);
      await rejectsWithCode(read(Promise.resolve('x') as never), 'ERR_INVALID_ARG_TYPE', /got a Promise: await it$/);
      await rejectsWithCode(read('https://host/model.safetensors'), 'ERR_DATA_NOT_FOUND', /No such file.*: fetch the address, and hand over/i);
    }
  });

  it('by what writes them', async () => {
    for (const write of [saveSafetensors, torch.save]) {
      await rejectsWithCode(write(model as never, 'never-written'), 'ERR_INVALID_ARG_TYPE', /got a Linear: hand over its stateDict\(\)$/);
      await rejectsWithCode(write(Promise.resolve() as never, 'never-written'), 'ERR_INVALID_ARG_TYPE', /got a Promise: await it$/);
    }
    await rejectsWithCode(
      jit.save(model.stateDict() as never, 'never-written'),
      'ERR_INVALID_ARG_TYPE',
      /got a Map: torch\.save and saveSafetensors write tensors by name$/,
    );
  });
});
