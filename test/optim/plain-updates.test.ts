// Every update against PyTorch's loop over the parameters (`foreach=False, fused=False`), written line by line with the
// same operators: in half precision to the same bits, whose roundings depend on an element's place in its tensor.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { type DType, getNumThreads, manualSeed, noGrad, optim, setNumThreads, type Tensor, torch } from '../../lib/index';
import { assertTensorClose, type Tolerance } from '../support/assertions';
import { device } from '../support/device';

interface Options {
  lr: number;
  weightDecay?: number;
  maximize?: boolean;
  momentum?: number;
  dampening?: number;
  nesterov?: boolean;
  betas?: [number, number];
  eps?: number;
  amsgrad?: boolean;
  alpha?: number;
  centered?: boolean;
  lrDecay?: number;
  initialAccumulatorValue?: number;
}
type Memory = Record<string, Tensor>;
/** Updates `p` from `grad` in place; `step` counts from 1. */
type Update = (p: Tensor, grad: Tensor, memory: Memory, step: number, options: Options) => void;

const descend = (grad: Tensor, { maximize }: Options) => (maximize ? grad.neg() : grad);
const decayed = (p: Tensor, grad: Tensor, options: Options) => {
  const descent = descend(grad, options);
  return options.weightDecay ? descent.add(p, { alpha: options.weightDecay }) : descent;
};

const adam =
  (isDecoupled: boolean): Update =>
  (p, gradient, memory, step, options) => {
    const { lr, betas: [beta1, beta2] = [0.9, 0.999], eps = 1e-8 } = options;
    const weightDecay = options.weightDecay ?? (isDecoupled ? 0.01 : 0);
    let grad = descend(gradient, options);
    if (weightDecay && isDecoupled) p.mul_(1 - lr * weightDecay);
    else if (weightDecay) grad = grad.add(p, { alpha: weightDecay });
    const mean = (memory.mean ??= p.zerosLike());
    const square = (memory.square ??= p.zerosLike());
    mean.lerp_(grad, 1 - beta1);
    square.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    if (options.amsgrad) memory.largest = (memory.largest ?? p.zerosLike()).maximum(square);
    const denominator = (memory.largest ?? square)
      .sqrt()
      .div((1 - beta2 ** step) ** 0.5)
      .add_(eps);
    p.addcdiv_(mean, denominator, { value: -(lr / (1 - beta1 ** step)) });
  };

const plain: Record<'SGD' | 'Adam' | 'AdamW' | 'RMSprop' | 'Adagrad', Update> = {
  SGD(p, gradient, memory, _step, options) {
    const { lr, momentum = 0, dampening = 0 } = options;
    let grad = decayed(p, gradient, options);
    if (momentum !== 0) {
      if (memory.buffer) memory.buffer.mul_(momentum).add_(grad, { alpha: 1 - dampening });
      else memory.buffer = grad.clone();
      grad = options.nesterov ? grad.add(memory.buffer, { alpha: momentum }) : memory.buffer;
    }
    p.add_(grad, { alpha: -lr });
  },
  Adam: adam(false),
  AdamW: adam(true),
  RMSprop(p, gradient, memory, _step, options) {
    const { lr, alpha = 0.99, eps = 1e-8, momentum = 0 } = options;
    const grad = decayed(p, gradient, options);
    const square = (memory.square ??= p.zerosLike());
    square.mul_(alpha).addcmul_(grad, grad, { value: 1 - alpha });
    let average = square;
    if (options.centered) {
      memory.mean ??= p.zerosLike();
      memory.mean.lerp_(grad, 1 - alpha);
      average = square.addcmul(memory.mean, memory.mean, { value: -1 });
    }
    average = average.sqrt().add_(eps);
    if (momentum > 0) {
      const buffer = (memory.buffer ??= p.zerosLike());
      p.add_(buffer.mul_(momentum).addcdiv_(grad, average), { alpha: -lr });
    } else {
      p.addcdiv_(grad, average, { value: -lr });
    }
  },
  Adagrad(p, gradient, memory, step, options) {
    const { lr, lrDecay = 0, eps = 1e-10, initialAccumulatorValue = 0 } = options;
    const grad = decayed(p, gradient, options);
    const sum = (memory.sum ??= torch.fullLike(p, initialAccumulatorValue));
    sum.addcmul_(grad, grad);
    p.addcdiv_(grad, sum.sqrt().add_(eps), { value: -(lr / (1 + (step - 1) * lrDecay)) });
  },
};

