/** How layers make the tensors that they hold (PyTorch's factory kwargs). */
import { z } from 'zod';
import type { DType } from '../element-types';
import { native } from '../native/binding';
import { deviceName } from '../options';
import { getDefaultDevice } from '../tensor/default-device';
import { ops } from '../tensor/operators';
import type { Tensor } from '../tensor/tensor';
import { Parameter } from './parameter';

const floatingPoint: [DType, ...DType[]] = ['float32', 'float64', 'float16', 'bfloat16'];
/** @internal A dtype that parameters may have. */
export const floatingPointDtype = z.enum(floatingPoint, `one of ${floatingPoint.join(', ')}`);

/** Where and in which dtype a layer makes its parameters and buffers. */
export interface FactoryOptions {
  /** Where parameters and buffers are made: `"cpu"`, `"cuda"` or `"cuda:N"`; default: the default device. */
  device?: string;
  /** Of parameters and of buffers that hold fractions: "float32" (default), "float64", "float16" or "bfloat16". */
  dtype?: DType;
}

function checkedDevice(name: string): string {
  native.checkDevice(name);
  return name;
}

/** @internal The part of a layer's option schema that says so. */
export const factoryOptions = {
  device: deviceName.transform(checkedDevice).default(getDefaultDevice),
  dtype: floatingPointDtype.default('float32'),
};

/** Given whole: a layer's parsed options. */
type Factory = Required<FactoryOptions>;

/** @internal A parameter whose elements are yet to be set. */
export const emptyParameter = (shape: number[], { device, dtype }: Factory): Parameter =>
  new Parameter(ops.aten.empty!(shape, { device, dtype }) as Tensor);

/** @internal A tensor of one number. */
export const filledTensor = (shape: number[], value: number, { device, dtype }: Factory): Tensor =>
  ops.aten.full!(shape, value, { device, dtype }) as Tensor;

/** @internal A parameter of one number. */
export const filledParameter = (shape: number[], value: number, factory: Factory): Parameter =>
  new Parameter(filledTensor(shape, value, factory));
