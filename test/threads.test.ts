// Numbers of threads: values, results, and how many threads the process really has.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { afterEach, describe, it } from 'mocha';
import {
  benchmarkFromDatasets,
  type ErrorCode,
  getNumInteropThreads,
  getNumThreads,
  manualSeed,
  MASPlugin,
  nn,
  optim,
  type Plugin,
  setNumInteropThreads,
  setNumThreads,
  SupervisedTemplate,
  type Tensor,
  TensorDataset,
  torch,
} from '../lib/index';
import { assertTensorEqual, throwsWithCode } from './support/assertions';
import { processTestTimeout, runProgram } from './support/child-process';
import { onCpu } from './support/on-cpu';

const initial = getNumThreads();

/** An MLP whose products are large enough for several threads; in some of them MKL then adds in another order. */
const sequential = () => new nn.Sequential(new nn.Linear(256, 512), new nn.ReLU(), new nn.Linear(512, 10));

class Net extends nn.Module {
  first = new nn.Linear(256, 512);
  second = new nn.Linear(512, 10);

  override forward(x: Tensor): Tensor {
    return this.second.forward(this.first.forward(x).relu());
  }
}

/** Parameters and importances, by name, after two experiences with MAS. */
async function trained(make: () => nn.Module, plugins: Plugin[] = []): Promise<Map<string, Tensor>> {
  manualSeed(7);
  const experience = (first: number) =>
    new TensorDataset(torch.randn([512, 256]), torch.randint(first, first + 5, [512], { dtype: 'int64' }));
  const { trainStream } = benchmarkFromDatasets({ train: [experience(0), experience(5)] });
  const model = make();
  const mas = new MASPlugin();
  const strategy = new SupervisedTemplate({
    model,
    optimizer: new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 }),
    trainMbSize: 128,
    evaluator: null,
    plugins: [mas, ...plugins],
  });
  await strategy.train(trainStream);
  const importances = [...mas.importance!].map(([name, tensor]) => [`importance of ${name}`, tensor] as const);
  return new Map([...model.stateDict(), ...importances]);
}

/** float32 in another order: after 8 updates and penalties some 1e-7 was seen. */
function assertSameButForRounding(actual: Map<string, Tensor>, expected: Map<string, Tensor>): void {
  assert.deepEqual([...actual.keys()], [...expected.keys()]);
  for (const [name, tensor] of expected) {
    const distance = actual.get(name)!.sub(tensor).norm().item<number>() / tensor.norm().item<number>();
    assert.ok(distance < 2e-6, `${name}: ${distance}`);
  }
}

describe('setNumThreads', () => {
  onCpu('the threads are those that compute on the CPU');
  afterEach(() => setNumThreads(initial));

  it('sets what getNumThreads returns, before and after a job', async () => {
    assert.ok(Number.isInteger(initial) && initial > 0);
    for (const threads of [1, 3, 2]) {
      setNumThreads(threads);
      assert.equal(getNumThreads(), threads);
      await trained(() => new nn.Linear(256, 10));
      assert.equal(getNumThreads(), threads);
    }
  });

  it('is a function of torch, as are its three neighbours', () => {
    assert.equal(torch.setNumThreads, setNumThreads);
    assert.equal(torch.getNumThreads, getNumThreads);
    assert.equal(torch.setNumInteropThreads, setNumInteropThreads);
    assert.equal(torch.getNumInteropThreads, getNumInteropThreads);
  });

  for (const [form, make] of [
    ['of layers', sequential],
    ['in TypeScript', () => new Net()],
  ] as const) {
    for (const threads of [1, 2]) {
      it(`makes training with MAS of a model ${form} repeatable bit by bit with ${threads} thread(s)`, async () => {
        setNumThreads(threads);
        const first = await trained(make);
        const second = await trained(make);
        assert.ok([...first.keys()].some((name) => name.startsWith('importance of')));
        for (const [name, tensor] of first) assertTensorEqual(second.get(name)!, tensor, name);
      });
    }

    it(`leaves the results of training a model ${form} as they were but for rounding`, async () => {
      setNumThreads(1);
      const one = await trained(make);
      setNumThreads(2);
      assertSameButForRounding(await trained(make), one);
    });
  }

  it('may be called in a hook and while training is under way', async () => {
    setNumThreads(1);
    const expected = await trained(sequential);
    let calls = 0;
    const hook: Plugin = { afterTrainingIteration: () => setNumThreads(1 + (++calls % 3)) };
    assertSameButForRounding(await trained(sequential, [hook]), expected);
    assert.equal(calls, 8);

    const training = trained(sequential);
    setNumThreads(2);
    assertSameButForRounding(await training, expected);
  });
});

