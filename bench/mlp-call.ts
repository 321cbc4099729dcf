/**
 * What a call of a 3-layer MLP costs whose forward is TypeScript, against the same in Python: recorded for backward, small
 * mini-batches, where the overhead of each call counts most. To reach: at most 1.3 times as much.
 *
 *     PYTHON=/path/to/python npx tsx bench/mlp-call.ts [--json]
 */
import path from 'node:path';
import { nn, ops, type Tensor } from '../lib/index';
import { compare, nanosecondsPerCall, print, printedNumber } from './trials';

const python = process.env.PYTHON ?? 'python3';
const peer = path.join(__dirname, 'peers', 'mlp_call.py');
const relu = ops.aten.relu!;

class Net extends nn.Module {
  fc1 = new nn.Linear(784, 128);
  fc2 = new nn.Linear(128, 64);
  fc3 = new nn.Linear(64, 10);

  override forward(x: Tensor): Tensor {
    return this.fc3.forward(relu(this.fc2.forward(relu(this.fc1.forward(x)) as Tensor)) as Tensor);
  }
}

const model = new Net();
const threads = Number(process.env.OMP_NUM_THREADS ?? 0);
for (const [batch, calls] of [[1, 20_000], [32, 5_000]] as const) {
  const x = ops.aten.randn!([batch, 784]) as Tensor;
  const result = compare(
    'ns',
    () => nanosecondsPerCall(() => model.forward(x), calls),
    () => printedNumber(python, [peer, String(calls), String(batch), String(threads)]),
  );
  print(`mlp-call, batch ${batch}, ${threads || 'default'} threads`, 'Python', 1.3, result);
}
