import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { Parameter } from './parameter';

/** A parameter of this shape whose elements are yet to be set. */
export const emptyParameter = (...shape: number[]): Parameter => new Parameter(ops.aten.empty!(shape) as Tensor);
/** A parameter of ones. */
export const onesParameter = (...shape: number[]): Parameter => new Parameter(ops.aten.ones!(shape) as Tensor);
/** A parameter of zeros. */
export const zerosParameter = (...shape: number[]): Parameter => new Parameter(ops.aten.zeros!(shape) as Tensor);
