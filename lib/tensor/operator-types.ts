import type { Complex } from './complex';

/** An int of a schema. */
export type Integer = number | bigint;

/**
 * A Scalar of a schema. As JavaScript has no other way to tell them apart, a number without a fraction is an integer, as 2
 * is in Python and 2.0 is not: `torch.full([2], 2)` is int64, `torch.full([2], 2, { dtype: 'float32' })` is not.
 */
export type Scalar = number | bigint | boolean | Complex;

/** How the elements of a tensor are stored. */
export type Layout = 'strided' | 'sparseCoo' | 'sparseCsr' | 'sparseCsc' | 'sparseBsr' | 'sparseBsc';

/** The order of the dimensions in memory (`torch.contiguous_format`, `torch.channels_last`, ...). */
export type MemoryFormat = 'contiguous' | 'preserve' | 'channelsLast' | 'channelsLast3d';
