// Parameters of several dtypes in one optimizer: each is updated as if it were alone.
import assert from 'node:assert/strict';
import { describe, it } from 'mocha';
import { amp, type DType, manualSeed, nn, ops, optim, type Tensor, tensor, torch } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';

const dtypes: DType[] = ['bfloat16', 'float32', 'bfloat16', 'complex64', 'float64', 'float32', 'float16', 'complex128'];
const options = {
  SGD: { lr: 0.1, momentum: 0.9, weightDecay: 0.01 },
  Adam: { lr: 0.01, amsgrad: true },
  AdamW: { lr: 0.01 },
  RMSprop: { lr: 0.01, momentum: 0.5, centered: true, eps: 1e-3 },
  Adagrad: { lr: 0.1, initialAccumulatorValue: 0.5 },
};
type Kind = keyof typeof options;
const kinds = Object.keys(options) as Kind[];

const random = (dtype: DType, size = 5) => torch.randn([size], { dtype });
const copies = (parameters: Tensor[]) => parameters.map((p) => p.detach().clone().requiresGrad_());

function steps(count: number, seed: number, parameters: Tensor[], ...given: optim.Optimizer[]): void {
  manualSeed(seed);
  for (let step = 0; step < count; step++) {
    // Every third time one rests.
    parameters.forEach((p, i) => {
      const grad = random(p.dtype);
      p.grad = (step + i) % 3 === 0 ? null : grad;
    });
    for (const optimizer of given) optimizer.step();
  }
}

describe('a gradient that is a view of itself', () => {
  const complex = (re: number[], im: number[]) => torch.complex(tensor(re), tensor(im));

  it('conjugated or negated, is what it shows', () => {
    const parameter = new nn.Parameter(complex([1, 2], [3, 4]));
    const optimizer = new optim.SGD([parameter], { lr: 1 });
    parameter.grad = complex([1, 1], [1, 1]);
    optimizer.step();
    parameter.grad = parameter.grad.conj();
    optimizer.step();
    assertTensorEqual(torch.viewAsReal(parameter.detach()), tensor([[-1, 3], [0, 4]])); // prettier-ignore

    const real = new nn.Parameter(tensor([3, 3]));
    const other = new optim.SGD([real], { lr: 1 });
    real.grad = tensor([1, 2]);
    other.step();
    real.grad = ops.aten._neg_view!(real.grad) as Tensor;
    other.step();
    assertTensorEqual(real.detach(), tensor([3, 3]));
  });
});

