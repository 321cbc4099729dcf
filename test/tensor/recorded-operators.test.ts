// Every operator that record_operators.py could call, against what PyTorch returned for the same arguments.
import assert from 'node:assert/strict';
import { before, describe, it } from 'mocha';
import { Complex, type DType, manualSeed, tensor, Tensor, torch } from '../../lib/index';
import { camelCase } from '../../lib/tensor/camel-case';
import { methodNames } from '../../lib/tensor/operators.generated';
import { throwsWithCode } from '../support/assertions';
import { skipUnlessLibtorch } from '../support/libtorch-version';
import { onCpu } from '../support/on-cpu';
import { type RecordedCase, type RecordedTensor, Recording } from '../support/recorded-operators';

/**
 * How far a result may be from the recorded one, as a part of the largest element of its tensor. Where they were recorded,
 * all but those of `linalg_lstsq` are the same bits; on other processors PyTorch chooses other kernels (AVX2, AVX-512), which
 * round sums in another order, and factorizations of matrices amplify that by the condition, below 100 here.
 */
const tolerance: Partial<Record<DType, number>> = {
  float64: 1e-12,
  complex128: 1e-12,
  float32: 2e-5,
  complex64: 2e-5,
  float16: 2 ** -10,
  bfloat16: 2 ** -7,
};

const functions = torch as unknown as Record<string, ((...args: unknown[]) => unknown) | undefined>;

