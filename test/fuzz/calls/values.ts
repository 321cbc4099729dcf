import { Complex, Generator, tensor, type Tensor, torch } from '../../../lib/index';
import { dtypeNames, isComplexDtype } from '../../../lib/tensor/dtype';
import type { DType, OperatorArgumentSchema } from '../../../lib/native/types';
import { boundaries } from '../mutate';
import type { FuzzRandom } from '../random';

/** Of 100. */
const chance = (random: FuzzRandom, percent: number) => random.below(100) < percent;

const shapes = [
  [], [0], [1], [2], [5], [2, 3], [3, 3], [2, 0, 3], [1, 4], [2, 3, 4], [3, 3, 3], [2, 4, 5, 5], [2, 2, 3, 3, 3],
  [1, 1, 1, 1, 1, 1, 1],
]; // prettier-ignore

const extremes = [NaN, Infinity, -Infinity, -0, 1e-300, 1e308, -1e308, 2 ** 31, -(2 ** 63), 2 ** 53, 255, -1];

function elements(random: FuzzRandom, count: number): Float64Array {
  const kind = random.below(4);
  const element = [
    () => random.below(3),
    () => random.below(2000) / 1000 - 1,
    () => random.below(20) - 10,
    () => (chance(random, 30) ? random.pick(extremes) : random.below(5)),
  ][kind]!;
  return Float64Array.from({ length: count }, element);
}

function ofDtype(x: Tensor, dtype: DType): Tensor {
  return dtype.startsWith('q') ? torch.quantizePerTensor(x.float(), 0.25, 0, dtype) : x.to(dtype);
}

/** The same or other elements in another layout, where the tensor has it. */
const layouts: readonly ((x: Tensor) => Tensor)[] = [
  (x) => x.transpose(0, -1),
  (x) => x.unsqueeze(0).expand([3, ...x.shape]),
  (x) => x.index([torch.slice(null, null, 2)]),
  (x) => x.narrow(0, 1, 1),
  (x) => x.toSparse(),
  (x) => x.toSparseCsr(),
  (x) => x.to({ memoryFormat: 'channelsLast' }),
  (x) => x.detach().requiresGrad_(),
  (x) => x.detach().requiresGrad_().mul(1),
  (x) => (isComplexDtype(x.dtype) ? x.conj() : x.asStrided([2], [0])),
  (x) => (isComplexDtype(x.dtype) ? x.conj().imag : x.flip(0)),
];

/** A tensor of any dtype, shape and layout; of 1,000 one has been disposed. */
export function anyTensor(random: FuzzRandom, like?: { dtype?: DType; shape?: number[] }): Tensor {
  const shape = like?.shape ?? random.pick(shapes);
  const dtype = like?.dtype ?? (chance(random, 60) ? random.pick(['float32', 'float64', 'int64', 'bool']) : random.pick(dtypeNames));
  const count = shape.reduce((product, size) => product * size, 1);
  const plain = tensor(elements(random, count), { shape });
  try {
    let result = ofDtype(plain, dtype);
    for (let left = chance(random, 40) ? 1 + random.below(2) : 0; left > 0; left--) result = random.pick(layouts)(result);
    if (random.below(1000) === 0) result.dispose();
    return result;
  } catch {
    return plain; // a layout that this tensor cannot have
  }
}

/** Most are small; some lie where integers end. */
export function anyInteger(random: FuzzRandom): number | bigint {
  if (chance(random, 80)) return random.below(8) - 2;
  if (chance(random, 50)) return random.below(400) - 100;
  const value = random.pick(boundaries) * (random.below(2) === 0 ? 1n : -1n);
  return value <= 2n ** 53n && value >= -(2n ** 53n) && chance(random, 80) ? Number(value) : value;
}

const numbers = [0, 1, -1, 0.5, 2, 1e-8, 1e300, -1e300, NaN, Infinity, -Infinity, 2 ** 53 + 2];