describe('parameters of several dtypes', () => {
  for (const kind of kinds) {
    it(`${kind} updates each as if it were alone`, () => {
      const parameters = dtypes.map((dtype) => random(dtype).requiresGrad_());
      const alone = copies(parameters);
      const together = new optim[kind](parameters, options[kind]);
      steps(5, 1, parameters, together);
      steps(5, 1, alone, ...alone.map((p) => new optim[kind]([p], options[kind])));
      parameters.forEach((p, i) => {
        // The fused kernels round otherwise at the end of what they pass over.
        const tolerance = { relative: p.dtype.endsWith('16') ? 0 : 1e-6, absolute: 0 };
        const [actual, expected] = [p, alone[i]!].map((q) => (q.isComplex() ? torch.viewAsReal(q.detach()) : q.detach()));
        assertTensorClose(actual!, expected!, tolerance, `${i} ${p.dtype}`);
      });
    });

    it(`${kind}: states have their parameter's dtype, and go on from a state dict`, () => {
      const parameters = dtypes.map((dtype) => random(dtype).requiresGrad_());
      const optimizer = new optim[kind](parameters, options[kind]);
      steps(4, 1, parameters, optimizer);
      for (const p of parameters) {
        for (const [name, value] of Object.entries(optimizer.state(p)!)) {
          if (name !== 'step') assert.equal((value as Tensor).dtype, p.dtype, name);
        }
      }
      const resumed = copies(parameters);
      const other = new optim[kind](resumed, options[kind]);
      other.loadStateDict(optimizer.stateDict());
      steps(4, 2, parameters, optimizer);
      steps(4, 2, resumed, other);
      parameters.forEach((p, i) => assertTensorEqual(p.detach(), resumed[i]!.detach(), `${i} ${p.dtype}`));
    });
  }

  it('a complex parameter is two real ones', () => {
    for (const kind of kinds) {
      const complex = random('complex64').requiresGrad_();
      const real = torch.viewAsReal(complex.detach()).clone().requiresGrad_();
      const optimizers = [new optim[kind]([complex], options[kind]), new optim[kind]([real], options[kind])];
      for (let step = 0; step < 3; step++) {
        complex.grad = random('complex64');
        real.grad = torch.viewAsReal(complex.grad).clone();
        for (const optimizer of optimizers) optimizer.step();
      }
      assertTensorEqual(torch.viewAsReal(complex.detach()), real.detach(), kind);
    }
  });

  it('a gradient of a complex parameter comes from backward', () => {
    const w = tensor([1, 2], { dtype: 'complex64' }).requiresGrad_();
    const optimizer = new optim.SGD([w], { lr: 0.25, momentum: 0.5 });
    const i = torch.complex(tensor([0]), tensor([1]));
    for (let step = 0; step < 2; step++) {
      optimizer.zeroGrad();
      // |w - i|^2: the gradient is 2 (w - i).
      w.sub(i).abs().square().sum().backward();
      optimizer.step();
    }
    // With d = w - i at first: velocity 2 d, w - i = d / 2; then velocity d + d, w - i = 0.
    assertTensorClose(torch.viewAsReal(w.detach()).select(0, 0), tensor([0, 1]));
    assertTensorClose(torch.viewAsReal(w.detach()).select(0, 1), tensor([0, 1]));
  });

  it('a parameter whose dtype changes keeps its momentum, in the new dtype', () => {
    const layer = new nn.Linear(3, 1, { bias: false });
    const p = layer.weight;
    nn.init.ones_(p);
    const optimizer = new optim.SGD([p], { lr: 0.5, momentum: 0.5 });
    p.grad = torch.ones([1, 3]);
    optimizer.step();
    layer.to('bfloat16');
    p.grad = torch.ones([1, 3], { dtype: 'bfloat16' });
    optimizer.step();
    // 1 - 0.5 * 1 - 0.5 * (0.5 + 1)
    assertTensorEqual(p.detach(), torch.full([1, 3], -0.25, { dtype: 'bfloat16' }));
    assert.equal(optimizer.state(p)!.momentumBuffer!.dtype, 'bfloat16');
  });

  it('clipping takes the norm over all, and GradScaler divides all', () => {
    const parameters = (['float32', 'bfloat16', 'float64'] as const).map((dtype) =>
      torch.zeros([1], { dtype }).requiresGrad_(),
    );
    const [a, b, c] = parameters as [Tensor, Tensor, Tensor];
    const scaler = new amp.GradScaler({ initScale: 8 });
    const optimizer = new optim.SGD(parameters, { lr: 1 });
    scaler.scale(a.mul(2).add(b.mul(3)).add(c.mul(6)).sum()).backward();
    scaler.unscale_(optimizer);
    assert.deepEqual(parameters.map(({ grad }) => grad!.item()), [2, 3, 6]);
    const norm = nn.utils.clipGradNorm_(parameters, 3.5);
    assert.equal(norm.item(), 7);
    assertTensorClose(a.grad!, tensor([1]));
    assertTensorEqual(b.grad!, tensor([1.5], { dtype: 'bfloat16' }));
    assertTensorClose(c.grad!, tensor([3], { dtype: 'float64' }));
    scaler.step(optimizer);
    assert.deepEqual([b, c].map((p) => Math.round(p.item() * 1e4) / 1e4), [-1.5, -3]);
    assert.deepEqual(parameters.map(({ dtype }) => dtype), ['float32', 'bfloat16', 'float64']);
  });

  it('clipping counts a complex gradient by its magnitude', () => {
    const w = tensor([0], { dtype: 'complex64' }).requiresGrad_();
    w.grad = torch.complex(tensor([3]), tensor([4]));
    assert.equal(nn.utils.clipGradNorm_([w], 1).item(), 5);
    assertTensorClose(torch.viewAsReal(w.grad), tensor([[0.6, 0.8]]));
  });

  it('misuse: integers, and a complex state for a real parameter', () => {
    throwsWithCode(
      () => new optim.SGD([tensor([1], { dtype: 'int64' })], { lr: 1 }),
      'ERR_INVALID_ARG_VALUE',
      /floating-point or complex tensors, got Long/,
    );
    const w = random('complex64').requiresGrad_();
    const saved = new optim.SGD([w], { lr: 1, momentum: 0.5 });
    w.grad = random('complex64');
    saved.step();
    const p = random('float32').requiresGrad_();
    const optimizer = new optim.SGD([p], { lr: 1, momentum: 0.5 });
    throwsWithCode(
      () => optimizer.loadStateDict(saved.stateDict()),
      'ERR_STATE_DICT',
      /momentum_buffer as real numbers for parameter 0, got ComplexFloat/,
    );
  });
});