describe('operators against PyTorch', () => {
  onCpu('random numbers, and which of equal elements comes first, are the CPU\'s');
  let recording: Recording;
  before(async function () {
    recording = await Recording.load();
    skipUnlessLibtorch(this, recording.recorded.torch, 'the results are of');
  });

  /** Calls one way of calling for each case; returns the names of the operators called. */
  function replay(callOf: (name: string, overload: string, schema: string) => Call | null): Set<string> {
    const called = new Set<string>();
    const wrong: string[] = [];
    for (const [full, { schema, cases }] of Object.entries(recording.recorded.operators)) {
      const [name, overload] = full.split('.') as [string, string];
      const call = callOf(name, overload, schema);
      if (!call) continue;
      called.add(name);
      cases.forEach((recorded, i) => {
        const difference = differenceOf(recording, recorded, call);
        if (difference) wrong.push(`${full}, case ${i}: ${difference}`);
      });
    }
    assert.equal(wrong.length, 0, `${wrong.length} results differ:\n${wrong.join('\n')}`);
    return called;
  }

  it("torch.ops.aten['NAME.OVERLOAD'](...), all arguments by position, returns what PyTorch returns", () => {
    const called = replay((name, overload) => (required, optional, keywords) => {
      const args = [...required, ...optional.map(([, value]) => value)];
      return torch.ops.aten[`${name}.${overload}`]!(...args, ...options(keywords));
    });
    assert.ok(called.size >= 1000, `${called.size} operators were called`);
  });

  it('torch.NAME(...), optional arguments by name, returns what PyTorch returns', () => {
    const called = replay((name) => {
      // `torch.slice` makes a slice for indexing.
      const called = name === 'slice' ? undefined : functions[camelCase(name)];
      return called ? (required, optional, keywords) => called(...required, ...options([...optional, ...keywords])) : null;
    });
    assert.ok(called.size >= 900, `${called.size} operators were called`);
  });

  it('x.NAME(...), optional arguments by name, returns what PyTorch returns', () => {
    const known = new Set(methodNames);
    const called = replay((name, _, schema) => {
      if (!known.has(name) || !/\(Tensor(\(\w+!?\))? self/.test(schema)) return null;
      return ([self, ...required], optional, keywords) => {
        const methods = self as Record<string, (...args: unknown[]) => unknown>;
        return methods[camelCase(name)]!(...required, ...options([...optional, ...keywords]));
      };
    });
    assert.ok(called.size >= 600, `${called.size} operators were called`);
  });

  it('misuse: dtypes that do not go together are refused by libtorch, and the tensors stay as they were', () => {
    const [whole, real] = [tensor([[1, 2], [3, 4]], { dtype: 'int64' }), tensor([[1, 2], [3, 4]])]; // prettier-ignore
    const refused: [() => unknown, RegExp][] = [
      [() => torch.matmul(real, whole), /expected m1 and m2 to have the same dtype|same dtype/],
      [() => whole.add_(0.5), /result type Float can't be cast to the desired output type Long/],
      [() => whole.div_(2), /result type Float can't be cast/],
      [() => torch.mean(whole), /Input dtype must be either a floating point or complex dtype/],
      [() => whole.softmax(0), /not implemented for 'Long'/],
      [() => whole.inverse(), /floating point/],
      [() => real.bitwiseAnd(1), /not implemented for 'Float'/],
      [() => torch.indexSelect(real, 0, real.index(0)), /IntTensor|Long|int/],
      [() => torch.embedding(real, real), /Long, Int/],
      [() => real.sum([2]), /Dimension out of range/],
      [() => real.view(3, 3), /shape '\[3, 3\]' is invalid for input of size 4/],
      [() => torch.cat([real, torch.ones([3, 3])]), /Sizes of tensors must match/],
      [() => torch.stack([]), /non-empty/],
      [() => torch.zeros([-1]), /must be non-negative/],
      [() => torch.conv2d(real, real), /Expected|expected/],
    ];
    for (const [call, message] of refused) throwsWithCode(call, 'ERR_TORCH', message);
    assert.deepEqual([whole.toArray(), real.toArray()], [[[1, 2], [3, 4]], [[1, 2], [3, 4]]]); // prettier-ignore
  });

  it('draws with a Generator what it draws with the default generator after the same seed', () => {
    for (const [seed, draws] of [
      [0, 3],
      [7, 100],
    ] as const) {
      manualSeed(seed);
      const expected = torch.randn([draws]).toNumbers();
      assert.deepEqual(torch.randn([draws], { generator: new torch.Generator().manualSeed(seed) }).toNumbers(), expected);
    }
  });

  it('misuse: too few arguments, too many, and wrong ones are refused with the schema, for every operator', () => {
    for (const [full, { schema, cases }] of Object.entries(recording.recorded.operators)) {
      const call = torch.ops.aten[full]!;
      const required = cases[0]![0];
      const args = recording.argument(required) as unknown[];
      const keywordOnly = cases[0]![2].length > 0;
      const refuse = (given: unknown[]) => {
        const error = throwsWithCode(() => call(...(given as never[])), 'ERR_NO_OVERLOAD', /^operator aten::/);
        assert.ok(error.message.includes(schema), `${error.message}\nshould show\n${schema}`);
      };
      if (required.length > 0 && !keywordOnly) refuse(args.slice(0, -1));
      refuse([...args, ...Array.from({ length: 30 }, () => Symbol.iterator)]);
      refuse([...args, { nosuch: 1 }]);
      args.forEach((_, i) => refuse(args.map((value, j) => (i === j ? () => {} : value))));
    }
  });

  it('misuse: tensors that do not fit each other are refused as PyTorch refuses them', () => {
    assert.ok(recording.recorded.refused.length >= 60);
    for (const [full, args, message] of recording.recorded.refused) {
      const error = throwsWithCode(() => torch.ops.aten[full]!(...recording.argument(args)), 'ERR_TORCH', /^operator aten::/);
      assert.ok(error.message.includes(message), `${error.message}\nshould say\n${message}`);
    }
  });
});

type Call = (required: any[], optional: [string, any][], keywords: [string, any][]) => unknown;

/** Keyword arguments as the last argument; nothing where there are none. */
function options(named: [string, unknown][]): any[] {
  return named.length > 0 ? [Object.fromEntries(named.map(([name, value]) => [camelCase(name), value]))] : [];
}

/** What is wrong with the result of a call; null where it is the recorded one. */
function differenceOf(recording: Recording, [required, optional, keywords, result, changed]: RecordedCase, call: Call): string | null {
  const named = (pairs: [string, any][]) => pairs.map(([name, value]): [string, unknown] => [name, recording.argument(value)]);
  const args = recording.argument(required) as unknown[];
  const optionals = named(optional);
  manualSeed(recording.recorded.seed);
  let actual: unknown;
  try {
    actual = call(args, optionals, named(keywords));
  } catch (error) {
    return String((error as Error).message);
  }
  const given = [...args, ...optionals.map(([, value]) => value)];
  return (
    difference(recording, actual, result) ??
    Object.entries(changed)
      .map(([i, expected]) => difference(recording, given[Number(i)], expected))
      .find((found) => found !== null) ??
    null
  );
}

function difference(recording: Recording, actual: unknown, expected: any): string | null {
  const recorded = recording.tensor(expected);
  if (recorded) return actual instanceof Tensor ? tensorDifference(actual, recorded) : `got ${String(actual)}, not a tensor`;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) return `expected ${expected.length} results, got ${String(actual)}`;
    return expected.map((item, i) => difference(recording, actual[i], item)).find((found) => found !== null) ?? null;
  }
  if (expected?.complex) {
    const [re, im] = expected.complex as [number, number];
    return actual instanceof Complex && isNear(actual.re, re, re) && isNear(actual.im, im, im) ? null : `got ${String(actual)}`;
  }
  const isEqual =
    typeof expected === 'number' && typeof actual === 'number' ? isNear(actual, expected, expected) : (actual ?? null) === expected;
  return isEqual ? null : `expected ${String(expected)}, got ${String(actual)}`;
}

const isNear = (actual: number, expected: number, scale: number, part = 1e-12) => Math.abs(actual - expected) <= part * Math.abs(scale);

function tensorDifference(actual: Tensor, { elements, shape, dtype, layout }: RecordedTensor): string | null {
  const found = [actual.dtype, actual.shape.join(), actual.layout];
  const wanted = [dtype, shape.join(), layout.replace(/_(.)/, (_, letter: string) => letter.toUpperCase())];
  if (found.join(' ') !== wanted.join(' ')) return `expected ${wanted.join(' ')}, got ${found.join(' ')}`;
  const values = actual.toTypedArray();
  const part = tolerance[dtype] ?? 0;
  let scale = 0;
  for (const element of elements) scale = Math.max(scale, Math.abs(Number(element)));
  const isWrong = (value: unknown, element: unknown) =>
    part === 0 ? String(value) !== String(element) : !isNear(Number(value), Number(element), scale, part);
  const wrong = Array.from<unknown>(elements as ArrayLike<unknown>).findIndex((element, i) => isWrong(values[i], element));
  return wrong < 0 ? null : `expected ${elements[wrong]} at ${wrong}, got ${values[wrong]}`;
}
