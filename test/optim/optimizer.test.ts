import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { describe, it } from 'mocha';
import { type DType, nn, ops, optim, tensor, type Tensor } from '../../lib/index';
import { assertTensorClose, assertTensorEqual, throwsWithCode } from '../support/assertions';

const kinds = ['SGD', 'Adam', 'AdamW', 'RMSprop', 'Adagrad'] as const;
const parameter = (values: number[], dtype: DType = 'float32') => tensor(values, { dtype }).requiresGrad_();
const backward = (of: Tensor, factor = 1) => (ops.aten.sum!(ops.aten.mul!(of, factor)) as Tensor).backward();

describe('optim', () => {
  it('SGD without options takes a step of 0.001 against the gradient', () => {
    const p = parameter([1, 2]);
    const optimizer = new optim.SGD([p]);
    backward(p, 3);
    optimizer.step();
    assertTensorClose(p, tensor([1 - 0.003, 2 - 0.003]));
  });

  it('Adam without options takes a first step of 0.001, whatever the size of the gradient', () => {
    const p = parameter([1, 2]);
    const optimizer = new optim.Adam([p]);
    backward(p, 500);
    optimizer.step();
    assertTensorClose(p, tensor([0.999, 1.999]));
  });

  it('AdamW shrinks the parameter by lr * weightDecay (0.01 by default) besides', () => {
    const p = parameter([1, 2]);
    const optimizer = new optim.AdamW([p], { lr: 0.1 });
    backward(p);
    optimizer.step();
    assertTensorClose(p, tensor([0.999 - 0.1, 2 * 0.999 - 0.1]));
  });

  for (const kind of kinds) {
    it(`${kind} keeps the tensor and its dtype, and its gradient until zeroGrad`, () => {
      for (const dtype of ['float32', 'float64'] as const) {
        const p = parameter([1, -1], dtype);
        const optimizer = new optim[kind]([p]);
        backward(p);
        backward(p);
        optimizer.step();
        assert.equal(p.dtype, dtype);
        assertTensorEqual(p.grad!, tensor([2, 2], { dtype }));
        optimizer.zeroGrad();
        assert.equal(p.grad, null);
      }
    });

    it(`${kind} leaves everything as it is where no parameter has a gradient, and where there never will be one`, () => {
      const p = parameter([1, 2]);
      const frozen = tensor([3]);
      const optimizer = new optim[kind]([p, frozen], { lr: 1, weightDecay: 0.5 });
      optimizer.step();
      optimizer.zeroGrad();
      backward(p);
      optimizer.step();
      assertTensorEqual(frozen, tensor([3]));
      assert.notDeepEqual(p.toNumbers(), [1, 2]);
    });

    it(`${kind} takes any iterable of tensors`, () => {
      const p = parameter([1]);
      const optimizer = new optim[kind](new Set([p]), { lr: 1 });
      backward(p);
      optimizer.step();
      assert.notEqual(p.item(), 1);
    });

    it(`${kind}, misuse: parameters that are no tensors`, () => {
      const wrong: [unknown, RegExp][] = [
        [undefined, /got undefined$/],
        ['abc', /got "abc"$/],
        [parameter([1]), /got a Tensor$/],
        [new nn.Linear(1, 1), /\(model\.parameters\(\)\), got a Linear$/],
        [[['weight', 3]], /to be tensors, got an array of 2 at index 0$/],
        [[parameter([1]), 3], /got 3 at index 1$/],
      ];
      for (const [parameters, message] of wrong) {
        const error = throwsWithCode(() => new optim[kind](parameters as Tensor[]), 'ERR_INVALID_ARG_TYPE', message);
        assert.match(error.message, new RegExp(`^optim\\.${kind}: expected parameters`));
      }
    });

    it(`${kind}, misuse: no parameters, or a disposed one`, () => {
      throwsWithCode(
        () => new optim[kind]([]),
        'ERR_NO_PARAMETERS',
        new RegExp(`^optim\\.${kind}: expected at least one parameter, got none`),
      );
      const p = parameter([1]);
      p.dispose();
      throwsWithCode(() => new optim[kind]([p]), 'ERR_DISPOSED', /disposed/);
    });

    it(`${kind}, misuse: parameters of integers`, () => {
      throwsWithCode(
        () => new optim[kind]([tensor([1], { dtype: 'int64' })]),
        'ERR_INVALID_ARG_VALUE',
        /floating-point or complex tensors, got Long/,
      );
    });

    it(`${kind}, misuse: a parameter given twice, or computed`, () => {
      const p = parameter([1]);
      throwsWithCode(() => new optim[kind]([p, p]), 'ERR_INVALID_ARG_VALUE', /distinct, got .* at index 1/);
      const computed = ops.aten.mul!(p, 2) as Tensor;
      throwsWithCode(() => new optim[kind]([computed]), 'ERR_INVALID_ARG_VALUE', /leaves, not computed tensors/);
    });

    it(`${kind}, misuse: options of every kind`, () => {
      const make = (options: object) => () => new optim[kind]([parameter([1])], options);
      const name = `^optim\\.${kind}: `;
      throwsWithCode(
        make({ learningRate: 1 }),
        'ERR_UNKNOWN_OPTION',
        new RegExp(`${name}unknown option "learningRate"; expected among lr, `),
      );
      for (const option of ['lr', 'weightDecay', kind === 'SGD' ? 'momentum' : 'eps']) {
        for (const value of [-1, NaN, Infinity]) {
          throwsWithCode(
            make({ [option]: value }),
            'ERR_INVALID_ARG_VALUE',
            new RegExp(`${name}expected ${option} to be a number of at least 0, got ${value}$`),
          );
        }
        throwsWithCode(
          make({ [option]: '1' }),
          'ERR_INVALID_ARG_TYPE',
          new RegExp(`expected ${option} to be .*, got "1"$`),
        );
        throwsWithCode(make({ [option]: null }), 'ERR_INVALID_ARG_TYPE', /got null$/);
      }
      throwsWithCode(make({ maximize: 1 }), 'ERR_INVALID_ARG_TYPE', /expected maximize to be true or false, got 1$/);
      throwsWithCode(make(0.1 as never), 'ERR_INVALID_ARG_TYPE', /expected options to be an object, got 0\.1$/);
    });
  }

  it('SGD, misuse: nesterov without momentum or with dampening', () => {
    for (const options of [{}, { momentum: 0 }, { momentum: 0.9, dampening: 0.1 }]) {
      throwsWithCode(
        () => new optim.SGD([parameter([1])], { nesterov: true, ...options }),
        'ERR_INVALID_ARG_VALUE',
        /^optim\.SGD: expected momentum above 0 and dampening 0 with nesterov, got momentum [\d.]+ and dampening [\d.]+$/,
      );
    }
    throwsWithCode(
      () => new optim.SGD([parameter([1])], { dampening: NaN }),
      'ERR_INVALID_ARG_VALUE',
      /expected dampening to be a number, got NaN$/,
    );
  });

  it('RMSprop without options takes a first step of 0.1, whatever the size of the gradient', () => {
    const p = parameter([1, 2]);
    const optimizer = new optim.RMSprop([p]);
    backward(p, 500);
    optimizer.step();
    assertTensorClose(p, tensor([0.9, 1.9]));
  });

  it('Adagrad without options takes a first step of 0.01, whatever the size of the gradient', () => {
    const p = parameter([1, 2]);
    const optimizer = new optim.Adagrad([p]);
    backward(p, 500);
    optimizer.step();
    assertTensorClose(p, tensor([0.99, 1.99]));
  });

  it('Adam with decoupledWeightDecay is AdamW', () => {
    const [a, b] = [parameter([1, -2]), parameter([1, -2])];
    const options = { lr: 0.1, weightDecay: 0.2 };
    const optimizers = [new optim.Adam([a], { ...options, decoupledWeightDecay: true }), new optim.AdamW([b], options)];
    for (const p of [a, b]) backward(p);
    for (const optimizer of optimizers) optimizer.step();
    assertTensorEqual(a, b);
  });

  it('RMSprop, misuse: a momentum that is negative, and centered that is no boolean', () => {
    const make = (options: object) => () => new optim.RMSprop([parameter([1])], options);
    throwsWithCode(make({ momentum: -1 }), 'ERR_INVALID_ARG_VALUE', /momentum to be a number of at least 0, got -1$/);
    throwsWithCode(make({ alpha: -0.1 }), 'ERR_INVALID_ARG_VALUE', /alpha to be a number of at least 0, got -0\.1$/);
    throwsWithCode(make({ centered: 1 }), 'ERR_INVALID_ARG_TYPE', /centered to be true or false, got 1$/);
  });

  it('Adagrad, misuse: a decay or an initial value that is negative', () => {
    for (const option of ['lrDecay', 'initialAccumulatorValue']) {
      throwsWithCode(
        () => new optim.Adagrad([parameter([1])], { [option]: -1 }),
        'ERR_INVALID_ARG_VALUE',
        new RegExp(`expected ${option} to be a number of at least 0, got -1$`),
      );
    }
  });

  for (const kind of ['Adam', 'AdamW'] as const) {
    it(`${kind}, misuse: betas that are not two numbers in [0, 1)`, () => {
      const make = (betas: unknown) => () => new optim[kind]([parameter([1])], { betas: betas as [number, number] });
      throwsWithCode(make([0.9, 1]), 'ERR_INVALID_ARG_VALUE', /expected betas\.1 to be a number in \[0, 1\), got 1$/);
      throwsWithCode(make([-0.1, 0.9]), 'ERR_INVALID_ARG_VALUE', /expected betas\.0 to be .*, got -0\.1$/);
      throwsWithCode(make([0.9, NaN]), 'ERR_INVALID_ARG_VALUE', /betas\.1 .*, got NaN$/);
      throwsWithCode(
        make([0.9]),
        'ERR_INVALID_ARG_VALUE',
        /expected betas to be two numbers in \[0, 1\), got an array of 1$/,
      );
      throwsWithCode(make(0.9), 'ERR_INVALID_ARG_TYPE', /expected betas to be two numbers in \[0, 1\), got 0\.9$/);
    });
  }

  it('is printed as PyTorch prints it, and says what to do where it cannot be cloned', () => {
    const optimizer = new optim.SGD([{ params: [parameter([1])], lr: 0.5 }, { params: [parameter([2])] }], { lr: 0.1, momentum: 0.9 });
    const group = (i: number, lr: number) =>
      `Parameter Group ${i}\n    dampening: 0\n    lr: ${lr}\n    maximize: false\n    momentum: 0.9\n    nesterov: false\n    weightDecay: 0\n`;
    assert.equal(String(optimizer), `SGD (\n${group(0, 0.5)}${group(1, 0.1)})`);
    assert.equal(inspect(optimizer), String(optimizer));
    assert.match(String(new optim.Adam([parameter([1])])), /^Adam \(\nParameter Group 0\n {4}amsgrad: false\n {4}betas: \[ 0\.9, 0\.999 \]\n/);
    optimizer.paramGroups[0]!.lr = 0.25;
    assert.match(String(optimizer), /lr: 0\.25/);
    assert.throws(() => structuredClone(optimizer), /Optimizer: save its stateDict\(\).*could not be cloned/);
  });
});