const cases: [keyof typeof plain, Options][] = [
  ['SGD', { lr: 0.1 }],
  ['SGD', { lr: 0.03, weightDecay: 0.1, maximize: true }],
  ['SGD', { lr: 0.1, momentum: 0.9 }],
  ['SGD', { lr: 0.1, momentum: 0.8, dampening: 0.3, weightDecay: 0.01 }],
  ['SGD', { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01, maximize: true }],
  ['Adam', { lr: 0.01 }],
  ['Adam', { lr: 0.01, betas: [0.4, 0.9], weightDecay: 0.1, amsgrad: true }],
  ['Adam', { lr: 0.01, eps: 1e-3, maximize: true }],
  ['AdamW', { lr: 0.01, weightDecay: 0.3 }],
  ['AdamW', { lr: 0.01, amsgrad: true, maximize: true }],
  ['RMSprop', { lr: 0.01 }],
  ['RMSprop', { lr: 0.01, alpha: 0.9, weightDecay: 0.1, momentum: 0.9 }],
  ['RMSprop', { lr: 0.01, centered: true, eps: 1e-3, maximize: true }],
  ['RMSprop', { lr: 0.01, centered: true, eps: 1e-3, momentum: 0.5, weightDecay: 0.1 }],
  ['Adagrad', { lr: 0.1 }],
  ['Adagrad', { lr: 0.1, lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.5 }],
  ['Adagrad', { lr: 0.1, eps: 1e-3, maximize: true }],
];

/** One after the other in one buffer they begin at every place in a vector; the last is worth several threads. */
const sizes = [...Array.from({ length: 70 }, (_, i) => i + 1), 100_003];

/**
 * Half precision on a device: float32 comes to another last digit here and there, by which later steps round otherwise. A
 * parameter between 2 and 4, which momentum moves past 0, keeps one such digit of those numbers.
 */
const onDevices = (digits: number): Tolerance => ({ relative: 2 ** (2 - digits), absolute: 2 ** (2 - digits) });
const tolerances: Partial<Record<DType, Tolerance>> = {
  float64: { relative: 1e-10, absolute: 1e-12 },
  float32: { relative: 1e-4, absolute: 2e-6 },
  bfloat16: device === 'cpu' ? { relative: 0, absolute: 0 } : onDevices(8),
  float16: device === 'cpu' ? { relative: 0, absolute: 0 } : onDevices(11),
  complex64: { relative: 1e-4, absolute: 2e-6 },
  complex128: { relative: 1e-10, absolute: 1e-12 },
};

/** A complex number as the two numbers that PyTorch's updates take it for. */
const parts = (numbers: Tensor) => (numbers.isComplex() ? torch.viewAsReal(numbers) : numbers);

/** A device's fused kernels compute one step of half precision in float32, and round what is kept. */
function update(kind: keyof typeof plain, p: Tensor, grad: Tensor, memory: Memory, step: number, options: Options): void {
  if (device === 'cpu' || kind === 'RMSprop' || !['bfloat16', 'float16'].includes(p.dtype)) {
    return plain[kind](p, grad, memory, step, options);
  }
  const wide: Memory = Object.fromEntries(Object.entries(memory).map(([name, kept]) => [name, kept.float()]));
  const moved = p.float();
  plain[kind](moved, grad.float(), wide, step, options);
  p.copy_(moved);
  for (const [name, kept] of Object.entries(wide)) memory[name] = kept.to(p.dtype);
}

function compare(kind: keyof typeof plain, options: Options, dtype: DType): void {
  manualSeed(7);
  const parameters = sizes.map((size) => torch.randn([size], { dtype }).requiresGrad_());
  const expected = parameters.map((parameter) => parameter.detach().clone());
  const memories: Memory[] = sizes.map(() => ({}));
  const optimizer = new optim[kind](parameters, options);
  for (let step = 1; step <= 4; step++) {
    parameters.forEach((parameter, i) => {
      parameter.grad = torch.randn([sizes[i]!], { dtype });
      noGrad(() => update(kind, parts(expected[i]!), parts(parameter.grad!), memories[i]!, step, options));
    });
    optimizer.step();
  }
  parameters.forEach((parameter, i) => {
    const name = `${kind} ${JSON.stringify(options)} ${dtype} [${sizes[i]}]`;
    assertTensorClose(parts(parameter.detach()), parts(expected[i]!), tolerances[dtype], name);
  });
}

describe("updates against PyTorch's plain ones", () => {
  for (const dtype of Object.keys(tolerances) as DType[]) {
    it(`of ${dtype}, every size and alignment`, () => {
      for (const [kind, options] of cases) compare(kind, options, dtype);
    });
  }

  it('on one thread', () => {
    const threads = getNumThreads();
    setNumThreads(1);
    try {
      for (const [kind, options] of cases.slice(0, 5)) compare(kind, options, 'bfloat16');
    } finally {
      setNumThreads(threads);
    }
  });

  it('every option changes the result, so that none can be ignored unnoticed', () => {
    const results = cases.map(([kind, options]) => {
      const p = torch.ones([3], { dtype: 'float64' });
      const memory: Memory = {};
      for (let step = 1; step <= 3; step++) plain[kind](p, torch.ones([3], { dtype: 'float64' }).mul(step), memory, step, options);
      return p.toNumbers().join();
    });
    assert.equal(new Set(results).size, results.length);
  });
});