describe('numbers of threads', function () {
  this.timeout(processTestTimeout);

  const wrong: [unknown, ErrorCode][] = [
    [0, 'ERR_INVALID_ARG_VALUE'],
    [-1, 'ERR_INVALID_ARG_VALUE'],
    [1.5, 'ERR_INVALID_ARG_VALUE'],
    [NaN, 'ERR_INVALID_ARG_VALUE'],
    [Infinity, 'ERR_INVALID_ARG_VALUE'],
    [1025, 'ERR_INVALID_ARG_VALUE'],
    [1e9, 'ERR_INVALID_ARG_VALUE'],
    [2n, 'ERR_INVALID_ARG_TYPE'],
    ['2', 'ERR_INVALID_ARG_TYPE'],
    [null, 'ERR_INVALID_ARG_TYPE'],
    [undefined, 'ERR_INVALID_ARG_TYPE'],
  ];
  for (const set of [setNumThreads, setNumInteropThreads]) {
    for (const [value, code] of wrong) {
      it(`are refused where they are none: ${set.name}(${typeof value === 'string' ? `'${value}'` : String(value)})`, () => {
        const before = [getNumThreads(), getNumInteropThreads()];
        const message = new RegExp(`^${set.name}: expected threads to be an integer from 1 to 1024, got `);
        throwsWithCode(() => set(value as number), code, message);
        assert.deepEqual([getNumThreads(), getNumInteropThreads()], before);
      });
    }
  }

  const prints = async (program: string, args: string[], ...lines: string[]) => {
    const ended = await runProgram(`test/process/programs/${program}.ts`, args);
    assert.deepEqual(ended, { code: 0, signal: null, stdout: lines.map((line) => `${line}\n`).join(''), stderr: '' });
  };

  it('between operators are set once', () => prints('threads', ['interop'], '3', 'ERR_CALL_ORDER', '3'));

  it('between operators are not set once TorchScript has forked', () =>
    prints('threads', ['forked'], '3 6', 'ERR_CALL_ORDER'));

  it('may be set while the process exits', () => prints('threads', ['exit'], '3 500 500'));

  it('are at first what OMP_NUM_THREADS says', () =>
    prints('thread-environment', ['OMP_NUM_THREADS=1'], '1, threads started on the JavaScript thread: 0'));

  describe('of Linux', () => {
    const skip = process.platform !== 'linux';

    it('are those of one team, whichever thread has it', async function () {
      if (skip) this.skip();
      await prints('threads', ['teams'], '3: 2 2', '1: 0 0', '4: 3 3', '2: 1 1', '3: 2 2', '2: 1 1');
    });

    it('are those of one team when it changes hands under autocast', async function () {
      if (skip) this.skip();
      await prints('threads', ['autocast'], '0');
    });

    it('are those of one team with MKL_NUM_THREADS too', async function () {
      if (skip) this.skip();
      const ended = await runProgram('test/process/programs/thread-environment.ts', ['MKL_NUM_THREADS=2']);
      assert.match(ended.stdout, /threads started on the JavaScript thread: 0\n$/);
    });

    it('go to workers that begin later, and are their own from then on', async function () {
      if (skip) this.skip();
      await prints('threads', ['workers'], 'worker: 3', 'worker: 3 2, more threads: 1', 'main thread: 1');
    });

    it('are refused where the system does not let the process start so many', async function () {
      if (skip || spawnSync('prlimit', ['--version']).status !== 0) this.skip();
      await prints('threads', ['limit'], 'ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_VALUE', '2', '3 500 500');
    });
  });
});
