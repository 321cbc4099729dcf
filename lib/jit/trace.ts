import { ContinualTorchError, describeValue } from '../errors';
import { type AnyModule, Module, nativeModule } from '../nn/module';
import { fromNative, toNative } from '../nn/script-value';
import { Tensor } from '../tensor/tensor';
import { frozenModes, warnOfEvalMode } from './frozen-modes';
import { ScriptModule } from './script-module';
import { callUser } from '../user-function';

/** A tensor, or a tuple of them. */
export type TraceInput = Tensor | readonly TraceInput[];

/**
 * Records a model's `forward` as TorchScript (`torch.jit.trace`), so that what is written in TypeScript can be saved and
 * opened in Python: `forward` is called once, and every operator in it is written down with the parameters and buffers that
 * it uses. The result shares them with the model.
 *
 * What is written down is this one run: a branch or a number of iterations that depends on values is the one that these
 * inputs lead to, and a size that is read in TypeScript is a constant. Layers of `nn` stay calls of these layers, in train
 * and in eval mode as the result is; an operator that is called with a mode keeps it (`frozenModes`).
 *
 * ```ts
 * const traced = jit.trace(net.eval(), torch.randn([1, 784]));
 * await jit.save(traced, 'net.pt');
 * ```
 * @param exampleInputs the one input, or an array of all; an array in it is a tuple
 * @throws ERR_TRACE where the result does not give the model's output for the example inputs, to 1e-5; ERR_INVALID_ARG_TYPE
 * where an input or the output is no tensor or tuple (array) of tensors; whatever `forward` throws. Buffers, random
 * generators and the example inputs are afterwards as before.
 */
export function trace<Output = Tensor>(model: AnyModule, exampleInputs: TraceInput): ScriptModule<Output> {
  if (!(model instanceof Module)) {
    throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `jit.trace: expected a Module, got ${describeValue(model)}`);
  }
  const inputs = exampleInputs instanceof Tensor ? [exampleInputs] : exampleInputs;
  requireTensors('exampleInputs to be a Tensor or an array of Tensors and tuples of them', inputs);
  const handle = nativeModule(model).trace((inputs as Tensor[]).map(toNative), (values) => {
    const output: unknown = callUser('ERR_TRACE', 'jit.trace: forward failed', () =>
      model.forward(...(values.map(fromNative) as [Tensor])),
    );
    requireTensors('forward to return a Tensor or an array of Tensors', output);
    return toNative(output as Tensor);
  }, model.takesTaskLabels); // prettier-ignore
  const traced = new ScriptModule<Output>(handle);
  warnOfEvalMode('jit.trace', traced);
  warnOfTrainMode(traced);
  return traced;
}

function requireTensors(expected: string, value: unknown): void {
  if (value instanceof Tensor) return;
  if (Array.isArray(value) && value.length > 0) {
    for (const item of value) requireTensors(expected, item);
    return;
  }
  throw new ContinualTorchError('ERR_INVALID_ARG_TYPE', `jit.trace: expected ${expected}, got ${describeValue(value)}`);
}

function warnOfTrainMode(traced: AnyModule): void {
  const dropout = frozenModes(traced).find(({ operator, mode }) => mode === 'train' && /dropout|attention/.test(operator));
  if (!dropout) return;
  process.emitWarning(
    `jit.trace: ${dropout.operator} was called for training and will drop out in eval mode too: the trace holds the mode as a ` +
      'constant. Use nn.Dropout, which asks for the mode when it runs, or trace in eval mode.',
    { type: 'ContinualTorchWarning', code: 'WARN_TRACED_IN_TRAIN_MODE' },
  );
}