const texts = [
  ...['mean', 'sum', 'none', 'prod', 'max', 'min', 'reflect', 'constant', 'circular', 'replicate', 'floor', 'trunc'],
  ...['bilinear', 'nearest', 'linear', 'ortho', 'forward', 'fro', 'nuc', 'left', 'right', 'L', 'R', 'LNT', 'tanh'],
  ...['ij,jk->ik', 'ii->i', '...i,i', 'i->', 'ab->ba', '', '->', 'cpu', 'cuda', 'meta', 'float32', 'x'.repeat(5000)],
  ...['weight', 'forward', '__proto__', 'constructor', '\0', 'ü'],
];

/** What an argument of this type of a schema may be; undefined where JavaScript has nothing to give. */
function ofType(type: string, length: number | null, random: FuzzRandom): unknown {
  if (type.endsWith('?')) return chance(random, 30) ? null : ofType(type.slice(0, -1), length, random);
  if (type.endsWith('[]')) {
    const count = length !== null && chance(random, 80) ? length : random.below(5);
    if (length !== null && chance(random, 20)) return ofType(type.slice(0, -2), null, random);
    return Array.from({ length: count }, () => ofType(type.slice(0, -2), null, random));
  }
  switch (type) {
    case 'Tensor':
      return anyTensor(random);
    case 'Scalar':
      return chance(random, 10) ? new Complex(random.pick(numbers), random.pick(numbers)) : chance(random, 50) ? anyInteger(random) : random.pick(numbers);
    case 'int':
    case 'SymInt':
      return anyInteger(random);
    case 'float':
      return chance(random, 50) ? random.below(100) / 50 : random.pick(numbers);
    case 'bool':
      return random.below(2) === 0;
    case 'str':
      return random.pick(texts);
    case 'ScalarType':
      return random.pick(dtypeNames);
    case 'Layout':
      return random.pick(['strided', 'sparseCoo', 'sparseCsr', 'sparseCsc', 'sparseBsr']);
    case 'Device':
      return random.pick(['cpu', 'cpu', 'cpu', 'meta', 'cuda', 'cpu:1', 'mkldnn']);
    case 'MemoryFormat':
      return random.pick(['contiguous', 'preserve', 'channelsLast', 'channelsLast3d']);
    case 'Generator':
      return new Generator({ device: 'cpu' }).manualSeed(random.below(100));
    default:
      return undefined;
  }
}

/** An argument of the right kind, and sometimes one of a wrong one. */
export function anyArgument({ type, length }: OperatorArgumentSchema, random: FuzzRandom): unknown {
  return chance(random, 4) ? anything(random) : ofType(type, length, random);
}

/** Any value at all. */
export function anything(random: FuzzRandom, depth = 0): unknown {
  const item = () => anything(random, depth + 1);
  const kinds: (() => unknown)[] = [
    () => anyTensor(random),
    () => anyTensor(random),
    () => anyInteger(random),
    () => random.pick(numbers),
    () => random.pick(texts),
    () => random.below(2) === 0,
    () => null,
    () => undefined,
    () => new Complex(random.pick(numbers), 1),
    () => new Generator({ device: 'cpu' }),
    () => Symbol('symbol'),
    () => () => anything(random, 3),
    () => random.pick([new Float32Array(6), new Uint8Array(0), new BigInt64Array(3), new DataView(new ArrayBuffer(8)), new Date(0), new Map(), /x/]),
    () => anyTensor(random).handle,
    () => Object.create(anyTensor(random)) as unknown,
    () => new Proxy(anyTensor(random), {}),
    () => (depth < 3 ? Array.from({ length: random.below(4) }, item) : []),
    () => (depth < 3 ? Object.fromEntries(Array.from({ length: random.below(3) }, () => [random.pick(optionNames), item()])) : {}),
  ];
  return random.pick(kinds)();
}

const optionNames = ['dtype', 'device', 'generator', 'lr', 'dim', 'keepdim', 'shape', 'bias', 'size', 'lossSum', 'x'];
