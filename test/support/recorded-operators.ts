// What record_operators.py has recorded: arguments and results as the public API takes and gives them.
import { readFileSync } from 'node:fs';
import { Complex, Generator, loadSafetensors, tensor, type Tensor, type TypedArray, type DType } from '../../lib/index';
import { fixturePath } from './fixtures';

type Packed =
  | null
  | boolean
  | number
  | string
  | Packed[]
  | { tensor: [pool: string, at: number, shape: number[]]; dtype?: DType; layout?: string }
  | { generator: number }
  | { complex: [number, number] };

/** Required arguments; optional ones and keyword-only ones by name; the result; arguments that were changed. */
export type RecordedCase = [Packed[], [string, Packed][], [string, Packed][], Packed, Record<string, Packed>];

export interface RecordedOperators {
  torch: string;
  seed: number;
  operators: Record<string, { schema: string; cases: RecordedCase[] }>;
  refused: [name: string, args: Packed[], message: string][];
}

/** The elements of a recorded tensor, and what it is. */
export interface RecordedTensor {
  elements: TypedArray;
  shape: number[];
  dtype: DType;
  layout: string;
}

export class Recording {
  private constructor(
    readonly recorded: RecordedOperators,
    private readonly pools: Map<string, TypedArray>,
  ) {}

  static async load(): Promise<Recording> {
    const recorded = JSON.parse(readFileSync(fixturePath('operators.json'), 'utf8')) as RecordedOperators;
    const pools = await loadSafetensors(fixturePath('operators.safetensors'));
    return new Recording(recorded, new Map([...pools].map(([name, pool]) => [name, pool.toTypedArray()])));
  }

  /** A recorded argument as an operator takes it. */
  argument(packed: Packed): any {
    if (typeof packed !== 'object' || packed === null) return packed;
    if (Array.isArray(packed)) return packed.map((item) => this.argument(item));
    if ('generator' in packed) return new Generator({ device: 'cpu' }).manualSeed(packed.generator);
    if ('complex' in packed) return new Complex(...packed.complex);
    return toTensor(this.tensor(packed)!);
  }

  /** A recorded tensor; null for anything else. */
  tensor(packed: Packed): RecordedTensor | null {
    if (typeof packed !== 'object' || packed === null || !('tensor' in packed)) return null;
    const [pool, at, shape] = packed.tensor;
    const dtype = packed.dtype ?? (pool as DType);
    const count = shape.reduce((product, size) => product * size, 1) * (dtype.startsWith('complex') ? 2 : 1);
    const elements = this.pools.get(pool)!.subarray(at, at + count);
    return { elements, shape, dtype, layout: packed.layout ?? 'strided' };
  }
}

function toTensor({ elements, shape, dtype, layout }: RecordedTensor): Tensor {
  if (layout === 'sparse_coo') return toTensor({ elements, shape, dtype, layout: 'strided' }).toSparse();
  if (layout === 'sparse_csr') return toTensor({ elements, shape, dtype, layout: 'strided' }).toSparseCsr();
  if (dtype.startsWith('complex')) return tensor(elements, { shape: [...shape, 2], device: 'cpu' }).viewAsComplex();
  const stored = tensor(elements, { shape, device: 'cpu' });
  return stored.dtype === dtype ? stored : stored.to(dtype);
}
