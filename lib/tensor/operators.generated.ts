/**
 * Written by scripts/generate-operators.ts from the schemas of libtorch 2.13.0; do not edit.
 * Operators whose name begins with an underscore, and out-variants, are reached as `torch.ops.aten.NAME`.
 */
import type { DType } from '../element-types';
import type { Generator } from './generator';
import type { Integer, Layout, MemoryFormat, Scalar } from './operator-types';
import type { Tensor } from './tensor';

/** Operators as functions of `torch`. */
export interface TorchFunctions {
  /** `aten::abs(Tensor self) -> Tensor` */
  abs(self: Tensor): Tensor;
  /** `aten::abs_(Tensor(a!) self) -> Tensor(a!)` */
  abs_(self: Tensor): Tensor;
  /** `aten::absolute(Tensor self) -> Tensor` */
  absolute(self: Tensor): Tensor;
  /** `aten::absolute_(Tensor(a!) self) -> Tensor(a!)` */
  absolute_(self: Tensor): Tensor;
  /** `aten::acos(Tensor self) -> Tensor` */
  acos(self: Tensor): Tensor;
  /** `aten::acos_(Tensor(a!) self) -> Tensor(a!)` */
  acos_(self: Tensor): Tensor;
  /** `aten::acosh(Tensor self) -> Tensor` */
  acosh(self: Tensor): Tensor;
  /** `aten::acosh_(Tensor(a!) self) -> Tensor(a!)` */
  acosh_(self: Tensor): Tensor;
  /** `aten::adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor` */
  adaptiveAvgPool1d(self: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor` */
  adaptiveAvgPool2d(self: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor` */
  adaptiveAvgPool3d(self: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool1d(self: Tensor, outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool2d(self: Tensor, outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::adaptive_max_pool2d_backward(Tensor grad_output, Tensor self, Tensor indices) -> Tensor` */
  adaptiveMaxPool2dBackward(gradOutput: Tensor, self: Tensor, indices: Tensor): Tensor;
  /** `aten::adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool3d(self: Tensor, outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::adaptive_max_pool3d_backward(Tensor grad_output, Tensor self, Tensor indices) -> Tensor` */
  adaptiveMaxPool3dBackward(gradOutput: Tensor, self: Tensor, indices: Tensor): Tensor;
  /** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  add(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  add(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  add(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  add_(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  add_(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  add_(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addbmm(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addbmm_(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
  addcdiv(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcdiv_(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
  addcmul(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcmul_(self: Tensor, tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmm(self: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmm(self: Tensor, mat1: Tensor, mat2: Tensor, outDtype: DType, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addmm_(self: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmv(self: Tensor, mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmv_(Tensor(a!) self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addmv_(self: Tensor, mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addr(self: Tensor, vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addr_(Tensor(a!) self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addr_(self: Tensor, vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::adjoint(Tensor(a) self) -> Tensor(a)` */
  adjoint(self: Tensor): Tensor;
  /** `aten::affine_grid_generator(Tensor theta, SymInt[] size, bool align_corners) -> Tensor` */
  affineGridGenerator(theta: Tensor, size: readonly Integer[], alignCorners: boolean): Tensor;
  /** `aten::affine_grid_generator_backward(Tensor grad, SymInt[] size, bool align_corners) -> Tensor` */
  affineGridGeneratorBackward(grad: Tensor, size: readonly Integer[], alignCorners: boolean): Tensor;
  /** `aten::alias(Tensor(a) self) -> Tensor(a)` */
  alias(self: Tensor): Tensor;
  /** `aten::alias_copy(Tensor self) -> Tensor` */
  aliasCopy(self: Tensor): Tensor;
  /** `aten::all(Tensor self) -> Tensor` */
  all(self: Tensor): Tensor;
  /** `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  all(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): Tensor;
  /** `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  all(self: Tensor, dim: Integer, keepdim: boolean): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(self: Tensor, options?: { dim?: readonly Integer[] | null; keepdim?: boolean }): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(self: Tensor, dim: readonly Integer[] | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(self: Tensor, dim: readonly Integer[] | null, keepdim: boolean): Tensor;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(self: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(self: Tensor, other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(self: Tensor, other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: boolean): boolean;
  /** `aten::alpha_dropout(Tensor input, float p, bool train) -> Tensor` */
  alphaDropout(input: Tensor, p: number, train: boolean): Tensor;
  /** `aten::alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  alphaDropout_(self: Tensor, p: number, train: boolean): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(self: Tensor, options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean }): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(self: Tensor, options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean }): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)` */
  aminmax(self: Tensor, options?: { dim?: Integer | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::angle(Tensor self) -> Tensor` */
  angle(self: Tensor): Tensor;
  /** `aten::any(Tensor self) -> Tensor` */
  any(self: Tensor): Tensor;
  /** `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  any(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): Tensor;
  /** `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  any(self: Tensor, dim: Integer, keepdim: boolean): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(self: Tensor, options?: { dim?: readonly Integer[] | null; keepdim?: boolean }): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(self: Tensor, dim: readonly Integer[] | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(self: Tensor, dim: readonly Integer[] | null, keepdim: boolean): Tensor;
  /** `aten::arange(Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  arange(end: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::arange.start(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  arange(start: Scalar, end: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  arange(start: Scalar, end: Scalar, options?: { step?: Scalar; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::arange.start_step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  arange(start: Scalar, end: Scalar, step: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::arccos(Tensor self) -> Tensor` */
  arccos(self: Tensor): Tensor;
  /** `aten::arccos_(Tensor(a!) self) -> Tensor(a!)` */
  arccos_(self: Tensor): Tensor;
  /** `aten::arccosh(Tensor self) -> Tensor` */
  arccosh(self: Tensor): Tensor;
  /** `aten::arccosh_(Tensor(a!) self) -> Tensor(a!)` */
  arccosh_(self: Tensor): Tensor;
  /** `aten::arcsin(Tensor self) -> Tensor` */
  arcsin(self: Tensor): Tensor;
  /** `aten::arcsin_(Tensor(a!) self) -> Tensor(a!)` */
  arcsin_(self: Tensor): Tensor;
  /** `aten::arcsinh(Tensor self) -> Tensor` */
  arcsinh(self: Tensor): Tensor;
  /** `aten::arcsinh_(Tensor(a!) self) -> Tensor(a!)` */
  arcsinh_(self: Tensor): Tensor;
  /** `aten::arctan(Tensor self) -> Tensor` */
  arctan(self: Tensor): Tensor;
  /** `aten::arctan2(Tensor self, Tensor other) -> Tensor` */
  arctan2(self: Tensor, other: Tensor): Tensor;
  /** `aten::arctan2_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  arctan2_(self: Tensor, other: Tensor): Tensor;
  /** `aten::arctan_(Tensor(a!) self) -> Tensor(a!)` */
  arctan_(self: Tensor): Tensor;
  /** `aten::arctanh(Tensor self) -> Tensor` */
  arctanh(self: Tensor): Tensor;
  /** `aten::arctanh_(Tensor(a!) self) -> Tensor(a!)` */
  arctanh_(self: Tensor): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(self: Tensor, options?: { dim?: Integer | null; keepdim?: boolean }): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(self: Tensor, dim: Integer | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(self: Tensor, dim: Integer | null, keepdim: boolean): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(self: Tensor, options?: { dim?: Integer | null; keepdim?: boolean }): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(self: Tensor, dim: Integer | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(self: Tensor, dim: Integer | null, keepdim: boolean): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(self: Tensor, options?: { dim?: Integer; descending?: boolean }): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(self: Tensor, dim: Integer, options?: { descending?: boolean }): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(self: Tensor, dim: Integer, descending: boolean): Tensor;
  /** `aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor` */
  argsort(self: Tensor, options: { stable: boolean; dim?: Integer; descending?: boolean }): Tensor;
  /** `aten::argwhere(Tensor self) -> Tensor` */
  argwhere(self: Tensor): Tensor;
  /** `aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)` */
  asStrided(self: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)` */
  asStrided(self: Tensor, size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)` */
  asStrided_(self: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)` */
  asStrided_(self: Tensor, size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedCopy(self: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedCopy(self: Tensor, size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedScatter(self: Tensor, src: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedScatter(self: Tensor, src: Tensor, size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::asin(Tensor self) -> Tensor` */
  asin(self: Tensor): Tensor;
  /** `aten::asin_(Tensor(a!) self) -> Tensor(a!)` */
  asin_(self: Tensor): Tensor;
  /** `aten::asinh(Tensor self) -> Tensor` */
  asinh(self: Tensor): Tensor;
  /** `aten::asinh_(Tensor(a!) self) -> Tensor(a!)` */
  asinh_(self: Tensor): Tensor;
  /** `aten::atan(Tensor self) -> Tensor` */
  atan(self: Tensor): Tensor;
  /** `aten::atan2(Tensor self, Tensor other) -> Tensor` */
  atan2(self: Tensor, other: Tensor): Tensor;
  /** `aten::atan2_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  atan2_(self: Tensor, other: Tensor): Tensor;
  /** `aten::atan_(Tensor(a!) self) -> Tensor(a!)` */
  atan_(self: Tensor): Tensor;
  /** `aten::atanh(Tensor self) -> Tensor` */
  atanh(self: Tensor): Tensor;
  /** `aten::atanh_(Tensor(a!) self) -> Tensor(a!)` */
  atanh_(self: Tensor): Tensor;
  /** `aten::atleast_1d(Tensor self) -> Tensor` */
  atleast1d(self: Tensor): Tensor;
  /** `aten::atleast_1d.Sequence(Tensor[] tensors) -> Tensor[]` */
  atleast1d(tensors: readonly Tensor[]): Tensor[];
  /** `aten::atleast_2d(Tensor self) -> Tensor` */
  atleast2d(self: Tensor): Tensor;
  /** `aten::atleast_2d.Sequence(Tensor[] tensors) -> Tensor[]` */
  atleast2d(tensors: readonly Tensor[]): Tensor[];
  /** `aten::atleast_3d(Tensor self) -> Tensor` */
  atleast3d(self: Tensor): Tensor;
  /** `aten::atleast_3d.Sequence(Tensor[] tensors) -> Tensor[]` */
  atleast3d(tensors: readonly Tensor[]): Tensor[];
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, options?: { divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::avg_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor` */
  avgPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, options?: { divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::avg_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, bool ceil_mode, bool count_include_pad, int? divisor_override) -> Tensor` */
  avgPool3dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  baddbmm(self: Tensor, batch1: Tensor, batch2: Tensor, outDtype: DType, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::baddbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  baddbmm_(self: Tensor, batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::bartlett_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  bartlettWindow(windowLength: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::bartlett_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  bartlettWindow(windowLength: Integer, periodic: boolean, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps, bool cudnn_enabled) -> Tensor` */
  batchNorm(input: Tensor, weight: Tensor | null, bias: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, training: boolean, momentum: number, eps: number, cudnnEnabled: boolean): Tensor;
  /** `aten::batch_norm_backward(Tensor grad_out, Tensor input, Tensor weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_var, bool update, float eps, bool[3] output_mask, Tensor reserve) -> (Tensor, Tensor, Tensor)` */
  batchNormBackward(gradOut: Tensor, input: Tensor, weight: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, saveMean: Tensor | null, saveVar: Tensor | null, update: boolean, eps: number, outputMask: boolean | readonly boolean[], reserve: Tensor): [Tensor, Tensor, Tensor];
  /** `aten::batch_norm_backward_elemt(Tensor grad_out, Tensor input, Tensor mean, Tensor invstd, Tensor? weight, Tensor sum_dy, Tensor sum_dy_xmu, Tensor count) -> Tensor` */
  batchNormBackwardElemt(gradOut: Tensor, input: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | null, sumDy: Tensor, sumDyXmu: Tensor, count: Tensor): Tensor;
  /** `aten::batch_norm_backward_reduce(Tensor grad_out, Tensor input, Tensor mean, Tensor invstd, Tensor? weight, bool input_g, bool weight_g, bool bias_g) -> (Tensor, Tensor, Tensor, Tensor)` */
  batchNormBackwardReduce(gradOut: Tensor, input: Tensor, mean: Tensor, invstd: Tensor, weight: Tensor | null, inputG: boolean, weightG: boolean, biasG: boolean): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::batch_norm_elemt(Tensor input, Tensor? weight, Tensor? bias, Tensor mean, Tensor invstd, float eps) -> Tensor` */
  batchNormElemt(input: Tensor, weight: Tensor | null, bias: Tensor | null, mean: Tensor, invstd: Tensor, eps: number): Tensor;
  /** `aten::batch_norm_gather_stats(Tensor input, Tensor mean, Tensor invstd, Tensor? running_mean, Tensor? running_var, float momentum, float eps, int count) -> (Tensor, Tensor)` */
  batchNormGatherStats(input: Tensor, mean: Tensor, invstd: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, momentum: number, eps: number, count: Integer): [Tensor, Tensor];
  /** `aten::batch_norm_gather_stats_with_counts(Tensor input, Tensor mean, Tensor invstd, Tensor? running_mean, Tensor? running_var, float momentum, float eps, Tensor counts) -> (Tensor, Tensor)` */
  batchNormGatherStatsWithCounts(input: Tensor, mean: Tensor, invstd: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, momentum: number, eps: number, counts: Tensor): [Tensor, Tensor];
  /** `aten::batch_norm_stats(Tensor input, float eps) -> (Tensor, Tensor)` */
  batchNormStats(input: Tensor, eps: number): [Tensor, Tensor];
  /** `aten::batch_norm_update_stats(Tensor input, Tensor? running_mean, Tensor? running_var, float momentum) -> (Tensor, Tensor)` */
  batchNormUpdateStats(input: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, momentum: number): [Tensor, Tensor];
  /** `aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor` */
  bernoulli(self: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor` */
  bernoulli(self: Tensor, p: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
  bernoulli(self: Tensor, p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(self: Tensor, p: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(self: Tensor, options?: { p?: number; generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(self: Tensor, p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor` */
  bilinear(input1: Tensor, input2: Tensor, weight: Tensor, options?: { bias?: Tensor | null }): Tensor;
  /** `aten::bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor` */
  bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | null): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyBackward(gradOutput: Tensor, self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyBackward(gradOutput: Tensor, self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyBackward(gradOutput: Tensor, self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; posWeight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(self: Tensor, target: Tensor, weight: Tensor | null, options?: { posWeight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(self: Tensor, target: Tensor, weight: Tensor | null, posWeight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(self: Tensor, target: Tensor, weight: Tensor | null, posWeight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(self: Tensor, options?: { weights?: Tensor | null; minlength?: Integer }): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(self: Tensor, weights: Tensor | null, options?: { minlength?: Integer }): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(self: Tensor, weights: Tensor | null, minlength: Integer): Tensor;
  /** `aten::binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor` */
  binomial(count: Tensor, prob: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor` */
  binomial(count: Tensor, prob: Tensor, generator: Generator | null): Tensor;
  /** `aten::bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseAnd(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_and.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  bitwiseAnd(self: Scalar, other: Tensor): Tensor;
  /** `aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseAnd(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_and_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseAnd_(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_and_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseAnd_(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_left_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  bitwiseLeftShift(self: Scalar, other: Tensor): Tensor;
  /** `aten::bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseLeftShift(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseLeftShift(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_left_shift_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseLeftShift_(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_left_shift_.Tensor_Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseLeftShift_(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_not(Tensor self) -> Tensor` */
  bitwiseNot(self: Tensor): Tensor;
  /** `aten::bitwise_not_(Tensor(a!) self) -> Tensor(a!)` */
  bitwiseNot_(self: Tensor): Tensor;
  /** `aten::bitwise_or.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseOr(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_or.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  bitwiseOr(self: Scalar, other: Tensor): Tensor;
  /** `aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseOr(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_or_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseOr_(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_or_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseOr_(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_right_shift.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  bitwiseRightShift(self: Scalar, other: Tensor): Tensor;
  /** `aten::bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseRightShift(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseRightShift(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_right_shift_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseRightShift_(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_right_shift_.Tensor_Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseRightShift_(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_xor.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseXor(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_xor.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  bitwiseXor(self: Scalar, other: Tensor): Tensor;
  /** `aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseXor(self: Tensor, other: Tensor): Tensor;
  /** `aten::bitwise_xor_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseXor_(self: Tensor, other: Scalar): Tensor;
  /** `aten::bitwise_xor_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseXor_(self: Tensor, other: Tensor): Tensor;
  /** `aten::blackman_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  blackmanWindow(windowLength: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::blackman_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  blackmanWindow(windowLength: Integer, periodic: boolean, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::block_diag(Tensor[] tensors) -> Tensor` */
  blockDiag(tensors: readonly Tensor[]): Tensor;
  /** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
  bmm(self: Tensor, mat2: Tensor): Tensor;
  /** `aten::bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor` */
  bmm(self: Tensor, mat2: Tensor, outDtype: DType): Tensor;
  /** `aten::broadcast_tensors(Tensor[] tensors) -> Tensor[]` */
  broadcastTensors(tensors: readonly Tensor[]): Tensor[];
  /** `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  broadcastTo(self: Tensor, size: readonly Integer[]): Tensor;
  /** `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  broadcastTo(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::bucketize.Scalar(Scalar self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor` */
  bucketize(self: Scalar, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }): Tensor;
  /** `aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor` */
  bucketize(self: Tensor, boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }): Tensor;
  /** `aten::can_cast(ScalarType from_, ScalarType to) -> bool` */
  canCast(from_: DType, to: DType): boolean;
  /** `aten::cartesian_prod(Tensor[] tensors) -> Tensor` */
  cartesianProd(tensors: readonly Tensor[]): Tensor;
  /** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
  cat(tensors: readonly Tensor[], options?: { dim?: Integer }): Tensor;
  /** `aten::cat(Tensor[] tensors, int dim=0) -> Tensor` */
  cat(tensors: readonly Tensor[], dim: Integer): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(self: Tensor, options?: { median?: number; sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(self: Tensor, median: number, options?: { sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(self: Tensor, median: number, sigma: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(self: Tensor, options?: { median?: number; sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(self: Tensor, median: number, options?: { sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(self: Tensor, median: number, sigma: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::ccol_indices(Tensor(a) self) -> Tensor(a)` */
  ccolIndices(self: Tensor): Tensor;
  /** `aten::ccol_indices_copy(Tensor self) -> Tensor` */
  ccolIndicesCopy(self: Tensor): Tensor;
  /** `aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor` */
  cdist(x1: Tensor, x2: Tensor, options?: { p?: number; computeMode?: Integer | null }): Tensor;
  /** `aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor` */
  cdist(x1: Tensor, x2: Tensor, p: number, options?: { computeMode?: Integer | null }): Tensor;
  /** `aten::cdist(Tensor x1, Tensor x2, float p=2., int? compute_mode=None) -> Tensor` */
  cdist(x1: Tensor, x2: Tensor, p: number, computeMode: Integer | null): Tensor;
  /** `aten::ceil(Tensor self) -> Tensor` */
  ceil(self: Tensor): Tensor;
  /** `aten::ceil_(Tensor(a!) self) -> Tensor(a!)` */
  ceil_(self: Tensor): Tensor;
  /** `aten::celu(Tensor self, Scalar alpha=1.) -> Tensor` */
  celu(self: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::celu(Tensor self, Scalar alpha=1.) -> Tensor` */
  celu(self: Tensor, alpha: Scalar): Tensor;
  /** `aten::celu_(Tensor(a!) self, Scalar alpha=1.) -> Tensor(a!)` */
  celu_(self: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::celu_(Tensor(a!) self, Scalar alpha=1.) -> Tensor(a!)` */
  celu_(self: Tensor, alpha: Scalar): Tensor;
  /** `aten::chain_matmul(Tensor[] matrices) -> Tensor` */
  chainMatmul(matrices: readonly Tensor[]): Tensor;
  /** `aten::chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
  chalf(self: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::channel_shuffle(Tensor self, SymInt groups) -> Tensor` */
  channelShuffle(self: Tensor, groups: Integer): Tensor;
  /** `aten::cholesky(Tensor self, bool upper=False) -> Tensor` */
  cholesky(self: Tensor, options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky(Tensor self, bool upper=False) -> Tensor` */
  cholesky(self: Tensor, upper: boolean): Tensor;
  /** `aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor` */
  choleskyInverse(self: Tensor, options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor` */
  choleskyInverse(self: Tensor, upper: boolean): Tensor;
  /** `aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor` */
  choleskySolve(self: Tensor, input2: Tensor, options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor` */
  choleskySolve(self: Tensor, input2: Tensor, upper: boolean): Tensor;
  /** `aten::choose_qparams_optimized(Tensor input, int numel, int n_bins, float ratio, int bit_width) -> (Tensor, Tensor)` */
  chooseQparamsOptimized(input: Tensor, numel: Integer, nBins: Integer, ratio: number, bitWidth: Integer): [Tensor, Tensor];
  /** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
  chunk(self: Tensor, chunks: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
  chunk(self: Tensor, chunks: Integer, dim: Integer): Tensor[];
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clamp_max(Tensor self, Scalar max) -> Tensor` */
  clampMax(self: Tensor, max: Scalar): Tensor;
  /** `aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor` */
  clampMax(self: Tensor, max: Tensor): Tensor;
  /** `aten::clamp_max_(Tensor(a!) self, Scalar max) -> Tensor(a!)` */
  clampMax_(self: Tensor, max: Scalar): Tensor;
  /** `aten::clamp_max_.Tensor(Tensor(a!) self, Tensor max) -> Tensor(a!)` */
  clampMax_(self: Tensor, max: Tensor): Tensor;
  /** `aten::clamp_min(Tensor self, Scalar min) -> Tensor` */
  clampMin(self: Tensor, min: Scalar): Tensor;
  /** `aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor` */
  clampMin(self: Tensor, min: Tensor): Tensor;
  /** `aten::clamp_min_(Tensor(a!) self, Scalar min) -> Tensor(a!)` */
  clampMin_(self: Tensor, min: Scalar): Tensor;
  /** `aten::clamp_min_.Tensor(Tensor(a!) self, Tensor min) -> Tensor(a!)` */
  clampMin_(self: Tensor, min: Tensor): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(self: Tensor, min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
  clone(self: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::coalesce(Tensor(a) self) -> Tensor(a)` */
  coalesce(self: Tensor): Tensor;
  /** `aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor` */
  col2im(self: Tensor, outputSize: Integer | readonly Integer[], kernelSize: Integer | readonly Integer[], dilation: Integer | readonly Integer[], padding: Integer | readonly Integer[], stride: Integer | readonly Integer[]): Tensor;
  /** `aten::col_indices(Tensor(a) self) -> Tensor(a)` */
  colIndices(self: Tensor): Tensor;
  /** `aten::col_indices_copy(Tensor self) -> Tensor` */
  colIndicesCopy(self: Tensor): Tensor;
  /** `aten::column_stack(Tensor[] tensors) -> Tensor` */
  columnStack(tensors: readonly Tensor[]): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(self: Tensor, options?: { r?: Integer; withReplacement?: boolean }): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(self: Tensor, r: Integer, options?: { withReplacement?: boolean }): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(self: Tensor, r: Integer, withReplacement: boolean): Tensor;
  /** `aten::complex(Tensor real, Tensor imag) -> Tensor` */
  complex(real: Tensor, imag: Tensor): Tensor;
  /** `aten::concat(Tensor[] tensors, int dim=0) -> Tensor` */
  concat(tensors: readonly Tensor[], options?: { dim?: Integer }): Tensor;
  /** `aten::concat(Tensor[] tensors, int dim=0) -> Tensor` */
  concat(tensors: readonly Tensor[], dim: Integer): Tensor;
  /** `aten::concatenate(Tensor[] tensors, int dim=0) -> Tensor` */
  concatenate(tensors: readonly Tensor[], options?: { dim?: Integer }): Tensor;
  /** `aten::concatenate(Tensor[] tensors, int dim=0) -> Tensor` */
  concatenate(tensors: readonly Tensor[], dim: Integer): Tensor;
  /** `aten::conj(Tensor(a) self) -> Tensor(a)` */
  conj(self: Tensor): Tensor;
  /** `aten::conj_physical(Tensor self) -> Tensor` */
  conjPhysical(self: Tensor): Tensor;
  /** `aten::conj_physical_(Tensor(a!) self) -> Tensor(a!)` */
  conjPhysical_(self: Tensor): Tensor;
  /** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
  constantPadNd(self: Tensor, pad: readonly Integer[], options?: { value?: Scalar }): Tensor;
  /** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
  constantPadNd(self: Tensor, pad: readonly Integer[], value: Scalar): Tensor;
  /** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
  contiguous(self: Tensor, options?: { memoryFormat?: MemoryFormat }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv1d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], str padding="valid", SymInt[1] dilation=[1], SymInt groups=1) -> Tensor` */
  conv1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv2d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv2d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], str padding="valid", SymInt[2] dilation=[1, 1], SymInt groups=1) -> Tensor` */
  conv2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv3d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: string; dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, options?: { dilation?: Integer | readonly Integer[]; groups?: Integer }): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], options?: { groups?: Integer }): Tensor;
  /** `aten::conv3d.padding(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], str padding="valid", SymInt[3] dilation=[1, 1, 1], SymInt groups=1) -> Tensor` */
  conv3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: string, dilation: Integer | readonly Integer[], groups: Integer): Tensor;
  /** `aten::conv_depthwise3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding, SymInt[3] dilation) -> Tensor` */
  convDepthwise3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor` */
  convTbc(self: Tensor, weight: Tensor, bias: Tensor, options?: { pad?: Integer }): Tensor;
  /** `aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor` */
  convTbc(self: Tensor, weight: Tensor, bias: Tensor, pad: Integer): Tensor;
  /** `aten::conv_tbc_backward(Tensor self, Tensor input, Tensor weight, Tensor bias, int pad) -> (Tensor, Tensor, Tensor)` */
  convTbcBackward(self: Tensor, input: Tensor, weight: Tensor, bias: Tensor, pad: Integer): [Tensor, Tensor, Tensor];
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose1d(Tensor input, Tensor weight, Tensor? bias=None, SymInt[1] stride=[1], SymInt[1] padding=[0], SymInt[1] output_padding=[0], SymInt groups=1, SymInt[1] dilation=[1]) -> Tensor` */
  convTranspose1d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose2d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt groups=1, SymInt[2] dilation=[1, 1]) -> Tensor` */
  convTranspose2d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { groups?: Integer; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::conv_transpose3d.input(Tensor input, Tensor weight, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt groups=1, SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  convTranspose3d(input: Tensor, weight: Tensor, bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], groups: Integer, dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::convolution(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor` */
  convolution(input: Tensor, weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], transposed: boolean, outputPadding: readonly Integer[], groups: Integer): Tensor;
  /** `aten::convolution_backward(Tensor grad_output, Tensor input, Tensor weight, SymInt[]? bias_sizes, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  convolutionBackward(gradOutput: Tensor, input: Tensor, weight: Tensor, biasSizes: readonly Integer[] | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], transposed: boolean, outputPadding: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::convolution_backward_overrideable(Tensor grad_output, Tensor input, Tensor weight, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups, bool[3] output_mask) -> (Tensor grad_input, Tensor grad_weight, Tensor grad_bias)` */
  convolutionBackwardOverrideable(gradOutput: Tensor, input: Tensor, weight: Tensor, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], transposed: boolean, outputPadding: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::convolution_overrideable(Tensor input, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, bool transposed, SymInt[] output_padding, SymInt groups) -> Tensor` */
  convolutionOverrideable(input: Tensor, weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], transposed: boolean, outputPadding: readonly Integer[], groups: Integer): Tensor;
  /** `aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copy(self: Tensor, src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copy(self: Tensor, src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copy_(self: Tensor, src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copy_(self: Tensor, src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_sparse_to_sparse(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copySparseToSparse(self: Tensor, src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_sparse_to_sparse(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copySparseToSparse(self: Tensor, src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_sparse_to_sparse_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copySparseToSparse_(self: Tensor, src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_sparse_to_sparse_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copySparseToSparse_(self: Tensor, src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copysign.Scalar(Tensor self, Scalar other) -> Tensor` */
  copysign(self: Tensor, other: Scalar): Tensor;
  /** `aten::copysign.Tensor(Tensor self, Tensor other) -> Tensor` */
  copysign(self: Tensor, other: Tensor): Tensor;
  /** `aten::copysign_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  copysign_(self: Tensor, other: Scalar): Tensor;
  /** `aten::copysign_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  copysign_(self: Tensor, other: Tensor): Tensor;
  /** `aten::corrcoef(Tensor self) -> Tensor` */
  corrcoef(self: Tensor): Tensor;
  /** `aten::cos(Tensor self) -> Tensor` */
  cos(self: Tensor): Tensor;
  /** `aten::cos_(Tensor(a!) self) -> Tensor(a!)` */
  cos_(self: Tensor): Tensor;
  /** `aten::cosh(Tensor self) -> Tensor` */
  cosh(self: Tensor): Tensor;
  /** `aten::cosh_(Tensor(a!) self) -> Tensor(a!)` */
  cosh_(self: Tensor): Tensor;
  /** `aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  cosineEmbeddingLoss(input1: Tensor, input2: Tensor, target: Tensor, options?: { margin?: number; reduction?: Integer }): Tensor;
  /** `aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  cosineEmbeddingLoss(input1: Tensor, input2: Tensor, target: Tensor, margin: number, options?: { reduction?: Integer }): Tensor;
  /** `aten::cosine_embedding_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  cosineEmbeddingLoss(input1: Tensor, input2: Tensor, target: Tensor, margin: number, reduction: Integer): Tensor;
  /** `aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor` */
  cosineSimilarity(x1: Tensor, x2: Tensor, options?: { dim?: Integer; eps?: number }): Tensor;
  /** `aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor` */
  cosineSimilarity(x1: Tensor, x2: Tensor, dim: Integer, options?: { eps?: number }): Tensor;
  /** `aten::cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor` */
  cosineSimilarity(x1: Tensor, x2: Tensor, dim: Integer, eps: number): Tensor;
  /** `aten::count_nonzero(Tensor self, int? dim=None) -> Tensor` */
  countNonzero(self: Tensor, options?: { dim?: Integer | null }): Tensor;
  /** `aten::count_nonzero(Tensor self, int? dim=None) -> Tensor` */
  countNonzero(self: Tensor, dim: Integer | null): Tensor;
  /** `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
  countNonzero(self: Tensor, dim: readonly Integer[]): Tensor;
  /** `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
  countNonzero(self: Tensor, ...dim: Integer[]): Tensor;
  /** `aten::cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor` */
  cov(self: Tensor, options?: { correction?: Integer; fweights?: Tensor | null; aweights?: Tensor | null }): Tensor;
  /** `aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor` */
  cross(self: Tensor, other: Tensor, options?: { dim?: Integer | null }): Tensor;
  /** `aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor` */
  cross(self: Tensor, other: Tensor, dim: Integer | null): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, options?: { labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, labelSmoothing: number): Tensor;
  /** `aten::crow_indices(Tensor(a) self) -> Tensor(a)` */
  crowIndices(self: Tensor): Tensor;
  /** `aten::crow_indices_copy(Tensor self) -> Tensor` */
  crowIndicesCopy(self: Tensor): Tensor;
  /** `aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: readonly Integer[], targetLengths: readonly Integer[], options?: { blank?: Integer; reduction?: Integer; zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: readonly Integer[], targetLengths: readonly Integer[], blank: Integer, options?: { reduction?: Integer; zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: readonly Integer[], targetLengths: readonly Integer[], blank: Integer, reduction: Integer, options?: { zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.IntList(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: readonly Integer[], targetLengths: readonly Integer[], blank: Integer, reduction: Integer, zeroInfinity: boolean): Tensor;
  /** `aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, options?: { blank?: Integer; reduction?: Integer; zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, blank: Integer, options?: { reduction?: Integer; zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, blank: Integer, reduction: Integer, options?: { zeroInfinity?: boolean }): Tensor;
  /** `aten::ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank=0, int reduction=1, bool zero_infinity=False) -> Tensor` */
  ctcLoss(logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, blank: Integer, reduction: Integer, zeroInfinity: boolean): Tensor;
  /** `aten::cudnn_affine_grid_generator(Tensor theta, int N, int C, int H, int W) -> Tensor grid` */
  cudnnAffineGridGenerator(theta: Tensor, N: Integer, C: Integer, H: Integer, W: Integer): Tensor;
  /** `aten::cudnn_affine_grid_generator_backward(Tensor grad, int N, int C, int H, int W) -> Tensor grad_theta` */
  cudnnAffineGridGeneratorBackward(grad: Tensor, N: Integer, C: Integer, H: Integer, W: Integer): Tensor;
  /** `aten::cudnn_batch_norm(Tensor input, Tensor weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float exponential_average_factor, float epsilon) -> (Tensor, Tensor, Tensor, Tensor)` */
  cudnnBatchNorm(input: Tensor, weight: Tensor, bias: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, training: boolean, exponentialAverageFactor: number, epsilon: number): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::cudnn_batch_norm_backward(Tensor input, Tensor grad_output, Tensor weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_var, float epsilon, Tensor reserveSpace) -> (Tensor, Tensor, Tensor)` */
  cudnnBatchNormBackward(input: Tensor, gradOutput: Tensor, weight: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, saveMean: Tensor | null, saveVar: Tensor | null, epsilon: number, reserveSpace: Tensor): [Tensor, Tensor, Tensor];
  /** `aten::cudnn_convolution(Tensor self, Tensor weight, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor` */
  cudnnConvolution(self: Tensor, weight: Tensor, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean, allowTf32: boolean): Tensor;
  /** `aten::cudnn_convolution_add_relu(Tensor self, Tensor weight, Tensor z, Scalar? alpha, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  cudnnConvolutionAddRelu(self: Tensor, weight: Tensor, z: Tensor, alpha: Scalar | null, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::cudnn_convolution_relu(Tensor self, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  cudnnConvolutionRelu(self: Tensor, weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::cudnn_convolution_transpose(Tensor self, Tensor weight, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor` */
  cudnnConvolutionTranspose(self: Tensor, weight: Tensor, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean, allowTf32: boolean): Tensor;
  /** `aten::cudnn_grid_sampler(Tensor self, Tensor grid) -> Tensor output` */
  cudnnGridSampler(self: Tensor, grid: Tensor): Tensor;
  /** `aten::cudnn_grid_sampler_backward(Tensor self, Tensor grid, Tensor grad_output) -> (Tensor grad_self, Tensor grad_grid)` */
  cudnnGridSamplerBackward(self: Tensor, grid: Tensor, gradOutput: Tensor): [Tensor, Tensor];
  /** `aten::cudnn_is_acceptable(Tensor self) -> bool` */
  cudnnIsAcceptable(self: Tensor): boolean;
  /** `aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)` */
  cummax(self: Tensor, dim: Integer): [Tensor, Tensor];
  /** `aten::cummaxmin_backward(Tensor grad, Tensor input, Tensor indices, int dim) -> Tensor` */
  cummaxminBackward(grad: Tensor, input: Tensor, indices: Tensor, dim: Integer): Tensor;
  /** `aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)` */
  cummin(self: Tensor, dim: Integer): [Tensor, Tensor];
  /** `aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  cumprod(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumprod_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)` */
  cumprod_(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumprod_backward(Tensor grad, Tensor input, int dim, Tensor output) -> Tensor` */
  cumprodBackward(grad: Tensor, input: Tensor, dim: Integer, output: Tensor): Tensor;
  /** `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  cumsum(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumsum_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)` */
  cumsum_(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumulative_trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor` */
  cumulativeTrapezoid(y: Tensor, options?: { dx?: Scalar; dim?: Integer }): Tensor;
  /** `aten::cumulative_trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor` */
  cumulativeTrapezoid(y: Tensor, x: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::data(Tensor self) -> Tensor` */
  data(self: Tensor): Tensor;
  /** `aten::deg2rad(Tensor self) -> Tensor` */
  deg2rad(self: Tensor): Tensor;
  /** `aten::deg2rad_(Tensor(a!) self) -> Tensor(a!)` */
  deg2rad_(self: Tensor): Tensor;
  /** `aten::dense_dim(Tensor self) -> int` */
  denseDim(self: Tensor): number;
  /** `aten::dequantize.self(Tensor self) -> Tensor` */
  dequantize(self: Tensor): Tensor;
  /** `aten::dequantize.tensors(Tensor[] tensors) -> Tensor[]` */
  dequantize(tensors: readonly Tensor[]): Tensor[];
  /** `aten::det(Tensor self) -> Tensor` */
  det(self: Tensor): Tensor;
  /** `aten::detach(Tensor(a) self) -> Tensor(a)` */
  detach(self: Tensor): Tensor;
  /** `aten::detach_(Tensor(a!) self) -> Tensor(a!)` */
  detach_(self: Tensor): Tensor;
  /** `aten::detach_copy(Tensor self) -> Tensor` */
  detachCopy(self: Tensor): Tensor;
  /** `aten::diag(Tensor self, int diagonal=0) -> Tensor` */
  diag(self: Tensor, options?: { diagonal?: Integer }): Tensor;
  /** `aten::diag(Tensor self, int diagonal=0) -> Tensor` */
  diag(self: Tensor, diagonal: Integer): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(self: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(self: Tensor, offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(self: Tensor, offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(self: Tensor, offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagflat(Tensor self, int offset=0) -> Tensor` */
  diagflat(self: Tensor, options?: { offset?: Integer }): Tensor;
  /** `aten::diagflat(Tensor self, int offset=0) -> Tensor` */
  diagflat(self: Tensor, offset: Integer): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(self: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(self: Tensor, offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(self: Tensor, offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(self: Tensor, offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagonal_backward(Tensor grad_output, SymInt[] input_sizes, int offset, int dim1, int dim2) -> Tensor` */
  diagonalBackward(gradOutput: Tensor, inputSizes: readonly Integer[], offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(self: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(self: Tensor, offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(self: Tensor, offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(self: Tensor, offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(self: Tensor, src: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(self: Tensor, src: Tensor, offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(self: Tensor, src: Tensor, offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(self: Tensor, src: Tensor, offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(self: Tensor, options?: { n?: Integer; dim?: Integer; prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(self: Tensor, n: Integer, options?: { dim?: Integer; prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(self: Tensor, n: Integer, dim: Integer, options?: { prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(self: Tensor, n: Integer, dim: Integer, prepend: Tensor | null, options?: { append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(self: Tensor, n: Integer, dim: Integer, prepend: Tensor | null, append: Tensor | null): Tensor;
  /** `aten::digamma(Tensor self) -> Tensor` */
  digamma(self: Tensor): Tensor;
  /** `aten::digamma_(Tensor(a!) self) -> Tensor(a!)` */
  digamma_(self: Tensor): Tensor;
  /** `aten::dim(Tensor self) -> int` */
  dim(self: Tensor): number;
  /** `aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor` */
  dist(self: Tensor, other: Tensor, options?: { p?: Scalar }): Tensor;
  /** `aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor` */
  dist(self: Tensor, other: Tensor, p: Scalar): Tensor;
  /** `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
  div(self: Tensor, other: Scalar): Tensor;
  /** `aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor` */
  div(self: Tensor, other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
  div(self: Tensor, other: Tensor): Tensor;
  /** `aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
  div(self: Tensor, other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  div_(self: Tensor, other: Scalar): Tensor;
  /** `aten::div_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)` */
  div_(self: Tensor, other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  div_(self: Tensor, other: Tensor): Tensor;
  /** `aten::div_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)` */
  div_(self: Tensor, other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  divide(self: Tensor, other: Scalar): Tensor;
  /** `aten::divide.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor` */
  divide(self: Tensor, other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide.Tensor(Tensor self, Tensor other) -> Tensor` */
  divide(self: Tensor, other: Tensor): Tensor;
  /** `aten::divide.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
  divide(self: Tensor, other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  divide_(self: Tensor, other: Scalar): Tensor;
  /** `aten::divide_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)` */
  divide_(self: Tensor, other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  divide_(self: Tensor, other: Tensor): Tensor;
  /** `aten::divide_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)` */
  divide_(self: Tensor, other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::dot(Tensor self, Tensor tensor) -> Tensor` */
  dot(self: Tensor, tensor: Tensor): Tensor;
  /** `aten::dropout(Tensor input, float p, bool train) -> Tensor` */
  dropout(input: Tensor, p: number, train: boolean): Tensor;
  /** `aten::dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  dropout_(self: Tensor, p: number, train: boolean): Tensor;
  /** `aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  dsplit(self: Tensor, indices: readonly Integer[]): Tensor[];
  /** `aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  dsplit(self: Tensor, ...indices: Integer[]): Tensor[];
  /** `aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  dsplit(self: Tensor, sections: Integer): Tensor[];
  /** `aten::dstack(Tensor[] tensors) -> Tensor` */
  dstack(tensors: readonly Tensor[]): Tensor;
  /** `aten::einsum(str equation, Tensor[] tensors, *, int[]? path=None) -> Tensor` */
  einsum(equation: string, tensors: readonly Tensor[], options?: { path?: readonly Integer[] | null }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(self: Tensor, options?: { alpha?: Scalar; scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(self: Tensor, alpha: Scalar, options?: { scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(self: Tensor, alpha: Scalar, scale: Scalar, options?: { inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(self: Tensor, alpha: Scalar, scale: Scalar, inputScale: Scalar): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(self: Tensor, options?: { alpha?: Scalar; scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(self: Tensor, alpha: Scalar, options?: { scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(self: Tensor, alpha: Scalar, scale: Scalar, options?: { inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(self: Tensor, alpha: Scalar, scale: Scalar, inputScale: Scalar): Tensor;
  /** `aten::elu_backward(Tensor grad_output, Scalar alpha, Scalar scale, Scalar input_scale, bool is_result, Tensor self_or_result) -> Tensor` */
  eluBackward(gradOutput: Tensor, alpha: Scalar, scale: Scalar, inputScale: Scalar, isResult: boolean, selfOrResult: Tensor): Tensor;
  /** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
  embedding(weight: Tensor, indices: Tensor, options?: { paddingIdx?: Integer; scaleGradByFreq?: boolean; sparse?: boolean }): Tensor;
  /** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
  embedding(weight: Tensor, indices: Tensor, paddingIdx: Integer, options?: { scaleGradByFreq?: boolean; sparse?: boolean }): Tensor;
  /** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
  embedding(weight: Tensor, indices: Tensor, paddingIdx: Integer, scaleGradByFreq: boolean, options?: { sparse?: boolean }): Tensor;
  /** `aten::embedding(Tensor weight, Tensor indices, SymInt padding_idx=-1, bool scale_grad_by_freq=False, bool sparse=False) -> Tensor` */
  embedding(weight: Tensor, indices: Tensor, paddingIdx: Integer, scaleGradByFreq: boolean, sparse: boolean): Tensor;
  /** `aten::embedding_backward(Tensor grad, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq, bool sparse) -> Tensor` */
  embeddingBackward(grad: Tensor, indices: Tensor, numWeights: Integer, paddingIdx: Integer, scaleGradByFreq: boolean, sparse: boolean): Tensor;
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, options?: { scaleGradByFreq?: boolean; mode?: Integer; sparse?: boolean; perSampleWeights?: Tensor | null; includeLastOffset?: boolean }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, options?: { mode?: Integer; sparse?: boolean; perSampleWeights?: Tensor | null; includeLastOffset?: boolean }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, mode: Integer, options?: { sparse?: boolean; perSampleWeights?: Tensor | null; includeLastOffset?: boolean }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, mode: Integer, sparse: boolean, options?: { perSampleWeights?: Tensor | null; includeLastOffset?: boolean }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, mode: Integer, sparse: boolean, perSampleWeights: Tensor | null, options?: { includeLastOffset?: boolean }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq=False, int mode=0, bool sparse=False, Tensor? per_sample_weights=None, bool include_last_offset=False) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, mode: Integer, sparse: boolean, perSampleWeights: Tensor | null, includeLastOffset: boolean): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_bag.padding_idx(Tensor weight, Tensor indices, Tensor offsets, bool scale_grad_by_freq, int mode, bool sparse, Tensor? per_sample_weights, bool include_last_offset, int? padding_idx) -> (Tensor, Tensor, Tensor, Tensor)` */
  embeddingBag(weight: Tensor, indices: Tensor, offsets: Tensor, scaleGradByFreq: boolean, mode: Integer, sparse: boolean, perSampleWeights: Tensor | null, includeLastOffset: boolean, paddingIdx: Integer | null): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::embedding_dense_backward(Tensor grad_output, Tensor indices, SymInt num_weights, SymInt padding_idx, bool scale_grad_by_freq) -> Tensor` */
  embeddingDenseBackward(gradOutput: Tensor, indices: Tensor, numWeights: Integer, paddingIdx: Integer, scaleGradByFreq: boolean): Tensor;
  /** `aten::embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor` */
  embeddingRenorm(self: Tensor, indices: Tensor, maxNorm: number, normType: number): Tensor;
  /** `aten::embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)` */
  embeddingRenorm_(self: Tensor, indices: Tensor, maxNorm: number, normType: number): Tensor;
  /** `aten::embedding_sparse_backward(Tensor grad, Tensor indices, int num_weights, int padding_idx, bool scale_grad_by_freq) -> Tensor` */
  embeddingSparseBackward(grad: Tensor, indices: Tensor, numWeights: Integer, paddingIdx: Integer, scaleGradByFreq: boolean): Tensor;
  /** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  empty(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::empty.memory_format(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  empty(...size: Integer[]): Tensor;
  /** `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  emptyLike(self: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::empty_permuted(SymInt[] size, int[] physical_layout, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  emptyPermuted(size: readonly Integer[], physicalLayout: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::empty_quantized(int[] size, Tensor qtensor, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  emptyQuantized(size: readonly Integer[], qtensor: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::empty_strided(SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  emptyStrided(size: readonly Integer[], stride: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
  eq(self: Tensor, other: Scalar): Tensor;
  /** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
  eq(self: Tensor, other: Tensor): Tensor;
  /** `aten::eq_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  eq_(self: Tensor, other: Scalar): Tensor;
  /** `aten::eq_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  eq_(self: Tensor, other: Tensor): Tensor;
  /** `aten::equal(Tensor self, Tensor other) -> bool` */
  equal(self: Tensor, other: Tensor): boolean;
  /** `aten::erf(Tensor self) -> Tensor` */
  erf(self: Tensor): Tensor;
  /** `aten::erf_(Tensor(a!) self) -> Tensor(a!)` */
  erf_(self: Tensor): Tensor;
  /** `aten::erfc(Tensor self) -> Tensor` */
  erfc(self: Tensor): Tensor;
  /** `aten::erfc_(Tensor(a!) self) -> Tensor(a!)` */
  erfc_(self: Tensor): Tensor;
  /** `aten::erfinv(Tensor self) -> Tensor` */
  erfinv(self: Tensor): Tensor;
  /** `aten::erfinv_(Tensor(a!) self) -> Tensor(a!)` */
  erfinv_(self: Tensor): Tensor;
  /** `aten::exp(Tensor self) -> Tensor` */
  exp(self: Tensor): Tensor;
  /** `aten::exp2(Tensor self) -> Tensor` */
  exp2(self: Tensor): Tensor;
  /** `aten::exp2_(Tensor(a!) self) -> Tensor(a!)` */
  exp2_(self: Tensor): Tensor;
  /** `aten::exp_(Tensor(a!) self) -> Tensor(a!)` */
  exp_(self: Tensor): Tensor;
  /** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
  expand(self: Tensor, size: readonly Integer[], options?: { implicit?: boolean }): Tensor;
  /** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
  expand(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  expandAs(self: Tensor, other: Tensor): Tensor;
  /** `aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor` */
  expandCopy(self: Tensor, size: readonly Integer[], options?: { implicit?: boolean }): Tensor;
  /** `aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor` */
  expandCopy(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::expm1(Tensor self) -> Tensor` */
  expm1(self: Tensor): Tensor;
  /** `aten::expm1_(Tensor(a!) self) -> Tensor(a!)` */
  expm1_(self: Tensor): Tensor;
  /** `aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor` */
  exponential(self: Tensor, options?: { lambd?: number; generator?: Generator | null }): Tensor;
  /** `aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor` */
  exponential(self: Tensor, lambd: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)` */
  exponential_(self: Tensor, options?: { lambd?: number; generator?: Generator | null }): Tensor;
  /** `aten::exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)` */
  exponential_(self: Tensor, lambd: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  eye(n: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  eye(n: Integer, m: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerChannelAffine(self: Tensor, scale: Tensor, zeroPoint: Tensor, axis: Integer, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> (Tensor output, Tensor mask)` */
  fakeQuantizePerChannelAffineCachemask(self: Tensor, scale: Tensor, zeroPoint: Tensor, axis: Integer, quantMin: Integer, quantMax: Integer): [Tensor, Tensor];
  /** `aten::fake_quantize_per_channel_affine_cachemask_backward(Tensor grad, Tensor mask) -> Tensor` */
  fakeQuantizePerChannelAffineCachemaskBackward(grad: Tensor, mask: Tensor): Tensor;
  /** `aten::fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerTensorAffine(self: Tensor, scale: number, zeroPoint: Integer, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerTensorAffine(self: Tensor, scale: Tensor, zeroPoint: Tensor, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> (Tensor output, Tensor mask)` */
  fakeQuantizePerTensorAffineCachemask(self: Tensor, scale: number, zeroPoint: Integer, quantMin: Integer, quantMax: Integer): [Tensor, Tensor];
  /** `aten::fake_quantize_per_tensor_affine_cachemask_backward(Tensor grad, Tensor mask) -> Tensor` */
  fakeQuantizePerTensorAffineCachemaskBackward(grad: Tensor, mask: Tensor): Tensor;
  /** `aten::fbgemm_linear_fp16_weight(Tensor input, Tensor packed_weight, Tensor bias) -> Tensor` */
  fbgemmLinearFp16Weight(input: Tensor, packedWeight: Tensor, bias: Tensor): Tensor;
  /** `aten::fbgemm_linear_fp16_weight.out(Tensor input, Tensor packed_weight, Tensor bias, Tensor(a!) output) -> Tensor` */
  fbgemmLinearFp16Weight(input: Tensor, packedWeight: Tensor, bias: Tensor, output: Tensor): Tensor;
  /** `aten::fbgemm_linear_fp16_weight_fp32_activation(Tensor input, Tensor packed_weight, Tensor? bias) -> Tensor` */
  fbgemmLinearFp16WeightFp32Activation(input: Tensor, packedWeight: Tensor, bias: Tensor | null): Tensor;
  /** `aten::fbgemm_linear_fp16_weight_fp32_activation.out(Tensor input, Tensor packed_weight, Tensor? bias, Tensor(a!) output) -> Tensor` */
  fbgemmLinearFp16WeightFp32Activation(input: Tensor, packedWeight: Tensor, bias: Tensor | null, output: Tensor): Tensor;
  /** `aten::fbgemm_linear_int8_weight(Tensor input, Tensor weight, Tensor packed, Tensor col_offsets, Scalar weight_scale, Scalar weight_zero_point, Tensor bias) -> Tensor` */
  fbgemmLinearInt8Weight(input: Tensor, weight: Tensor, packed: Tensor, colOffsets: Tensor, weightScale: Scalar, weightZeroPoint: Scalar, bias: Tensor): Tensor;
  /** `aten::fbgemm_linear_int8_weight_fp32_activation(Tensor input, Tensor weight, Tensor packed, Tensor col_offsets, Scalar weight_scale, Scalar weight_zero_point, Tensor bias) -> Tensor` */
  fbgemmLinearInt8WeightFp32Activation(input: Tensor, weight: Tensor, packed: Tensor, colOffsets: Tensor, weightScale: Scalar, weightZeroPoint: Scalar, bias: Tensor): Tensor;
  /** `aten::fbgemm_linear_quantize_weight(Tensor input) -> (Tensor, Tensor, float, int)` */
  fbgemmLinearQuantizeWeight(input: Tensor): [Tensor, Tensor, number, number];
  /** `aten::fbgemm_pack_gemm_matrix_fp16(Tensor input) -> Tensor` */
  fbgemmPackGemmMatrixFp16(input: Tensor): Tensor;
  /** `aten::fbgemm_pack_quantized_matrix(Tensor input) -> Tensor` */
  fbgemmPackQuantizedMatrix(input: Tensor): Tensor;
  /** `aten::fbgemm_pack_quantized_matrix.KN(Tensor input, int K, int N) -> Tensor` */
  fbgemmPackQuantizedMatrix(input: Tensor, K: Integer, N: Integer): Tensor;
  /** `aten::feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor` */
  featureAlphaDropout(input: Tensor, p: number, train: boolean): Tensor;
  /** `aten::feature_alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  featureAlphaDropout_(self: Tensor, p: number, train: boolean): Tensor;
  /** `aten::feature_dropout(Tensor input, float p, bool train) -> Tensor` */
  featureDropout(input: Tensor, p: number, train: boolean): Tensor;
  /** `aten::feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  featureDropout_(self: Tensor, p: number, train: boolean): Tensor;
  /** `aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftFft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftFft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftFft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_fft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftFft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftFft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftFft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftFft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_fft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftFft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_fftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fftFftfreq(n: Integer, options?: { d?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fft_fftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fftFftfreq(n: Integer, d: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftFftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftFftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftFftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_fftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftFftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor` */
  fftFftshift(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null }): Tensor;
  /** `aten::fft_fftshift(Tensor self, int[1]? dim=None) -> Tensor` */
  fftFftshift(self: Tensor, dim: Integer | readonly Integer[] | null): Tensor;
  /** `aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftHfft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftHfft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftHfft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_hfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftHfft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftHfft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftHfft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftHfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_hfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftHfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftHfftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftHfftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftHfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_hfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftHfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIfft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIfft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIfft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ifft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIfft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIfft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIfft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ifft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIfftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIfftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ifftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor` */
  fftIfftshift(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null }): Tensor;
  /** `aten::fft_ifftshift(Tensor self, int[1]? dim=None) -> Tensor` */
  fftIfftshift(self: Tensor, dim: Integer | readonly Integer[] | null): Tensor;
  /** `aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIhfft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIhfft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIhfft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ihfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIhfft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIhfft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIhfft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIhfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ihfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIhfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIhfftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIhfftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIhfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_ihfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIhfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIrfft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIrfft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIrfft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_irfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftIrfft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIrfft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIrfft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIrfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_irfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftIrfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIrfftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIrfftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIrfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_irfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftIrfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftRfft(self: Tensor, options?: { n?: Integer | null; dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftRfft(self: Tensor, n: Integer | null, options?: { dim?: Integer; norm?: string | null }): Tensor;
  /** `aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftRfft(self: Tensor, n: Integer | null, dim: Integer, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_rfft(Tensor self, SymInt? n=None, int dim=-1, str? norm=None) -> Tensor` */
  fftRfft(self: Tensor, n: Integer | null, dim: Integer, norm: string | null): Tensor;
  /** `aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftRfft2(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftRfft2(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[]; norm?: string | null }): Tensor;
  /** `aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftRfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], options?: { norm?: string | null }): Tensor;
  /** `aten::fft_rfft2(Tensor self, SymInt[1]? s=None, int[1] dim=[-2, -1], str? norm=None) -> Tensor` */
  fftRfft2(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[], norm: string | null): Tensor;
  /** `aten::fft_rfftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fftRfftfreq(n: Integer, options?: { d?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fft_rfftfreq(int n, float d=1., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fftRfftfreq(n: Integer, d: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftRfftn(self: Tensor, options?: { s?: Integer | readonly Integer[] | null; dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftRfftn(self: Tensor, s: Integer | readonly Integer[] | null, options?: { dim?: Integer | readonly Integer[] | null; norm?: string | null }): Tensor;
  /** `aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftRfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, options?: { norm?: string | null }): Tensor;
  /** `aten::fft_rfftn(Tensor self, SymInt[1]? s=None, int[1]? dim=None, str? norm=None) -> Tensor` */
  fftRfftn(self: Tensor, s: Integer | readonly Integer[] | null, dim: Integer | readonly Integer[] | null, norm: string | null): Tensor;
  /** `aten::fill.Scalar(Tensor self, Scalar value) -> Tensor` */
  fill(self: Tensor, value: Scalar): Tensor;
  /** `aten::fill.Tensor(Tensor self, Tensor value) -> Tensor` */
  fill(self: Tensor, value: Tensor): Tensor;
  /** `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
  fill_(self: Tensor, value: Scalar): Tensor;
  /** `aten::fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)` */
  fill_(self: Tensor, value: Tensor): Tensor;
  /** `aten::fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)` */
  fillDiagonal_(self: Tensor, fillValue: Scalar, options?: { wrap?: boolean }): Tensor;
  /** `aten::fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)` */
  fillDiagonal_(self: Tensor, fillValue: Scalar, wrap: boolean): Tensor;
  /** `aten::fix(Tensor self) -> Tensor` */
  fix(self: Tensor): Tensor;
  /** `aten::fix_(Tensor(a!) self) -> Tensor(a!)` */
  fix_(self: Tensor): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(self: Tensor, options?: { startDim?: Integer; endDim?: Integer }): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(self: Tensor, startDim: Integer, options?: { endDim?: Integer }): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(self: Tensor, startDim: Integer, endDim: Integer): Tensor;
  /** `aten::flatten_dense_tensors(Tensor[] tensors) -> Tensor` */
  flattenDenseTensors(tensors: readonly Tensor[]): Tensor;
  /** `aten::flip(Tensor self, int[] dims) -> Tensor` */
  flip(self: Tensor, dims: readonly Integer[]): Tensor;
  /** `aten::flip(Tensor self, int[] dims) -> Tensor` */
  flip(self: Tensor, ...dims: Integer[]): Tensor;
  /** `aten::fliplr(Tensor self) -> Tensor` */
  fliplr(self: Tensor): Tensor;
  /** `aten::flipud(Tensor self) -> Tensor` */
  flipud(self: Tensor): Tensor;
  /** `aten::float_power.Scalar(Scalar self, Tensor exponent) -> Tensor` */
  floatPower(self: Scalar, exponent: Tensor): Tensor;
  /** `aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
  floatPower(self: Tensor, exponent: Scalar): Tensor;
  /** `aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
  floatPower(self: Tensor, exponent: Tensor): Tensor;
  /** `aten::float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)` */
  floatPower_(self: Tensor, exponent: Scalar): Tensor;
  /** `aten::float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)` */
  floatPower_(self: Tensor, exponent: Tensor): Tensor;
  /** `aten::floor(Tensor self) -> Tensor` */
  floor(self: Tensor): Tensor;
  /** `aten::floor_(Tensor(a!) self) -> Tensor(a!)` */
  floor_(self: Tensor): Tensor;
  /** `aten::floor_divide(Tensor self, Tensor other) -> Tensor` */
  floorDivide(self: Tensor, other: Tensor): Tensor;
  /** `aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  floorDivide(self: Tensor, other: Scalar): Tensor;
  /** `aten::floor_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  floorDivide_(self: Tensor, other: Scalar): Tensor;
  /** `aten::floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  floorDivide_(self: Tensor, other: Tensor): Tensor;
  /** `aten::fmax(Tensor self, Tensor other) -> Tensor` */
  fmax(self: Tensor, other: Tensor): Tensor;
  /** `aten::fmin(Tensor self, Tensor other) -> Tensor` */
  fmin(self: Tensor, other: Tensor): Tensor;
  /** `aten::fmod.Scalar(Tensor self, Scalar other) -> Tensor` */
  fmod(self: Tensor, other: Scalar): Tensor;
  /** `aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor` */
  fmod(self: Tensor, other: Tensor): Tensor;
  /** `aten::fmod_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  fmod_(self: Tensor, other: Scalar): Tensor;
  /** `aten::fmod_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  fmod_(self: Tensor, other: Tensor): Tensor;
  /** `aten::frac(Tensor self) -> Tensor` */
  frac(self: Tensor): Tensor;
  /** `aten::frac_(Tensor(a!) self) -> Tensor(a!)` */
  frac_(self: Tensor): Tensor;
  /** `aten::fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)` */
  fractionalMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], randomSamples: Tensor): [Tensor, Tensor];
  /** `aten::fractional_max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] output_size, Tensor indices) -> Tensor` */
  fractionalMaxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], indices: Tensor): Tensor;
  /** `aten::fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)` */
  fractionalMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], randomSamples: Tensor): [Tensor, Tensor];
  /** `aten::fractional_max_pool3d_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] output_size, Tensor indices) -> Tensor` */
  fractionalMaxPool3dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], indices: Tensor): Tensor;
  /** `aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)` */
  frexp(self: Tensor): [Tensor, Tensor];
  /** `aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  frobeniusNorm(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  frobeniusNorm(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::from_file(str filename, bool? shared=None, int? size=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fromFile(filename: string, options?: { shared?: boolean | null; size?: Integer | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::from_file(str filename, bool? shared=None, int? size=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fromFile(filename: string, shared: boolean | null, options?: { size?: Integer | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::from_file(str filename, bool? shared=None, int? size=0, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  fromFile(filename: string, shared: boolean | null, size: Integer | null, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  full(size: readonly Integer[], fillValue: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  fullLike(self: Tensor, fillValue: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(self: Tensor, observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, options?: { perRowFakeQuant?: boolean; symmetricQuant?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(self: Tensor, observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, perRowFakeQuant: boolean, options?: { symmetricQuant?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(self: Tensor, observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, perRowFakeQuant: boolean, symmetricQuant: boolean): Tensor;
  /** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
  gather(self: Tensor, dim: Integer, index: Tensor, options?: { sparseGrad?: boolean }): Tensor;
  /** `aten::gather_backward(Tensor grad, Tensor self, int dim, Tensor index, bool sparse_grad) -> Tensor` */
  gatherBackward(grad: Tensor, self: Tensor, dim: Integer, index: Tensor, sparseGrad: boolean): Tensor;
  /** `aten::gcd(Tensor self, Tensor other) -> Tensor` */
  gcd(self: Tensor, other: Tensor): Tensor;
  /** `aten::gcd_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  gcd_(self: Tensor, other: Tensor): Tensor;
  /** `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
  ge(self: Tensor, other: Scalar): Tensor;
  /** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
  ge(self: Tensor, other: Tensor): Tensor;
  /** `aten::ge_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  ge_(self: Tensor, other: Scalar): Tensor;
  /** `aten::ge_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ge_(self: Tensor, other: Tensor): Tensor;
  /** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
  gelu(self: Tensor, options?: { approximate?: string }): Tensor;
  /** `aten::gelu_(Tensor(a!) self, *, str approximate="none") -> Tensor(a!)` */
  gelu_(self: Tensor, options?: { approximate?: string }): Tensor;
  /** `aten::gelu_backward(Tensor grad_output, Tensor self, *, str approximate="none") -> Tensor` */
  geluBackward(gradOutput: Tensor, self: Tensor, options?: { approximate?: string }): Tensor;
  /** `aten::geometric(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
  geometric(self: Tensor, p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)` */
  geometric_(self: Tensor, p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::geqrf(Tensor self) -> (Tensor a, Tensor tau)` */
  geqrf(self: Tensor): [Tensor, Tensor];
  /** `aten::ger(Tensor self, Tensor vec2) -> Tensor` */
  ger(self: Tensor, vec2: Tensor): Tensor;
  /** `aten::get_device(Tensor self) -> int` */
  getDevice(self: Tensor): number;
  /** `aten::get_gradients(int context_id) -> Dict(Tensor, Tensor)` */
  getGradients(contextId: Integer): unknown;
  /** `aten::glu(Tensor self, int dim=-1) -> Tensor` */
  glu(self: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::glu(Tensor self, int dim=-1) -> Tensor` */
  glu(self: Tensor, dim: Integer): Tensor;
  /** `aten::glu_backward(Tensor grad_output, Tensor self, int dim) -> Tensor` */
  gluBackward(gradOutput: Tensor, self: Tensor, dim: Integer): Tensor;
  /** `aten::glu_backward_jvp(Tensor grad_x, Tensor grad_glu, Tensor x, Tensor dgrad_glu, Tensor dx, int dim) -> Tensor` */
  gluBackwardJvp(gradX: Tensor, gradGlu: Tensor, x: Tensor, dgradGlu: Tensor, dx: Tensor, dim: Integer): Tensor;
  /** `aten::glu_jvp(Tensor glu, Tensor x, Tensor dx, int dim) -> Tensor` */
  gluJvp(glu: Tensor, x: Tensor, dx: Tensor, dim: Integer): Tensor;
  /** `aten::gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { spacing: Scalar; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options?: { spacing?: Scalar | null; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { spacing: readonly Scalar[]; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { spacing: readonly Scalar[]; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { spacing: readonly Tensor[]; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(self: Tensor, options: { spacing: readonly Tensor[]; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::greater.Scalar(Tensor self, Scalar other) -> Tensor` */
  greater(self: Tensor, other: Scalar): Tensor;
  /** `aten::greater.Tensor(Tensor self, Tensor other) -> Tensor` */
  greater(self: Tensor, other: Tensor): Tensor;
  /** `aten::greater_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  greater_(self: Tensor, other: Scalar): Tensor;
  /** `aten::greater_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  greater_(self: Tensor, other: Tensor): Tensor;
  /** `aten::greater_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  greaterEqual(self: Tensor, other: Scalar): Tensor;
  /** `aten::greater_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  greaterEqual(self: Tensor, other: Tensor): Tensor;
  /** `aten::greater_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  greaterEqual_(self: Tensor, other: Scalar): Tensor;
  /** `aten::greater_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  greaterEqual_(self: Tensor, other: Tensor): Tensor;
  /** `aten::grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor` */
  gridSampler(input: Tensor, grid: Tensor, interpolationMode: Integer, paddingMode: Integer, alignCorners: boolean): Tensor;
  /** `aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor` */
  gridSampler2d(input: Tensor, grid: Tensor, interpolationMode: Integer, paddingMode: Integer, alignCorners: boolean): Tensor;
  /** `aten::grid_sampler_2d_backward(Tensor grad_output, Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners, bool[2] output_mask) -> (Tensor, Tensor)` */
  gridSampler2dBackward(gradOutput: Tensor, input: Tensor, grid: Tensor, interpolationMode: Integer, paddingMode: Integer, alignCorners: boolean, outputMask: boolean | readonly boolean[]): [Tensor, Tensor];
  /** `aten::grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor` */
  gridSampler3d(input: Tensor, grid: Tensor, interpolationMode: Integer, paddingMode: Integer, alignCorners: boolean): Tensor;
  /** `aten::grid_sampler_3d_backward(Tensor grad_output, Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners, bool[2] output_mask) -> (Tensor, Tensor)` */
  gridSampler3dBackward(gradOutput: Tensor, input: Tensor, grid: Tensor, interpolationMode: Integer, paddingMode: Integer, alignCorners: boolean, outputMask: boolean | readonly boolean[]): [Tensor, Tensor];
  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(input: Tensor, numGroups: Integer, options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnabled?: boolean }): Tensor;
  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(input: Tensor, numGroups: Integer, weight: Tensor | null, options?: { bias?: Tensor | null; eps?: number; cudnnEnabled?: boolean }): Tensor;
  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(input: Tensor, numGroups: Integer, weight: Tensor | null, bias: Tensor | null, options?: { eps?: number; cudnnEnabled?: boolean }): Tensor;
  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(input: Tensor, numGroups: Integer, weight: Tensor | null, bias: Tensor | null, eps: number, options?: { cudnnEnabled?: boolean }): Tensor;
  /** `aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor` */
  groupNorm(input: Tensor, numGroups: Integer, weight: Tensor | null, bias: Tensor | null, eps: number, cudnnEnabled: boolean): Tensor;
  /** `aten::gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)` */
  gru(data: Tensor, batchSizes: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean): [Tensor, Tensor];
  /** `aten::gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)` */
  gru(input: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor];
  /** `aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  gruCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, options?: { bIh?: Tensor | null; bHh?: Tensor | null }): Tensor;
  /** `aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  gruCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, options?: { bHh?: Tensor | null }): Tensor;
  /** `aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  gruCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, bHh: Tensor | null): Tensor;
  /** `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
  gt(self: Tensor, other: Scalar): Tensor;
  /** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
  gt(self: Tensor, other: Tensor): Tensor;
  /** `aten::gt_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  gt_(self: Tensor, other: Scalar): Tensor;
  /** `aten::gt_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  gt_(self: Tensor, other: Tensor): Tensor;
  /** `aten::hamming_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hammingWindow(windowLength: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hamming_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hammingWindow(windowLength: Integer, periodic: boolean, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hamming_window.periodic_alpha(int window_length, bool periodic, float alpha, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hammingWindow(windowLength: Integer, periodic: boolean, alpha: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hamming_window.periodic_alpha_beta(int window_length, bool periodic, float alpha, float beta, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hammingWindow(windowLength: Integer, periodic: boolean, alpha: number, beta: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hann_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hannWindow(windowLength: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hann_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  hannWindow(windowLength: Integer, periodic: boolean, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  hardshrink(self: Tensor, options?: { lambd?: Scalar }): Tensor;
  /** `aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  hardshrink(self: Tensor, lambd: Scalar): Tensor;
  /** `aten::hardshrink_backward(Tensor grad_out, Tensor self, Scalar lambd) -> Tensor` */
  hardshrinkBackward(gradOut: Tensor, self: Tensor, lambd: Scalar): Tensor;
  /** `aten::hardsigmoid(Tensor self) -> Tensor` */
  hardsigmoid(self: Tensor): Tensor;
  /** `aten::hardsigmoid_(Tensor(a!) self) -> Tensor(a!)` */
  hardsigmoid_(self: Tensor): Tensor;
  /** `aten::hardsigmoid_backward(Tensor grad_output, Tensor self) -> Tensor` */
  hardsigmoidBackward(gradOutput: Tensor, self: Tensor): Tensor;
  /** `aten::hardswish(Tensor self) -> Tensor` */
  hardswish(self: Tensor): Tensor;
  /** `aten::hardswish_(Tensor(a!) self) -> Tensor(a!)` */
  hardswish_(self: Tensor): Tensor;
  /** `aten::hardswish_backward(Tensor grad_output, Tensor self) -> Tensor` */
  hardswishBackward(gradOutput: Tensor, self: Tensor): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(self: Tensor, options?: { minVal?: Scalar; maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(self: Tensor, minVal: Scalar, options?: { maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(self: Tensor, minVal: Scalar, maxVal: Scalar): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(self: Tensor, options?: { minVal?: Scalar; maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(self: Tensor, minVal: Scalar, options?: { maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(self: Tensor, minVal: Scalar, maxVal: Scalar): Tensor;
  /** `aten::hardtanh_backward(Tensor grad_output, Tensor self, Scalar min_val, Scalar max_val) -> Tensor` */
  hardtanhBackward(gradOutput: Tensor, self: Tensor, minVal: Scalar, maxVal: Scalar): Tensor;
  /** `aten::hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor` */
  hashTensor(self: Tensor, options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean; mode?: Integer }): Tensor;
  /** `aten::hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor` */
  hashTensor(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean; mode?: Integer }): Tensor;
  /** `aten::heaviside(Tensor self, Tensor values) -> Tensor` */
  heaviside(self: Tensor, values: Tensor): Tensor;
  /** `aten::heaviside_(Tensor(a!) self, Tensor values) -> Tensor(a!)` */
  heaviside_(self: Tensor, values: Tensor): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(self: Tensor, target: Tensor, options?: { margin?: number; reduction?: Integer }): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(self: Tensor, target: Tensor, margin: number, options?: { reduction?: Integer }): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(self: Tensor, target: Tensor, margin: number, reduction: Integer): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(self: Tensor, options?: { bins?: Integer; min?: Scalar; max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(self: Tensor, bins: Integer, options?: { min?: Scalar; max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(self: Tensor, bins: Integer, min: Scalar, options?: { max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(self: Tensor, bins: Integer, min: Scalar, max: Scalar): Tensor;
  /** `aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(self: Tensor, options?: { bins?: Integer; range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(self: Tensor, bins: Integer, options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(self: Tensor, bins: Tensor, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Integer[], options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Integer[], range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Integer[], range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Integer[], range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Tensor[], options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Tensor[], range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Tensor[], range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: readonly Tensor[], range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: Integer, options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: Integer, range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: Integer, range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(self: Tensor, bins: Integer, range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  hsplit(self: Tensor, indices: readonly Integer[]): Tensor[];
  /** `aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  hsplit(self: Tensor, ...indices: Integer[]): Tensor[];
  /** `aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  hsplit(self: Tensor, sections: Integer): Tensor[];
  /** `aten::hspmm(Tensor mat1, Tensor mat2) -> Tensor` */
  hspmm(mat1: Tensor, mat2: Tensor): Tensor;
  /** `aten::hstack(Tensor[] tensors) -> Tensor` */
  hstack(tensors: readonly Tensor[]): Tensor;
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(self: Tensor, target: Tensor, options?: { reduction?: Integer; delta?: number }): Tensor;
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(self: Tensor, target: Tensor, reduction: Integer, options?: { delta?: number }): Tensor;
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(self: Tensor, target: Tensor, reduction: Integer, delta: number): Tensor;
  /** `aten::huber_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float delta) -> Tensor` */
  huberLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, reduction: Integer, delta: number): Tensor;
  /** `aten::hypot(Tensor self, Tensor other) -> Tensor` */
  hypot(self: Tensor, other: Tensor): Tensor;
  /** `aten::hypot_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  hypot_(self: Tensor, other: Tensor): Tensor;
  /** `aten::i0(Tensor self) -> Tensor` */
  i0(self: Tensor): Tensor;
  /** `aten::i0_(Tensor(a!) self) -> Tensor(a!)` */
  i0_(self: Tensor): Tensor;
  /** `aten::igamma(Tensor self, Tensor other) -> Tensor` */
  igamma(self: Tensor, other: Tensor): Tensor;
  /** `aten::igamma_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  igamma_(self: Tensor, other: Tensor): Tensor;
  /** `aten::igammac(Tensor self, Tensor other) -> Tensor` */
  igammac(self: Tensor, other: Tensor): Tensor;
  /** `aten::igammac_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  igammac_(self: Tensor, other: Tensor): Tensor;
  /** `aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor` */
  im2col(self: Tensor, kernelSize: Integer | readonly Integer[], dilation: Integer | readonly Integer[], padding: Integer | readonly Integer[], stride: Integer | readonly Integer[]): Tensor;
  /** `aten::imag(Tensor(a) self) -> Tensor(a)` */
  imag(self: Tensor): Tensor;
  /** `aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor` */
  indexAdd(self: Tensor, dim: Integer, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)` */
  indexAdd_(self: Tensor, dim: Integer, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor` */
  indexCopy(self: Tensor, dim: Integer, index: Tensor, source: Tensor): Tensor;
  /** `aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)` */
  indexCopy_(self: Tensor, dim: Integer, index: Tensor, source: Tensor): Tensor;
  /** `aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor` */
  indexFill(self: Tensor, dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor` */
  indexFill(self: Tensor, dim: Integer, index: Tensor, value: Tensor): Tensor;
  /** `aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
  indexFill_(self: Tensor, dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::index_fill_.int_Tensor(Tensor(a!) self, int dim, Tensor index, Tensor value) -> Tensor(a!)` */
  indexFill_(self: Tensor, dim: Integer, index: Tensor, value: Tensor): Tensor;
  /** `aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor` */
  indexReduce(self: Tensor, dim: Integer, index: Tensor, source: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::index_reduce_(Tensor(a!) self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor(a!)` */
  indexReduce_(self: Tensor, dim: Integer, index: Tensor, source: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
  indexSelect(self: Tensor, dim: Integer, index: Tensor): Tensor;
  /** `aten::index_select_backward(Tensor grad, SymInt[] self_sizes, int dim, Tensor index) -> Tensor` */
  indexSelectBackward(grad: Tensor, selfSizes: readonly Integer[], dim: Integer, index: Tensor): Tensor;
  /** `aten::indices(Tensor(a) self) -> Tensor(a)` */
  indices(self: Tensor): Tensor;
  /** `aten::indices_copy(Tensor self) -> Tensor` */
  indicesCopy(self: Tensor): Tensor;
  /** `aten::infinitely_differentiable_gelu_backward(Tensor grad, Tensor self) -> Tensor` */
  infinitelyDifferentiableGeluBackward(grad: Tensor, self: Tensor): Tensor;
  /** `aten::inner(Tensor self, Tensor other) -> Tensor` */
  inner(self: Tensor, other: Tensor): Tensor;
  /** `aten::instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor` */
  instanceNorm(input: Tensor, weight: Tensor | null, bias: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, useInputStats: boolean, momentum: number, eps: number, cudnnEnabled: boolean): Tensor;
  /** `aten::int_repr(Tensor self) -> Tensor` */
  intRepr(self: Tensor): Tensor;
  /** `aten::inverse(Tensor self) -> Tensor` */
  inverse(self: Tensor): Tensor;
  /** `aten::is_coalesced(Tensor self) -> bool` */
  isCoalesced(self: Tensor): boolean;
  /** `aten::is_complex(Tensor self) -> bool` */
  isComplex(self: Tensor): boolean;
  /** `aten::is_conj(Tensor self) -> bool` */
  isConj(self: Tensor): boolean;
  /** `aten::is_contiguous(Tensor self) -> bool` */
  isContiguous(self: Tensor): boolean;
  /** `aten::is_contiguous.memory_format(Tensor self, MemoryFormat memory_format) -> bool` */
  isContiguous(self: Tensor, memoryFormat: MemoryFormat): boolean;
  /** `aten::is_distributed(Tensor self) -> bool` */
  isDistributed(self: Tensor): boolean;
  /** `aten::is_floating_point(Tensor self) -> bool` */
  isFloatingPoint(self: Tensor): boolean;
  /** `aten::is_inference(Tensor self) -> bool` */
  isInference(self: Tensor): boolean;
  /** `aten::is_leaf(Tensor self) -> bool` */
  isLeaf(self: Tensor): boolean;
  /** `aten::is_neg(Tensor self) -> bool` */
  isNeg(self: Tensor): boolean;
  /** `aten::is_nonzero(Tensor self) -> bool` */
  isNonzero(self: Tensor): boolean;
  /** `aten::is_pinned(Tensor self, Device? device=None) -> bool` */
  isPinned(self: Tensor, options?: { device?: string | null }): boolean;
  /** `aten::is_pinned(Tensor self, Device? device=None) -> bool` */
  isPinned(self: Tensor, device: string | null): boolean;
  /** `aten::is_same_size(Tensor self, Tensor other) -> bool` */
  isSameSize(self: Tensor, other: Tensor): boolean;
  /** `aten::is_set_to(Tensor self, Tensor tensor) -> bool` */
  isSetTo(self: Tensor, tensor: Tensor): boolean;
  /** `aten::is_signed(Tensor self) -> bool` */
  isSigned(self: Tensor): boolean;
  /** `aten::is_vulkan_available() -> bool` */
  isVulkanAvailable(): boolean;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(self: Tensor, other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(self: Tensor, other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(self: Tensor, other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(self: Tensor, other: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor;
  /** `aten::isfinite(Tensor self) -> Tensor` */
  isfinite(self: Tensor): Tensor;
  /** `aten::isin.Scalar_Tensor(Scalar element, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor` */
  isin(element: Scalar, testElements: Tensor, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor;
  /** `aten::isin.Tensor_Scalar(Tensor elements, Scalar test_element, *, bool assume_unique=False, bool invert=False) -> Tensor` */
  isin(elements: Tensor, testElement: Scalar, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor;
  /** `aten::isin.Tensor_Tensor(Tensor elements, Tensor test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor` */
  isin(elements: Tensor, testElements: Tensor, options?: { assumeUnique?: boolean; invert?: boolean }): Tensor;
  /** `aten::isinf(Tensor self) -> Tensor` */
  isinf(self: Tensor): Tensor;
  /** `aten::isnan(Tensor self) -> Tensor` */
  isnan(self: Tensor): Tensor;
  /** `aten::isneginf(Tensor self) -> Tensor` */
  isneginf(self: Tensor): Tensor;
  /** `aten::isposinf(Tensor self) -> Tensor` */
  isposinf(self: Tensor): Tensor;
  /** `aten::isreal(Tensor self) -> Tensor` */
  isreal(self: Tensor): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, options?: { normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, options?: { onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, options?: { length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, length: Integer | null, options?: { returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, length: Integer | null, returnComplex: boolean): Tensor;
  /** `aten::item(Tensor self) -> Scalar` */
  item(self: Tensor): Scalar;
  /** `aten::kaiser_window(int window_length, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  kaiserWindow(windowLength: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::kaiser_window.beta(int window_length, bool periodic, float beta, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  kaiserWindow(windowLength: Integer, periodic: boolean, beta: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::kaiser_window.periodic(int window_length, bool periodic, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  kaiserWindow(windowLength: Integer, periodic: boolean, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
  klDiv(self: Tensor, target: Tensor, options?: { reduction?: Integer; logTarget?: boolean }): Tensor;
  /** `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
  klDiv(self: Tensor, target: Tensor, reduction: Integer, options?: { logTarget?: boolean }): Tensor;
  /** `aten::kron(Tensor self, Tensor other) -> Tensor` */
  kron(self: Tensor, other: Tensor): Tensor;
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(self: Tensor, k: Integer, options?: { dim?: Integer; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(self: Tensor, k: Integer, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(self: Tensor, k: Integer, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  l1Loss(self: Tensor, target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  l1Loss(self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(input: Tensor, normalizedShape: readonly Integer[], options?: { weight?: Tensor | null; bias?: Tensor | null; eps?: number; cudnnEnable?: boolean }): Tensor;
  /** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, options?: { bias?: Tensor | null; eps?: number; cudnnEnable?: boolean }): Tensor;
  /** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, bias: Tensor | null, options?: { eps?: number; cudnnEnable?: boolean }): Tensor;
  /** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, bias: Tensor | null, eps: number, options?: { cudnnEnable?: boolean }): Tensor;
  /** `aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor` */
  layerNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, bias: Tensor | null, eps: number, cudnnEnable: boolean): Tensor;
  /** `aten::lcm(Tensor self, Tensor other) -> Tensor` */
  lcm(self: Tensor, other: Tensor): Tensor;
  /** `aten::lcm_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lcm_(self: Tensor, other: Tensor): Tensor;
  /** `aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor` */
  ldexp(self: Tensor, other: Tensor): Tensor;
  /** `aten::ldexp_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ldexp_(self: Tensor, other: Tensor): Tensor;
  /** `aten::le.Scalar(Tensor self, Scalar other) -> Tensor` */
  le(self: Tensor, other: Scalar): Tensor;
  /** `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
  le(self: Tensor, other: Tensor): Tensor;
  /** `aten::le_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  le_(self: Tensor, other: Scalar): Tensor;
  /** `aten::le_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  le_(self: Tensor, other: Tensor): Tensor;
  /** `aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor` */
  leakyRelu(self: Tensor, options?: { negativeSlope?: Scalar }): Tensor;
  /** `aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor` */
  leakyRelu(self: Tensor, negativeSlope: Scalar): Tensor;
  /** `aten::leaky_relu_(Tensor(a!) self, Scalar negative_slope=0.01) -> Tensor(a!)` */
  leakyRelu_(self: Tensor, options?: { negativeSlope?: Scalar }): Tensor;
  /** `aten::leaky_relu_(Tensor(a!) self, Scalar negative_slope=0.01) -> Tensor(a!)` */
  leakyRelu_(self: Tensor, negativeSlope: Scalar): Tensor;
  /** `aten::leaky_relu_backward(Tensor grad_output, Tensor self, Scalar negative_slope, bool self_is_result) -> Tensor` */
  leakyReluBackward(gradOutput: Tensor, self: Tensor, negativeSlope: Scalar, selfIsResult: boolean): Tensor;
  /** `aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor` */
  lerp(self: Tensor, end: Tensor, weight: Scalar): Tensor;
  /** `aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor` */
  lerp(self: Tensor, end: Tensor, weight: Tensor): Tensor;
  /** `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
  lerp_(self: Tensor, end: Tensor, weight: Scalar): Tensor;
  /** `aten::lerp_.Tensor(Tensor(a!) self, Tensor end, Tensor weight) -> Tensor(a!)` */
  lerp_(self: Tensor, end: Tensor, weight: Tensor): Tensor;
  /** `aten::less.Scalar(Tensor self, Scalar other) -> Tensor` */
  less(self: Tensor, other: Scalar): Tensor;
  /** `aten::less.Tensor(Tensor self, Tensor other) -> Tensor` */
  less(self: Tensor, other: Tensor): Tensor;
  /** `aten::less_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  less_(self: Tensor, other: Scalar): Tensor;
  /** `aten::less_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  less_(self: Tensor, other: Tensor): Tensor;
  /** `aten::less_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  lessEqual(self: Tensor, other: Scalar): Tensor;
  /** `aten::less_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  lessEqual(self: Tensor, other: Tensor): Tensor;
  /** `aten::less_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  lessEqual_(self: Tensor, other: Scalar): Tensor;
  /** `aten::less_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lessEqual_(self: Tensor, other: Tensor): Tensor;
  /** `aten::lgamma(Tensor self) -> Tensor` */
  lgamma(self: Tensor): Tensor;
  /** `aten::lgamma_(Tensor(a!) self) -> Tensor(a!)` */
  lgamma_(self: Tensor): Tensor;
  /** `aten::lift(Tensor self) -> Tensor` */
  lift(self: Tensor): Tensor;
  /** `aten::lift_fresh(Tensor(a) self) -> Tensor(a)` */
  liftFresh(self: Tensor): Tensor;
  /** `aten::lift_fresh_copy(Tensor self) -> Tensor` */
  liftFreshCopy(self: Tensor): Tensor;
  /** `aten::linalg__powsum(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgPowsum(self: Tensor, options?: { ord?: Scalar; dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg__powsum(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgPowsum(self: Tensor, ord: Scalar, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg__powsum(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgPowsum(self: Tensor, ord: Scalar, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg__powsum(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgPowsum(self: Tensor, ord: Scalar, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor` */
  linalgCholesky(self: Tensor, options?: { upper?: boolean }): Tensor;
  /** `aten::linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)` */
  linalgCholeskyEx(self: Tensor, options?: { upper?: boolean; checkErrors?: boolean }): [Tensor, Tensor];
  /** `aten::linalg_cond(Tensor self, Scalar? p=None) -> Tensor` */
  linalgCond(self: Tensor, options?: { p?: Scalar | null }): Tensor;
  /** `aten::linalg_cond(Tensor self, Scalar? p=None) -> Tensor` */
  linalgCond(self: Tensor, p: Scalar | null): Tensor;
  /** `aten::linalg_cond.p_str(Tensor self, str p) -> Tensor` */
  linalgCond(self: Tensor, p: string): Tensor;
  /** `aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor` */
  linalgCross(self: Tensor, other: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::linalg_det(Tensor A) -> Tensor` */
  linalgDet(A: Tensor): Tensor;
  /** `aten::linalg_diagonal(Tensor(a) A, *, int offset=0, int dim1=-2, int dim2=-1) -> Tensor(a)` */
  linalgDiagonal(A: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::linalg_eig(Tensor self) -> (Tensor eigenvalues, Tensor eigenvectors)` */
  linalgEig(self: Tensor): [Tensor, Tensor];
  /** `aten::linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)` */
  linalgEigh(self: Tensor, options?: { UPLO?: string }): [Tensor, Tensor];
  /** `aten::linalg_eigh(Tensor self, str UPLO="L") -> (Tensor eigenvalues, Tensor eigenvectors)` */
  linalgEigh(self: Tensor, UPLO: string): [Tensor, Tensor];
  /** `aten::linalg_eigvals(Tensor self) -> Tensor` */
  linalgEigvals(self: Tensor): Tensor;
  /** `aten::linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor` */
  linalgEigvalsh(self: Tensor, options?: { UPLO?: string }): Tensor;
  /** `aten::linalg_eigvalsh(Tensor self, str UPLO="L") -> Tensor` */
  linalgEigvalsh(self: Tensor, UPLO: string): Tensor;
  /** `aten::linalg_householder_product(Tensor input, Tensor tau) -> Tensor` */
  linalgHouseholderProduct(input: Tensor, tau: Tensor): Tensor;
  /** `aten::linalg_inv(Tensor A) -> Tensor` */
  linalgInv(A: Tensor): Tensor;
  /** `aten::linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)` */
  linalgInvEx(A: Tensor, options?: { checkErrors?: boolean }): [Tensor, Tensor];
  /** `aten::linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)` */
  linalgLdlFactor(self: Tensor, options?: { hermitian?: boolean }): [Tensor, Tensor];
  /** `aten::linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor pivots, Tensor info)` */
  linalgLdlFactorEx(self: Tensor, options?: { hermitian?: boolean; checkErrors?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor` */
  linalgLdlSolve(LD: Tensor, pivots: Tensor, B: Tensor, options?: { hermitian?: boolean }): Tensor;
  /** `aten::linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)` */
  linalgLstsq(self: Tensor, b: Tensor, options?: { rcond?: number | null; driver?: string | null }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor residuals, Tensor rank, Tensor singular_values)` */
  linalgLstsq(self: Tensor, b: Tensor, rcond: number | null, options?: { driver?: string | null }): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)` */
  linalgLu(A: Tensor, options?: { pivot?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)` */
  linalgLuFactor(A: Tensor, options?: { pivot?: boolean }): [Tensor, Tensor];
  /** `aten::linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor info)` */
  linalgLuFactorEx(A: Tensor, options?: { pivot?: boolean; checkErrors?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor` */
  linalgLuSolve(LU: Tensor, pivots: Tensor, B: Tensor, options?: { left?: boolean; adjoint?: boolean }): Tensor;
  /** `aten::linalg_matmul(Tensor self, Tensor other) -> Tensor` */
  linalgMatmul(self: Tensor, other: Tensor): Tensor;
  /** `aten::linalg_matrix_exp(Tensor self) -> Tensor` */
  linalgMatrixExp(self: Tensor): Tensor;
  /** `aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: Scalar, options?: { dim?: readonly Integer[]; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: Scalar, dim: readonly Integer[], options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: Scalar, dim: readonly Integer[], keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, options?: { ord?: string; dim?: readonly Integer[]; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: string, options?: { dim?: readonly Integer[]; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: string, dim: readonly Integer[], options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_norm.str_ord(Tensor self, str ord="fro", int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgMatrixNorm(self: Tensor, ord: string, dim: readonly Integer[], keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linalg_matrix_power(Tensor self, int n) -> Tensor` */
  linalgMatrixPower(self: Tensor, n: Integer): Tensor;
  /** `aten::linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(self: Tensor, tol: number, options?: { hermitian?: boolean }): Tensor;
  /** `aten::linalg_matrix_rank(Tensor self, float tol, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(self: Tensor, tol: number, hermitian: boolean): Tensor;
  /** `aten::linalg_matrix_rank.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(self: Tensor, options?: { atol?: number | null; rtol?: number | null; hermitian?: boolean }): Tensor;
  /** `aten::linalg_matrix_rank.atol_rtol_tensor(Tensor input, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(input: Tensor, options?: { atol?: Tensor | null; rtol?: Tensor | null; hermitian?: boolean }): Tensor;
  /** `aten::linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(input: Tensor, tol: Tensor, options?: { hermitian?: boolean }): Tensor;
  /** `aten::linalg_matrix_rank.tol_tensor(Tensor input, Tensor tol, bool hermitian=False) -> Tensor` */
  linalgMatrixRank(input: Tensor, tol: Tensor, hermitian: boolean): Tensor;
  /** `aten::linalg_multi_dot(Tensor[] tensors) -> Tensor` */
  linalgMultiDot(tensors: readonly Tensor[]): Tensor;
  /** `aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, options?: { ord?: Scalar | null; dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: Scalar | null, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: Scalar | null, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: Scalar | null, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: string, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: string, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgNorm(self: Tensor, ord: string, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, rcond: number, options?: { hermitian?: boolean }): Tensor;
  /** `aten::linalg_pinv(Tensor self, float rcond, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, rcond: number, hermitian: boolean): Tensor;
  /** `aten::linalg_pinv.atol_rtol_float(Tensor self, *, float? atol=None, float? rtol=None, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, options?: { atol?: number | null; rtol?: number | null; hermitian?: boolean }): Tensor;
  /** `aten::linalg_pinv.atol_rtol_tensor(Tensor self, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, options?: { atol?: Tensor | null; rtol?: Tensor | null; hermitian?: boolean }): Tensor;
  /** `aten::linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, rcond: Tensor, options?: { hermitian?: boolean }): Tensor;
  /** `aten::linalg_pinv.rcond_tensor(Tensor self, Tensor rcond, bool hermitian=False) -> Tensor` */
  linalgPinv(self: Tensor, rcond: Tensor, hermitian: boolean): Tensor;
  /** `aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)` */
  linalgQr(A: Tensor, options?: { mode?: string }): [Tensor, Tensor];
  /** `aten::linalg_qr(Tensor A, str mode="reduced") -> (Tensor Q, Tensor R)` */
  linalgQr(A: Tensor, mode: string): [Tensor, Tensor];
  /** `aten::linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)` */
  linalgSlogdet(A: Tensor): [Tensor, Tensor];
  /** `aten::linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor` */
  linalgSolve(A: Tensor, B: Tensor, options?: { left?: boolean }): Tensor;
  /** `aten::linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)` */
  linalgSolveEx(A: Tensor, B: Tensor, options?: { left?: boolean; checkErrors?: boolean }): [Tensor, Tensor];
  /** `aten::linalg_solve_triangular(Tensor self, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor` */
  linalgSolveTriangular(self: Tensor, B: Tensor, options: { upper: boolean; left?: boolean; unitriangular?: boolean }): Tensor;
  /** `aten::linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)` */
  linalgSvd(A: Tensor, options?: { fullMatrices?: boolean; driver?: string | null }): [Tensor, Tensor, Tensor];
  /** `aten::linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)` */
  linalgSvd(A: Tensor, fullMatrices: boolean, options?: { driver?: string | null }): [Tensor, Tensor, Tensor];
  /** `aten::linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor` */
  linalgSvdvals(A: Tensor, options?: { driver?: string | null }): Tensor;
  /** `aten::linalg_tensorinv(Tensor self, int ind=2) -> Tensor` */
  linalgTensorinv(self: Tensor, options?: { ind?: Integer }): Tensor;
  /** `aten::linalg_tensorinv(Tensor self, int ind=2) -> Tensor` */
  linalgTensorinv(self: Tensor, ind: Integer): Tensor;
  /** `aten::linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor` */
  linalgTensorsolve(self: Tensor, other: Tensor, options?: { dims?: readonly Integer[] | null }): Tensor;
  /** `aten::linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor` */
  linalgTensorsolve(self: Tensor, other: Tensor, dims: readonly Integer[] | null): Tensor;
  /** `aten::linalg_vander(Tensor x, *, SymInt? N=None) -> Tensor` */
  linalgVander(x: Tensor, options?: { N?: Integer | null }): Tensor;
  /** `aten::linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor` */
  linalgVecdot(x: Tensor, y: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgVectorNorm(self: Tensor, options?: { ord?: Scalar; dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgVectorNorm(self: Tensor, ord: Scalar, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgVectorNorm(self: Tensor, ord: Scalar, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  linalgVectorNorm(self: Tensor, ord: Scalar, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
  linear(input: Tensor, weight: Tensor, options?: { bias?: Tensor | null }): Tensor;
  /** `aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor` */
  linear(input: Tensor, weight: Tensor, bias: Tensor | null): Tensor;
  /** `aten::linear_backward(Tensor self, Tensor grad_output, Tensor weight, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  linearBackward(self: Tensor, gradOutput: Tensor, weight: Tensor, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  linspace(start: Scalar, end: Scalar, steps: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  linspace(start: Scalar, end: Tensor, steps: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  linspace(start: Tensor, end: Scalar, steps: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  linspace(start: Tensor, end: Tensor, steps: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::log(Tensor self) -> Tensor` */
  log(self: Tensor): Tensor;
  /** `aten::log10(Tensor self) -> Tensor` */
  log10(self: Tensor): Tensor;
  /** `aten::log10_(Tensor(a!) self) -> Tensor(a!)` */
  log10_(self: Tensor): Tensor;
  /** `aten::log1p(Tensor self) -> Tensor` */
  log1p(self: Tensor): Tensor;
  /** `aten::log1p_(Tensor(a!) self) -> Tensor(a!)` */
  log1p_(self: Tensor): Tensor;
  /** `aten::log2(Tensor self) -> Tensor` */
  log2(self: Tensor): Tensor;
  /** `aten::log2_(Tensor(a!) self) -> Tensor(a!)` */
  log2_(self: Tensor): Tensor;
  /** `aten::log_(Tensor(a!) self) -> Tensor(a!)` */
  log_(self: Tensor): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(self: Tensor, options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(self: Tensor, mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(self: Tensor, mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(self: Tensor, options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(self: Tensor, mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(self: Tensor, mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::log_sigmoid(Tensor self) -> Tensor` */
  logSigmoid(self: Tensor): Tensor;
  /** `aten::log_sigmoid_backward(Tensor grad_output, Tensor self, Tensor buffer) -> Tensor` */
  logSigmoidBackward(gradOutput: Tensor, self: Tensor, buffer: Tensor): Tensor;
  /** `aten::log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)` */
  logSigmoidForward(self: Tensor): [Tensor, Tensor];
  /** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  logSoftmax(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  logSoftmax(self: Tensor, dim: Integer, dtype: DType | null): Tensor;
  /** `aten::logaddexp(Tensor self, Tensor other) -> Tensor` */
  logaddexp(self: Tensor, other: Tensor): Tensor;
  /** `aten::logaddexp2(Tensor self, Tensor other) -> Tensor` */
  logaddexp2(self: Tensor, other: Tensor): Tensor;
  /** `aten::logcumsumexp(Tensor self, int dim) -> Tensor` */
  logcumsumexp(self: Tensor, dim: Integer): Tensor;
  /** `aten::logdet(Tensor self) -> Tensor` */
  logdet(self: Tensor): Tensor;
  /** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
  logicalAnd(self: Tensor, other: Tensor): Tensor;
  /** `aten::logical_and_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalAnd_(self: Tensor, other: Tensor): Tensor;
  /** `aten::logical_not(Tensor self) -> Tensor` */
  logicalNot(self: Tensor): Tensor;
  /** `aten::logical_not_(Tensor(a!) self) -> Tensor(a!)` */
  logicalNot_(self: Tensor): Tensor;
  /** `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
  logicalOr(self: Tensor, other: Tensor): Tensor;
  /** `aten::logical_or_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalOr_(self: Tensor, other: Tensor): Tensor;
  /** `aten::logical_xor(Tensor self, Tensor other) -> Tensor` */
  logicalXor(self: Tensor, other: Tensor): Tensor;
  /** `aten::logical_xor_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalXor_(self: Tensor, other: Tensor): Tensor;
  /** `aten::logit(Tensor self, float? eps=None) -> Tensor` */
  logit(self: Tensor, options?: { eps?: number | null }): Tensor;
  /** `aten::logit(Tensor self, float? eps=None) -> Tensor` */
  logit(self: Tensor, eps: number | null): Tensor;
  /** `aten::logit_(Tensor(a!) self, float? eps=None) -> Tensor(a!)` */
  logit_(self: Tensor, options?: { eps?: number | null }): Tensor;
  /** `aten::logit_(Tensor(a!) self, float? eps=None) -> Tensor(a!)` */
  logit_(self: Tensor, eps: number | null): Tensor;
  /** `aten::logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor` */
  logitBackward(gradOutput: Tensor, self: Tensor, options?: { eps?: number | null }): Tensor;
  /** `aten::logit_backward(Tensor grad_output, Tensor self, float? eps=None) -> Tensor` */
  logitBackward(gradOutput: Tensor, self: Tensor, eps: number | null): Tensor;
  /** `aten::logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Scalar, end: Scalar, steps: Integer, options?: { base?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace(Scalar start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Scalar, end: Scalar, steps: Integer, base: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Scalar, end: Tensor, steps: Integer, options?: { base?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Scalar_Tensor(Scalar start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Scalar, end: Tensor, steps: Integer, base: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Tensor, end: Scalar, steps: Integer, options?: { base?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Tensor_Scalar(Tensor start, Scalar end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Tensor, end: Scalar, steps: Integer, base: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Tensor, end: Tensor, steps: Integer, options?: { base?: number; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logspace.Tensor_Tensor(Tensor start, Tensor end, int steps, float base=10., *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  logspace(start: Tensor, end: Tensor, steps: Integer, base: number, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  logsumexp(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  logsumexp(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)` */
  lstm(data: Tensor, batchSizes: Tensor, hx: readonly Tensor[], params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean): [Tensor, Tensor, Tensor];
  /** `aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)` */
  lstm(input: Tensor, hx: readonly Tensor[], params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor, Tensor];
  /** `aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)` */
  lstmCell(input: Tensor, hx: readonly Tensor[], wIh: Tensor, wHh: Tensor, options?: { bIh?: Tensor | null; bHh?: Tensor | null }): [Tensor, Tensor];
  /** `aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)` */
  lstmCell(input: Tensor, hx: readonly Tensor[], wIh: Tensor, wHh: Tensor, bIh: Tensor | null, options?: { bHh?: Tensor | null }): [Tensor, Tensor];
  /** `aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)` */
  lstmCell(input: Tensor, hx: readonly Tensor[], wIh: Tensor, wHh: Tensor, bIh: Tensor | null, bHh: Tensor | null): [Tensor, Tensor];
  /** `aten::lstm_mps_backward(Tensor? grad_y, Tensor? grad_hy, Tensor? grad_cy, Tensor z_state, Tensor cell_state_fwd, Tensor input, Tensor layersOutputs, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor[], Tensor[])` */
  lstmMpsBackward(gradY: Tensor | null, gradHy: Tensor | null, gradCy: Tensor | null, zState: Tensor, cellStateFwd: Tensor, input: Tensor, layersOutputs: Tensor, hx: readonly Tensor[], params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor[], Tensor[]];
  /** `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
  lt(self: Tensor, other: Scalar): Tensor;
  /** `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
  lt(self: Tensor, other: Tensor): Tensor;
  /** `aten::lt_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  lt_(self: Tensor, other: Scalar): Tensor;
  /** `aten::lt_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lt_(self: Tensor, other: Tensor): Tensor;
  /** `aten::lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor` */
  luSolve(self: Tensor, LUData: Tensor, LUPivots: Tensor): Tensor;
  /** `aten::lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)` */
  luUnpack(LUData: Tensor, LUPivots: Tensor, options?: { unpackData?: boolean; unpackPivots?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)` */
  luUnpack(LUData: Tensor, LUPivots: Tensor, unpackData: boolean, options?: { unpackPivots?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor L, Tensor U)` */
  luUnpack(LUData: Tensor, LUPivots: Tensor, unpackData: boolean, unpackPivots: boolean): [Tensor, Tensor, Tensor];
  /** `aten::mH(Tensor(a) self) -> Tensor(a)` */
  mH(self: Tensor): Tensor;
  /** `aten::mT(Tensor(a) self) -> Tensor(a)` */
  mT(self: Tensor): Tensor;
  /** `aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, options?: { margin?: number; reduction?: Integer }): Tensor;
  /** `aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, margin: number, options?: { reduction?: Integer }): Tensor;
  /** `aten::margin_ranking_loss(Tensor input1, Tensor input2, Tensor target, float margin=0., int reduction=1) -> Tensor` */
  marginRankingLoss(input1: Tensor, input2: Tensor, target: Tensor, margin: number, reduction: Integer): Tensor;
  /** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
  maskedFill(self: Tensor, mask: Tensor, value: Scalar): Tensor;
  /** `aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor` */
  maskedFill(self: Tensor, mask: Tensor, value: Tensor): Tensor;
  /** `aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)` */
  maskedFill_(self: Tensor, mask: Tensor, value: Scalar): Tensor;
  /** `aten::masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)` */
  maskedFill_(self: Tensor, mask: Tensor, value: Tensor): Tensor;
  /** `aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor` */
  maskedScatter(self: Tensor, mask: Tensor, source: Tensor): Tensor;
  /** `aten::masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)` */
  maskedScatter_(self: Tensor, mask: Tensor, source: Tensor): Tensor;
  /** `aten::masked_scatter_backward(Tensor grad_output, Tensor mask, SymInt[] sizes) -> Tensor` */
  maskedScatterBackward(gradOutput: Tensor, mask: Tensor, sizes: readonly Integer[]): Tensor;
  /** `aten::masked_select(Tensor self, Tensor mask) -> Tensor` */
  maskedSelect(self: Tensor, mask: Tensor): Tensor;
  /** `aten::masked_select_backward(Tensor grad, Tensor input, Tensor mask) -> Tensor` */
  maskedSelectBackward(grad: Tensor, input: Tensor, mask: Tensor): Tensor;
  /** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
  matmul(self: Tensor, other: Tensor): Tensor;
  /** `aten::matmul_backward(Tensor grad, Tensor self, Tensor other, bool[2] mask) -> (Tensor, Tensor)` */
  matmulBackward(grad: Tensor, self: Tensor, other: Tensor, mask: boolean | readonly boolean[]): [Tensor, Tensor];
  /** `aten::matrix_H(Tensor(a) self) -> Tensor(a)` */
  matrixH(self: Tensor): Tensor;
  /** `aten::matrix_exp(Tensor self) -> Tensor` */
  matrixExp(self: Tensor): Tensor;
  /** `aten::matrix_exp_backward(Tensor self, Tensor grad) -> Tensor` */
  matrixExpBackward(self: Tensor, grad: Tensor): Tensor;
  /** `aten::matrix_power(Tensor self, int n) -> Tensor` */
  matrixPower(self: Tensor, n: Integer): Tensor;
  /** `aten::max(Tensor self) -> Tensor` */
  max(self: Tensor): Tensor;
  /** `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  max(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  max(self: Tensor, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::max.other(Tensor self, Tensor other) -> Tensor` */
  max(self: Tensor, other: Tensor): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2dBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices_backward(Tensor grad_output, Tensor self, int[2] kernel_size, int[2] stride, int[2] padding, int[2] dilation, bool ceil_mode, Tensor indices) -> Tensor` */
  maxPool2dWithIndicesBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean, indices: Tensor): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices_backward(Tensor grad_output, Tensor self, int[3] kernel_size, int[3] stride, int[3] padding, int[3] dilation, bool ceil_mode, Tensor indices) -> Tensor` */
  maxPool3dWithIndicesBackward(gradOutput: Tensor, self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean, indices: Tensor): Tensor;
  /** `aten::max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor` */
  maxUnpool2d(self: Tensor, indices: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor` */
  maxUnpool3d(self: Tensor, indices: Tensor, outputSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::maximum(Tensor self, Tensor other) -> Tensor` */
  maximum(self: Tensor, other: Tensor): Tensor;
  /** `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  mean(self: Tensor, options?: { dtype?: DType | null }): Tensor;
  /** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  mean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  mean(self: Tensor, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::median(Tensor self) -> Tensor` */
  median(self: Tensor): Tensor;
  /** `aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  median(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  median(self: Tensor, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::meshgrid(Tensor[] tensors) -> Tensor[]` */
  meshgrid(tensors: readonly Tensor[]): Tensor[];
  /** `aten::meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]` */
  meshgrid(tensors: readonly Tensor[], options: { indexing: string }): Tensor[];
  /** `aten::min(Tensor self) -> Tensor` */
  min(self: Tensor): Tensor;
  /** `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  min(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  min(self: Tensor, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::min.other(Tensor self, Tensor other) -> Tensor` */
  min(self: Tensor, other: Tensor): Tensor;
  /** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
  minimum(self: Tensor, other: Tensor): Tensor;
  /** `aten::miopen_batch_norm(Tensor input, Tensor weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float exponential_average_factor, float epsilon) -> (Tensor, Tensor, Tensor)` */
  miopenBatchNorm(input: Tensor, weight: Tensor, bias: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, training: boolean, exponentialAverageFactor: number, epsilon: number): [Tensor, Tensor, Tensor];
  /** `aten::miopen_batch_norm_backward(Tensor input, Tensor grad_output, Tensor weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_var, float epsilon) -> (Tensor, Tensor, Tensor)` */
  miopenBatchNormBackward(input: Tensor, gradOutput: Tensor, weight: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, saveMean: Tensor | null, saveVar: Tensor | null, epsilon: number): [Tensor, Tensor, Tensor];
  /** `aten::miopen_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenConvolution(self: Tensor, weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::miopen_convolution_add_relu(Tensor self, Tensor weight, Tensor z, Scalar? alpha, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  miopenConvolutionAddRelu(self: Tensor, weight: Tensor, z: Tensor, alpha: Scalar | null, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::miopen_convolution_relu(Tensor self, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  miopenConvolutionRelu(self: Tensor, weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::miopen_convolution_transpose(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenConvolutionTranspose(self: Tensor, weight: Tensor, bias: Tensor | null, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::miopen_ctc_loss(Tensor log_probs, Tensor targets, int[] input_lengths, int[] target_lengths, int blank, bool deterministic, bool zero_infinity) -> (Tensor, Tensor)` */
  miopenCtcLoss(logProbs: Tensor, targets: Tensor, inputLengths: readonly Integer[], targetLengths: readonly Integer[], blank: Integer, deterministic: boolean, zeroInfinity: boolean): [Tensor, Tensor];
  /** `aten::miopen_ctc_loss.Tensor(Tensor log_probs, Tensor targets, Tensor input_lengths, Tensor target_lengths, int blank, bool deterministic, bool zero_infinity) -> (Tensor, Tensor)` */
  miopenCtcLoss(logProbs: Tensor, targets: Tensor, inputLengths: Tensor, targetLengths: Tensor, blank: Integer, deterministic: boolean, zeroInfinity: boolean): [Tensor, Tensor];
  /** `aten::miopen_depthwise_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenDepthwiseConvolution(self: Tensor, weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::miopen_rnn(Tensor input, Tensor[] weight, int weight_stride0, Tensor hx, Tensor? cx, int mode, int hidden_size, int num_layers, bool batch_first, float dropout, bool train, bool bidirectional, int[] batch_sizes, Tensor? dropout_state) -> (Tensor, Tensor, Tensor, Tensor, Tensor)` */
  miopenRnn(input: Tensor, weight: readonly Tensor[], weightStride0: Integer, hx: Tensor, cx: Tensor | null, mode: Integer, hiddenSize: Integer, numLayers: Integer, batchFirst: boolean, dropout: number, train: boolean, bidirectional: boolean, batchSizes: readonly Integer[], dropoutState: Tensor | null): [Tensor, Tensor, Tensor, Tensor, Tensor];
  /** `aten::miopen_rnn_backward(Tensor input, Tensor[] weight, int weight_stride0, Tensor weight_buf, Tensor hx, Tensor? cx, Tensor output, Tensor? grad_output, Tensor? grad_hy, Tensor? grad_cy, int mode, int hidden_size, int num_layers, bool batch_first, float dropout, bool train, bool bidirectional, int[] batch_sizes, Tensor? dropout_state, Tensor reserve, bool[4] output_mask) -> (Tensor, Tensor, Tensor, Tensor[])` */
  miopenRnnBackward(input: Tensor, weight: readonly Tensor[], weightStride0: Integer, weightBuf: Tensor, hx: Tensor, cx: Tensor | null, output: Tensor, gradOutput: Tensor | null, gradHy: Tensor | null, gradCy: Tensor | null, mode: Integer, hiddenSize: Integer, numLayers: Integer, batchFirst: boolean, dropout: number, train: boolean, bidirectional: boolean, batchSizes: readonly Integer[], dropoutState: Tensor | null, reserve: Tensor, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor, Tensor[]];
  /** `aten::mish(Tensor self) -> Tensor` */
  mish(self: Tensor): Tensor;
  /** `aten::mish_(Tensor(a!) self) -> Tensor(a!)` */
  mish_(self: Tensor): Tensor;
  /** `aten::mish_backward(Tensor grad_output, Tensor self) -> Tensor` */
  mishBackward(gradOutput: Tensor, self: Tensor): Tensor;
  /** `aten::mkldnn_adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor` */
  mkldnnAdaptiveAvgPool2d(self: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::mkldnn_adaptive_avg_pool2d_backward(Tensor grad_output, Tensor self) -> Tensor` */
  mkldnnAdaptiveAvgPool2dBackward(gradOutput: Tensor, self: Tensor): Tensor;
  /** `aten::mkldnn_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups) -> Tensor` */
  mkldnnConvolution(self: Tensor, weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::mkldnn_linear(Tensor self, Tensor weight, Tensor? bias=None) -> Tensor` */
  mkldnnLinear(self: Tensor, weight: Tensor, options?: { bias?: Tensor | null }): Tensor;
  /** `aten::mkldnn_linear(Tensor self, Tensor weight, Tensor? bias=None) -> Tensor` */
  mkldnnLinear(self: Tensor, weight: Tensor, bias: Tensor | null): Tensor;
  /** `aten::mkldnn_linear_backward(Tensor self, Tensor grad_output, Tensor weight, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  mkldnnLinearBackward(self: Tensor, gradOutput: Tensor, weight: Tensor, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::mkldnn_linear_backward_input(int[] input_size, Tensor grad_output, Tensor weight) -> Tensor` */
  mkldnnLinearBackwardInput(inputSize: readonly Integer[], gradOutput: Tensor, weight: Tensor): Tensor;
  /** `aten::mkldnn_linear_backward_weights(Tensor grad_output, Tensor input, Tensor weight, bool bias_defined) -> (Tensor, Tensor)` */
  mkldnnLinearBackwardWeights(gradOutput: Tensor, input: Tensor, weight: Tensor, biasDefined: boolean): [Tensor, Tensor];
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_max_pool2d_backward(Tensor grad_output, Tensor output, Tensor input, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d_backward(Tensor grad_output, Tensor output, Tensor input, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d_backward(Tensor grad_output, Tensor output, Tensor input, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d_backward(Tensor grad_output, Tensor output, Tensor input, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d_backward(Tensor grad_output, Tensor output, Tensor input, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_max_pool3d_backward(Tensor grad_output, Tensor output, Tensor input, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d_backward(Tensor grad_output, Tensor output, Tensor input, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d_backward(Tensor grad_output, Tensor output, Tensor input, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d_backward(Tensor grad_output, Tensor output, Tensor input, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d_backward(Tensor grad_output, Tensor output, Tensor input, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3dBackward(gradOutput: Tensor, output: Tensor, input: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, options?: { padding?: Integer | readonly Integer[]; stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, padding: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, options?: { inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, inputSize: readonly Integer[] | null): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, options?: { padding?: Integer | readonly Integer[]; stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, padding: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, options?: { inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(self: Tensor, padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, inputSize: readonly Integer[] | null): Tensor;
  /** `aten::mkldnn_rnn_layer(Tensor input, Tensor weight0, Tensor weight1, Tensor weight2, Tensor weight3, Tensor hx_, Tensor cx_, bool reverse, int[] batch_sizes, int mode, int hidden_size, int num_layers, bool has_biases, bool bidirectional, bool batch_first, bool train) -> (Tensor, Tensor, Tensor, Tensor)` */
  mkldnnRnnLayer(input: Tensor, weight0: Tensor, weight1: Tensor, weight2: Tensor, weight3: Tensor, hx_: Tensor, cx_: Tensor, reverse: boolean, batchSizes: readonly Integer[], mode: Integer, hiddenSize: Integer, numLayers: Integer, hasBiases: boolean, bidirectional: boolean, batchFirst: boolean, train: boolean): [Tensor, Tensor, Tensor, Tensor];
  /** `aten::mkldnn_rnn_layer_backward(Tensor input, Tensor weight1, Tensor weight2, Tensor weight3, Tensor weight4, Tensor hx_, Tensor cx_tmp, Tensor output, Tensor hy_, Tensor cy_, Tensor? grad_output, Tensor? grad_hy, Tensor? grad_cy, bool reverse, int mode, int hidden_size, int num_layers, bool has_biases, bool train, bool bidirectional, int[] batch_sizes, bool batch_first, Tensor workspace) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)` */
  mkldnnRnnLayerBackward(input: Tensor, weight1: Tensor, weight2: Tensor, weight3: Tensor, weight4: Tensor, hx_: Tensor, cxTmp: Tensor, output: Tensor, hy_: Tensor, cy_: Tensor, gradOutput: Tensor | null, gradHy: Tensor | null, gradCy: Tensor | null, reverse: boolean, mode: Integer, hiddenSize: Integer, numLayers: Integer, hasBiases: boolean, train: boolean, bidirectional: boolean, batchSizes: readonly Integer[], batchFirst: boolean, workspace: Tensor): [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
  /** `aten::mm(Tensor self, Tensor mat2) -> Tensor` */
  mm(self: Tensor, mat2: Tensor): Tensor;
  /** `aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor` */
  mm(self: Tensor, mat2: Tensor, outDtype: DType): Tensor;
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(self: Tensor, options?: { dim?: Integer; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(self: Tensor, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)` */
  moveaxis(self: Tensor, source: Integer, destination: Integer): Tensor;
  /** `aten::moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)` */
  moveaxis(self: Tensor, source: readonly Integer[], destination: readonly Integer[]): Tensor;
  /** `aten::movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)` */
  movedim(self: Tensor, source: Integer, destination: Integer): Tensor;
  /** `aten::movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)` */
  movedim(self: Tensor, source: readonly Integer[], destination: readonly Integer[]): Tensor;
  /** `aten::mps_convolution_backward(Tensor self, Tensor grad_output, Tensor weight, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  mpsConvolutionBackward(self: Tensor, gradOutput: Tensor, weight: Tensor, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::mps_convolution_transpose_backward(Tensor self, Tensor grad_output, Tensor weight, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool[2] output_mask) -> (Tensor, Tensor)` */
  mpsConvolutionTransposeBackward(self: Tensor, gradOutput: Tensor, weight: Tensor, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor];
  /** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  mseLoss(self: Tensor, target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  mseLoss(self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::mse_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor` */
  mseLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::msort(Tensor self) -> Tensor` */
  msort(self: Tensor): Tensor;
  /** `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
  mul(self: Tensor, other: Scalar): Tensor;
  /** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
  mul(self: Tensor, other: Tensor): Tensor;
  /** `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  mul_(self: Tensor, other: Scalar): Tensor;
  /** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  mul_(self: Tensor, other: Tensor): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(self: Tensor, target: Tensor, options?: { p?: Scalar; margin?: Scalar; weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(self: Tensor, target: Tensor, p: Scalar, options?: { margin?: Scalar; weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(self: Tensor, target: Tensor, p: Scalar, margin: Scalar, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(self: Tensor, target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(self: Tensor, target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, p: Scalar, margin: Scalar, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, Scalar p, Scalar margin, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  multilabelMarginLoss(self: Tensor, target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  multilabelMarginLoss(self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::multilabel_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, Tensor is_target) -> Tensor` */
  multilabelMarginLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, reduction: Integer, isTarget: Tensor): Tensor;
  /** `aten::multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)` */
  multilabelMarginLossForward(self: Tensor, target: Tensor, reduction: Integer): [Tensor, Tensor];
  /** `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
  multinomial(self: Tensor, numSamples: Integer, options?: { replacement?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
  multinomial(self: Tensor, numSamples: Integer, replacement: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::multiply.Scalar(Tensor self, Scalar other) -> Tensor` */
  multiply(self: Tensor, other: Scalar): Tensor;
  /** `aten::multiply.Tensor(Tensor self, Tensor other) -> Tensor` */
  multiply(self: Tensor, other: Tensor): Tensor;
  /** `aten::multiply_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  multiply_(self: Tensor, other: Scalar): Tensor;
  /** `aten::multiply_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  multiply_(self: Tensor, other: Tensor): Tensor;
  /** `aten::mv(Tensor self, Tensor vec) -> Tensor` */
  mv(self: Tensor, vec: Tensor): Tensor;
  /** `aten::mvlgamma(Tensor self, int p) -> Tensor` */
  mvlgamma(self: Tensor, p: Integer): Tensor;
  /** `aten::mvlgamma_(Tensor(a!) self, int p) -> Tensor(a!)` */
  mvlgamma_(self: Tensor, p: Integer): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(self: Tensor, options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(self: Tensor, nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(self: Tensor, nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(self: Tensor, nan: number | null, posinf: number | null, neginf: number | null): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(self: Tensor, options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(self: Tensor, nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(self: Tensor, nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(self: Tensor, nan: number | null, posinf: number | null, neginf: number | null): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(self: Tensor, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::nanmedian(Tensor self) -> Tensor` */
  nanmedian(self: Tensor): Tensor;
  /** `aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  nanmedian(self: Tensor, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  nanmedian(self: Tensor, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: Tensor, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: Tensor, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: Tensor, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: number, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: number, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(self: Tensor, q: number, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(self: Tensor, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)` */
  narrow(self: Tensor, dim: Integer, start: Integer, length: Integer): Tensor;
  /** `aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)` */
  narrow(self: Tensor, dim: Integer, start: Tensor, length: Integer): Tensor;
  /** `aten::narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor` */
  narrowCopy(self: Tensor, dim: Integer, start: Integer, length: Integer): Tensor;
  /** `aten::native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, float momentum, float eps) -> (Tensor, Tensor, Tensor)` */
  nativeBatchNorm(input: Tensor, weight: Tensor | null, bias: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, training: boolean, momentum: number, eps: number): [Tensor, Tensor, Tensor];
  /** `aten::native_batch_norm_backward(Tensor grad_out, Tensor input, Tensor? weight, Tensor? running_mean, Tensor? running_var, Tensor? save_mean, Tensor? save_invstd, bool train, float eps, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  nativeBatchNormBackward(gradOut: Tensor, input: Tensor, weight: Tensor | null, runningMean: Tensor | null, runningVar: Tensor | null, saveMean: Tensor | null, saveInvstd: Tensor | null, train: boolean, eps: number, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::native_channel_shuffle(Tensor self, SymInt groups) -> Tensor` */
  nativeChannelShuffle(self: Tensor, groups: Integer): Tensor;
  /** `aten::native_dropout(Tensor input, float p, bool? train) -> (Tensor, Tensor)` */
  nativeDropout(input: Tensor, p: number, train: boolean | null): [Tensor, Tensor];
  /** `aten::native_dropout_backward(Tensor grad_output, Tensor mask, float scale) -> Tensor` */
  nativeDropoutBackward(gradOutput: Tensor, mask: Tensor, scale: number): Tensor;
  /** `aten::native_group_norm(Tensor input, Tensor? weight, Tensor? bias, SymInt N, SymInt C, SymInt HxW, int group, float eps) -> (Tensor, Tensor, Tensor)` */
  nativeGroupNorm(input: Tensor, weight: Tensor | null, bias: Tensor | null, N: Integer, C: Integer, HxW: Integer, group: Integer, eps: number): [Tensor, Tensor, Tensor];
  /** `aten::native_group_norm_backward(Tensor grad_out, Tensor input, Tensor mean, Tensor rstd, Tensor? weight, SymInt N, SymInt C, SymInt HxW, int group, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  nativeGroupNormBackward(gradOut: Tensor, input: Tensor, mean: Tensor, rstd: Tensor, weight: Tensor | null, N: Integer, C: Integer, HxW: Integer, group: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::native_layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight, Tensor? bias, float eps) -> (Tensor, Tensor, Tensor)` */
  nativeLayerNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, bias: Tensor | null, eps: number): [Tensor, Tensor, Tensor];
  /** `aten::native_layer_norm_backward(Tensor grad_out, Tensor input, SymInt[] normalized_shape, Tensor mean, Tensor rstd, Tensor? weight, Tensor? bias, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  nativeLayerNormBackward(gradOut: Tensor, input: Tensor, normalizedShape: readonly Integer[], mean: Tensor, rstd: Tensor, weight: Tensor | null, bias: Tensor | null, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::native_norm(Tensor self, Scalar p=2) -> Tensor` */
  nativeNorm(self: Tensor, options?: { p?: Scalar }): Tensor;
  /** `aten::native_norm(Tensor self, Scalar p=2) -> Tensor` */
  nativeNorm(self: Tensor, p: Scalar): Tensor;
  /** `aten::native_norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, ScalarType? dtype) -> Tensor` */
  nativeNorm(self: Tensor, p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean, dtype: DType | null): Tensor;
  /** `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
  ne(self: Tensor, other: Scalar): Tensor;
  /** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
  ne(self: Tensor, other: Tensor): Tensor;
  /** `aten::ne_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  ne_(self: Tensor, other: Scalar): Tensor;
  /** `aten::ne_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ne_(self: Tensor, other: Tensor): Tensor;
  /** `aten::neg(Tensor self) -> Tensor` */
  neg(self: Tensor): Tensor;
  /** `aten::neg_(Tensor(a!) self) -> Tensor(a!)` */
  neg_(self: Tensor): Tensor;
  /** `aten::negative(Tensor self) -> Tensor` */
  negative(self: Tensor): Tensor;
  /** `aten::negative_(Tensor(a!) self) -> Tensor(a!)` */
  negative_(self: Tensor): Tensor;
  /** `aten::nested_to_padded_tensor(Tensor self, float padding, int[]? output_size=None) -> Tensor` */
  nestedToPaddedTensor(self: Tensor, padding: number, options?: { outputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::nested_to_padded_tensor(Tensor self, float padding, int[]? output_size=None) -> Tensor` */
  nestedToPaddedTensor(self: Tensor, padding: number, outputSize: readonly Integer[] | null): Tensor;
  /** `aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmpty(self: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmpty(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmptyStrided(self: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newFull(self: Tensor, size: readonly Integer[], fillValue: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newOnes(self: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newOnes(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newZeros(self: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newZeros(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::nextafter(Tensor self, Tensor other) -> Tensor` */
  nextafter(self: Tensor, other: Tensor): Tensor;
  /** `aten::nextafter_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  nextafter_(self: Tensor, other: Tensor): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nll_loss2d_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, Tensor total_weight) -> Tensor` */
  nllLoss2dBackward(gradOutput: Tensor, self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, totalWeight: Tensor): Tensor;
  /** `aten::nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)` */
  nllLoss2dForward(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): [Tensor, Tensor];
  /** `aten::nll_loss_backward(Tensor grad_output, Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index, Tensor total_weight) -> Tensor` */
  nllLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, totalWeight: Tensor): Tensor;
  /** `aten::nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)` */
  nllLossForward(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): [Tensor, Tensor];
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(self: Tensor, target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(self: Tensor, target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(self: Tensor, target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nonzero(Tensor self) -> Tensor` */
  nonzero(self: Tensor): Tensor;
  /** `aten::nonzero_numpy(Tensor self) -> Tensor[]` */
  nonzeroNumpy(self: Tensor): Tensor[];
  /** `aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor` */
  nonzeroStatic(self: Tensor, options: { size: Integer; fillValue?: Integer }): Tensor;
  /** `aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor` */
  norm(self: Tensor, options?: { p?: Scalar }): Tensor;
  /** `aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor` */
  norm(self: Tensor, p: Scalar): Tensor;
  /** `aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor` */
  norm(self: Tensor, p: Scalar | null, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor` */
  norm(self: Tensor, p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor` */
  norm(self: Tensor, p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean, options: { dtype: DType }): Tensor;
  /** `aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor` */
  norm(self: Tensor, p: Scalar | null, options: { dtype: DType }): Tensor;
  /** `aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor` */
  normExceptDim(v: Tensor, options?: { pow?: Integer; dim?: Integer }): Tensor;
  /** `aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor` */
  normExceptDim(v: Tensor, pow: Integer, options?: { dim?: Integer }): Tensor;
  /** `aten::norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor` */
  normExceptDim(v: Tensor, pow: Integer, dim: Integer): Tensor;
  /** `aten::normal.Tensor_Tensor(Tensor mean, Tensor std, *, Generator? generator=None) -> Tensor` */
  normal(mean: Tensor, std: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor` */
  normal(mean: Tensor, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal.Tensor_float(Tensor mean, float std=1., *, Generator? generator=None) -> Tensor` */
  normal(mean: Tensor, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::normal.float_Tensor(float mean, Tensor std, *, Generator? generator=None) -> Tensor` */
  normal(mean: number, std: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::normal.float_float(float mean, float std, SymInt[] size, *, Generator? generator=None, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  normal(mean: number, std: number, size: readonly Integer[], options?: { generator?: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(self: Tensor, options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(self: Tensor, mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(self: Tensor, mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(self: Tensor, options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(self: Tensor, mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(self: Tensor, mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::not_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  notEqual(self: Tensor, other: Scalar): Tensor;
  /** `aten::not_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  notEqual(self: Tensor, other: Tensor): Tensor;
  /** `aten::not_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  notEqual_(self: Tensor, other: Scalar): Tensor;
  /** `aten::not_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  notEqual_(self: Tensor, other: Tensor): Tensor;
  /** `aten::nuclear_norm(Tensor self, bool keepdim=False) -> Tensor` */
  nuclearNorm(self: Tensor, options?: { keepdim?: boolean }): Tensor;
  /** `aten::nuclear_norm(Tensor self, bool keepdim=False) -> Tensor` */
  nuclearNorm(self: Tensor, keepdim: boolean): Tensor;
  /** `aten::nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor` */
  nuclearNorm(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor` */
  nuclearNorm(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::numel(Tensor self) -> int` */
  numel(self: Tensor): number;
  /** `aten::numpy_T(Tensor(a) self) -> Tensor(a)` */
  numpyT(self: Tensor): Tensor;
  /** `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
  oneHot(self: Tensor, options?: { numClasses?: Integer }): Tensor;
  /** `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
  oneHot(self: Tensor, numClasses: Integer): Tensor;
  /** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  ones(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::ones(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  ones(...size: Integer[]): Tensor;
  /** `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  onesLike(self: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::orgqr(Tensor self, Tensor input2) -> Tensor` */
  orgqr(self: Tensor, input2: Tensor): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(self: Tensor, input2: Tensor, input3: Tensor, options?: { left?: boolean; transpose?: boolean }): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(self: Tensor, input2: Tensor, input3: Tensor, left: boolean, options?: { transpose?: boolean }): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(self: Tensor, input2: Tensor, input3: Tensor, left: boolean, transpose: boolean): Tensor;
  /** `aten::outer(Tensor self, Tensor vec2) -> Tensor` */
  outer(self: Tensor, vec2: Tensor): Tensor;
  /** `aten::output_nr(Tensor self) -> int` */
  outputNr(self: Tensor): number;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(self: Tensor, pad: readonly Integer[], options?: { mode?: string; value?: number | null }): Tensor;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(self: Tensor, pad: readonly Integer[], mode: string, options?: { value?: number | null }): Tensor;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(self: Tensor, pad: readonly Integer[], mode: string, value: number | null): Tensor;
  /** `aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor` */
  padSequence(sequences: readonly Tensor[], options?: { batchFirst?: boolean; paddingValue?: number; paddingSide?: string }): Tensor;
  /** `aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor` */
  padSequence(sequences: readonly Tensor[], batchFirst: boolean, options?: { paddingValue?: number; paddingSide?: string }): Tensor;
  /** `aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor` */
  padSequence(sequences: readonly Tensor[], batchFirst: boolean, paddingValue: number, options?: { paddingSide?: string }): Tensor;
  /** `aten::pad_sequence(Tensor[] sequences, bool batch_first=False, float padding_value=0., str padding_side="right") -> Tensor` */
  padSequence(sequences: readonly Tensor[], batchFirst: boolean, paddingValue: number, paddingSide: string): Tensor;
  /** `aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor` */
  pairwiseDistance(x1: Tensor, x2: Tensor, options?: { p?: number; eps?: number; keepdim?: boolean }): Tensor;
  /** `aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor` */
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, options?: { eps?: number; keepdim?: boolean }): Tensor;
  /** `aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor` */
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, eps: number, options?: { keepdim?: boolean }): Tensor;
  /** `aten::pairwise_distance(Tensor x1, Tensor x2, float p=2., float eps=9.9999999999999995e-07, bool keepdim=False) -> Tensor` */
  pairwiseDistance(x1: Tensor, x2: Tensor, p: number, eps: number, keepdim: boolean): Tensor;
  /** `aten::pdist(Tensor self, float p=2.) -> Tensor` */
  pdist(self: Tensor, options?: { p?: number }): Tensor;
  /** `aten::pdist(Tensor self, float p=2.) -> Tensor` */
  pdist(self: Tensor, p: number): Tensor;
  /** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
  permute(self: Tensor, dims: readonly Integer[]): Tensor;
  /** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
  permute(self: Tensor, ...dims: Integer[]): Tensor;
  /** `aten::permute_copy(Tensor self, int[] dims) -> Tensor` */
  permuteCopy(self: Tensor, dims: readonly Integer[]): Tensor;
  /** `aten::permute_copy(Tensor self, int[] dims) -> Tensor` */
  permuteCopy(self: Tensor, ...dims: Integer[]): Tensor;
  /** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
  pinMemory(self: Tensor, options?: { device?: string | null }): Tensor;
  /** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
  pinMemory(self: Tensor, device: string | null): Tensor;
  /** `aten::pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor` */
  pinverse(self: Tensor, options?: { rcond?: number }): Tensor;
  /** `aten::pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor` */
  pinverse(self: Tensor, rcond: number): Tensor;
  /** `aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor` */
  pixelShuffle(self: Tensor, upscaleFactor: Integer): Tensor;
  /** `aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor` */
  pixelUnshuffle(self: Tensor, downscaleFactor: Integer): Tensor;
  /** `aten::poisson(Tensor self, Generator? generator=None) -> Tensor` */
  poisson(self: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::poisson(Tensor self, Generator? generator=None) -> Tensor` */
  poisson(self: Tensor, generator: Generator | null): Tensor;
  /** `aten::poisson_nll_loss(Tensor input, Tensor target, bool log_input, bool full, float eps, int reduction) -> Tensor` */
  poissonNllLoss(input: Tensor, target: Tensor, logInput: boolean, full: boolean, eps: number, reduction: Integer): Tensor;
  /** `aten::polar(Tensor abs, Tensor angle) -> Tensor` */
  polar(abs: Tensor, angle: Tensor): Tensor;
  /** `aten::polygamma(int n, Tensor self) -> Tensor` */
  polygamma(n: Integer, self: Tensor): Tensor;
  /** `aten::polygamma_(Tensor(a!) self, int n) -> Tensor(a!)` */
  polygamma_(self: Tensor, n: Integer): Tensor;
  /** `aten::positive(Tensor(a) self) -> Tensor(a)` */
  positive(self: Tensor): Tensor;
  /** `aten::pow.Scalar(Scalar self, Tensor exponent) -> Tensor` */
  pow(self: Scalar, exponent: Tensor): Tensor;
  /** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
  pow(self: Tensor, exponent: Scalar): Tensor;
  /** `aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
  pow(self: Tensor, exponent: Tensor): Tensor;
  /** `aten::pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)` */
  pow_(self: Tensor, exponent: Scalar): Tensor;
  /** `aten::pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)` */
  pow_(self: Tensor, exponent: Tensor): Tensor;
  /** `aten::prelu(Tensor self, Tensor weight) -> Tensor` */
  prelu(self: Tensor, weight: Tensor): Tensor;
  /** `aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  prod(self: Tensor, options?: { dtype?: DType | null }): Tensor;
  /** `aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  prod(self: Tensor, dim: Integer, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  prod(self: Tensor, dim: Integer, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::promote_types(ScalarType type1, ScalarType type2) -> ScalarType` */
  promoteTypes(type1: DType, type2: DType): number;
  /** `aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor` */
  put(self: Tensor, index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor;
  /** `aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor` */
  put(self: Tensor, index: Tensor, source: Tensor, accumulate: boolean): Tensor;
  /** `aten::put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)` */
  put_(self: Tensor, index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor;
  /** `aten::put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)` */
  put_(self: Tensor, index: Tensor, source: Tensor, accumulate: boolean): Tensor;
  /** `aten::q_per_channel_axis(Tensor self) -> int` */
  qPerChannelAxis(self: Tensor): number;
  /** `aten::q_per_channel_scales(Tensor self) -> Tensor` */
  qPerChannelScales(self: Tensor): Tensor;
  /** `aten::q_per_channel_zero_points(Tensor self) -> Tensor` */
  qPerChannelZeroPoints(self: Tensor): Tensor;
  /** `aten::q_scale(Tensor self) -> float` */
  qScale(self: Tensor): number;
  /** `aten::q_zero_point(Tensor self) -> int` */
  qZeroPoint(self: Tensor): number;
  /** `aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)` */
  qr(self: Tensor, options?: { some?: boolean }): [Tensor, Tensor];
  /** `aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)` */
  qr(self: Tensor, some: boolean): [Tensor, Tensor];
  /** `aten::qscheme(Tensor self) -> QScheme` */
  qscheme(self: Tensor): number;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: Tensor, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: Tensor, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: Tensor, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: number, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: number, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(self: Tensor, q: number, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, ScalarType dtype) -> Tensor` */
  quantizePerChannel(self: Tensor, scales: Tensor, zeroPoints: Tensor, axis: Integer, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor` */
  quantizePerTensor(self: Tensor, scale: number, zeroPoint: Integer, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, ScalarType dtype) -> Tensor` */
  quantizePerTensor(self: Tensor, scale: Tensor, zeroPoint: Tensor, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor.tensors(Tensor[] tensors, Tensor scales, Tensor zero_points, ScalarType dtype) -> Tensor[]` */
  quantizePerTensor(tensors: readonly Tensor[], scales: Tensor, zeroPoints: Tensor, dtype: DType): Tensor[];
  /** `aten::quantize_per_tensor_dynamic(Tensor self, ScalarType dtype, bool reduce_range) -> Tensor` */
  quantizePerTensorDynamic(self: Tensor, dtype: DType, reduceRange: boolean): Tensor;
  /** `aten::quantized_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor mean, Tensor var, float eps, float output_scale, int output_zero_point) -> Tensor` */
  quantizedBatchNorm(input: Tensor, weight: Tensor | null, bias: Tensor | null, mean: Tensor, var_: Tensor, eps: number, outputScale: number, outputZeroPoint: Integer): Tensor;
  /** `aten::quantized_gru.data_legacy(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)` */
  quantizedGru(data: Tensor, batchSizes: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean): [Tensor, Tensor];
  /** `aten::quantized_gru.input_legacy(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)` */
  quantizedGru(input: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor];
  /** `aten::quantized_gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh, Tensor packed_ih, Tensor packed_hh, Tensor col_offsets_ih, Tensor col_offsets_hh, Scalar scale_ih, Scalar scale_hh, Scalar zero_point_ih, Scalar zero_point_hh) -> Tensor` */
  quantizedGruCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor, bHh: Tensor, packedIh: Tensor, packedHh: Tensor, colOffsetsIh: Tensor, colOffsetsHh: Tensor, scaleIh: Scalar, scaleHh: Scalar, zeroPointIh: Scalar, zeroPointHh: Scalar): Tensor;
  /** `aten::quantized_lstm.data_legacy(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor, Tensor, Tensor)` */
  quantizedLstm(data: Tensor, batchSizes: Tensor, hx: readonly Tensor[], params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, options?: { dtype?: DType | null; useDynamic?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::quantized_lstm.input_legacy(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first, *, ScalarType? dtype=None, bool use_dynamic=False) -> (Tensor, Tensor, Tensor)` */
  quantizedLstm(input: Tensor, hx: readonly Tensor[], params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean, options?: { dtype?: DType | null; useDynamic?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::quantized_lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh, Tensor packed_ih, Tensor packed_hh, Tensor col_offsets_ih, Tensor col_offsets_hh, Scalar scale_ih, Scalar scale_hh, Scalar zero_point_ih, Scalar zero_point_hh) -> (Tensor, Tensor)` */
  quantizedLstmCell(input: Tensor, hx: readonly Tensor[], wIh: Tensor, wHh: Tensor, bIh: Tensor, bHh: Tensor, packedIh: Tensor, packedHh: Tensor, colOffsetsIh: Tensor, colOffsetsHh: Tensor, scaleIh: Scalar, scaleHh: Scalar, zeroPointIh: Scalar, zeroPointHh: Scalar): [Tensor, Tensor];
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(self: Tensor, kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::quantized_rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh, Tensor packed_ih, Tensor packed_hh, Tensor col_offsets_ih, Tensor col_offsets_hh, Scalar scale_ih, Scalar scale_hh, Scalar zero_point_ih, Scalar zero_point_hh) -> Tensor` */
  quantizedRnnReluCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor, bHh: Tensor, packedIh: Tensor, packedHh: Tensor, colOffsetsIh: Tensor, colOffsetsHh: Tensor, scaleIh: Scalar, scaleHh: Scalar, zeroPointIh: Scalar, zeroPointHh: Scalar): Tensor;
  /** `aten::quantized_rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor b_ih, Tensor b_hh, Tensor packed_ih, Tensor packed_hh, Tensor col_offsets_ih, Tensor col_offsets_hh, Scalar scale_ih, Scalar scale_hh, Scalar zero_point_ih, Scalar zero_point_hh) -> Tensor` */
  quantizedRnnTanhCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor, bHh: Tensor, packedIh: Tensor, packedHh: Tensor, colOffsetsIh: Tensor, colOffsetsHh: Tensor, scaleIh: Scalar, scaleHh: Scalar, zeroPointIh: Scalar, zeroPointHh: Scalar): Tensor;
  /** `aten::rad2deg(Tensor self) -> Tensor` */
  rad2deg(self: Tensor): Tensor;
  /** `aten::rad2deg_(Tensor(a!) self) -> Tensor(a!)` */
  rad2deg_(self: Tensor): Tensor;
  /** `aten::rand(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  rand(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::rand(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  rand(...size: Integer[]): Tensor;
  /** `aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  rand(size: readonly Integer[], options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::rand.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  rand(...size: Integer[]): Tensor;
  /** `aten::rand_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randLike(self: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::rand_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randLike(self: Tensor, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint(SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randint(high: Integer, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint.generator(SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randint(high: Integer, size: readonly Integer[], options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint.low(SymInt low, SymInt high, SymInt[] size, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randint(low: Integer, high: Integer, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint.low_generator(SymInt low, SymInt high, SymInt[] size, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randint(low: Integer, high: Integer, size: readonly Integer[], options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like(Tensor self, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, high: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.Tensor(Tensor self, Tensor high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, high: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.Tensor_generator(Tensor self, Tensor high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, high: Tensor, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.generator(Tensor self, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, high: Integer, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, low: Integer, high: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(self: Tensor, low: Integer, high: Integer, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randn(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randn(...size: Integer[]): Tensor;
  /** `aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randn(size: readonly Integer[], options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn.generator(SymInt[] size, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randn(...size: Integer[]): Tensor;
  /** `aten::randn_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randnLike(self: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randnLike(self: Tensor, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::random(Tensor self, *, Generator? generator=None) -> Tensor` */
  random(self: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor` */
  random(self: Tensor, from: Integer, to: Integer | null, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random.to(Tensor self, int to, *, Generator? generator=None) -> Tensor` */
  random(self: Tensor, to: Integer, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)` */
  random_(self: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)` */
  random_(self: Tensor, from: Integer, to: Integer | null, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)` */
  random_(self: Tensor, to: Integer, options?: { generator?: Generator | null }): Tensor;
  /** `aten::randperm(SymInt n, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randperm(n: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randperm.generator(SymInt n, *, Generator? generator, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  randperm(n: Integer, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::range(Scalar start, Scalar end, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  range(start: Scalar, end: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  range(start: Scalar, end: Scalar, options?: { step?: Scalar; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::range.step(Scalar start, Scalar end, Scalar step=1, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  range(start: Scalar, end: Scalar, step: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::ravel(Tensor(a) self) -> Tensor(a)` */
  ravel(self: Tensor): Tensor;
  /** `aten::real(Tensor(a) self) -> Tensor(a)` */
  real(self: Tensor): Tensor;
  /** `aten::reciprocal(Tensor self) -> Tensor` */
  reciprocal(self: Tensor): Tensor;
  /** `aten::reciprocal_(Tensor(a!) self) -> Tensor(a!)` */
  reciprocal_(self: Tensor): Tensor;
  /** `aten::reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor` */
  reflectionPad1d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad1d_backward(Tensor grad_output, Tensor self, SymInt[2] padding) -> Tensor` */
  reflectionPad1dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor` */
  reflectionPad2d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad2d_backward(Tensor grad_output, Tensor self, SymInt[4] padding) -> Tensor` */
  reflectionPad2dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor` */
  reflectionPad3d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad3d_backward(Tensor grad_output, Tensor self, SymInt[6] padding) -> Tensor` */
  reflectionPad3dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::relu(Tensor self) -> Tensor` */
  relu(self: Tensor): Tensor;
  /** `aten::relu6(Tensor self) -> Tensor` */
  relu6(self: Tensor): Tensor;
  /** `aten::relu6_(Tensor(a!) self) -> Tensor(a!)` */
  relu6_(self: Tensor): Tensor;
  /** `aten::relu_(Tensor(a!) self) -> Tensor(a!)` */
  relu_(self: Tensor): Tensor;
  /** `aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor` */
  remainder(self: Tensor, other: Scalar): Tensor;
  /** `aten::remainder.Scalar_Tensor(Scalar self, Tensor other) -> Tensor` */
  remainder(self: Scalar, other: Tensor): Tensor;
  /** `aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor` */
  remainder(self: Tensor, other: Tensor): Tensor;
  /** `aten::remainder_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  remainder_(self: Tensor, other: Scalar): Tensor;
  /** `aten::remainder_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  remainder_(self: Tensor, other: Tensor): Tensor;
  /** `aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor` */
  renorm(self: Tensor, p: Scalar, dim: Integer, maxnorm: Scalar): Tensor;
  /** `aten::renorm_(Tensor(a!) self, Scalar p, int dim, Scalar maxnorm) -> Tensor(a!)` */
  renorm_(self: Tensor, p: Scalar, dim: Integer, maxnorm: Scalar): Tensor;
  /** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
  repeat(self: Tensor, repeats: readonly Integer[]): Tensor;
  /** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
  repeat(self: Tensor, ...repeats: Integer[]): Tensor;
  /** `aten::repeat_interleave.Tensor(Tensor repeats, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(repeats: Tensor, options?: { outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(self: Tensor, repeats: Tensor, options?: { dim?: Integer | null; outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(self: Tensor, repeats: Tensor, dim: Integer | null, options?: { outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(self: Tensor, repeats: Integer, options?: { dim?: Integer | null; outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(self: Tensor, repeats: Integer, dim: Integer | null, options?: { outputSize?: Integer | null }): Tensor;
  /** `aten::replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor` */
  replicationPad1d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad1d_backward(Tensor grad_output, Tensor self, SymInt[2] padding) -> Tensor` */
  replicationPad1dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor` */
  replicationPad2d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad2d_backward(Tensor grad_output, Tensor self, SymInt[4] padding) -> Tensor` */
  replicationPad2dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor` */
  replicationPad3d(self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad3d_backward(Tensor grad_output, Tensor self, SymInt[6] padding) -> Tensor` */
  replicationPad3dBackward(gradOutput: Tensor, self: Tensor, padding: Integer | readonly Integer[]): Tensor;
  /** `aten::requires_grad_(Tensor(a!) self, bool requires_grad=True) -> Tensor(a!)` */
  requiresGrad_(self: Tensor, options?: { requiresGrad?: boolean }): Tensor;
  /** `aten::requires_grad_(Tensor(a!) self, bool requires_grad=True) -> Tensor(a!)` */
  requiresGrad_(self: Tensor, requiresGrad: boolean): Tensor;
  /** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
  reshape(self: Tensor, shape: readonly Integer[]): Tensor;
  /** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
  reshape(self: Tensor, ...shape: Integer[]): Tensor;
  /** `aten::reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  reshapeAs(self: Tensor, other: Tensor): Tensor;
  /** `aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor` */
  resize(self: Tensor, size: readonly Integer[], options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor` */
  resize(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resize_(self: Tensor, size: readonly Integer[], options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resize_(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::resize_as(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor` */
  resizeAs(self: Tensor, theTemplate: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resizeAs_(self: Tensor, theTemplate: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_as_sparse(Tensor self, Tensor the_template) -> Tensor` */
  resizeAsSparse(self: Tensor, theTemplate: Tensor): Tensor;
  /** `aten::resize_as_sparse_(Tensor(a!) self, Tensor the_template) -> Tensor(a!)` */
  resizeAsSparse_(self: Tensor, theTemplate: Tensor): Tensor;
  /** `aten::resolve_conj(Tensor(a) self) -> Tensor(a)` */
  resolveConj(self: Tensor): Tensor;
  /** `aten::resolve_neg(Tensor(a) self) -> Tensor(a)` */
  resolveNeg(self: Tensor): Tensor;
  /** `aten::result_type.Scalar(Tensor tensor, Scalar other) -> ScalarType` */
  resultType(tensor: Tensor, other: Scalar): number;
  /** `aten::result_type.Scalar_Scalar(Scalar scalar1, Scalar scalar2) -> ScalarType` */
  resultType(scalar1: Scalar, scalar2: Scalar): number;
  /** `aten::result_type.Scalar_Tensor(Scalar scalar, Tensor tensor) -> ScalarType` */
  resultType(scalar: Scalar, tensor: Tensor): number;
  /** `aten::result_type.Tensor(Tensor tensor, Tensor other) -> ScalarType` */
  resultType(tensor: Tensor, other: Tensor): number;
  /** `aten::retain_grad(Tensor(a!) self) -> ()` */
  retainGrad(self: Tensor): void;
  /** `aten::retains_grad(Tensor self) -> bool` */
  retainsGrad(self: Tensor): boolean;
  /** `aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor` */
  rmsNorm(input: Tensor, normalizedShape: readonly Integer[], options?: { weight?: Tensor | null; eps?: number | null }): Tensor;
  /** `aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor` */
  rmsNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, options?: { eps?: number | null }): Tensor;
  /** `aten::rms_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, float? eps=None) -> Tensor` */
  rmsNorm(input: Tensor, normalizedShape: readonly Integer[], weight: Tensor | null, eps: number | null): Tensor;
  /** `aten::rnn_relu.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)` */
  rnnRelu(data: Tensor, batchSizes: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean): [Tensor, Tensor];
  /** `aten::rnn_relu.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)` */
  rnnRelu(input: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor];
  /** `aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnReluCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, options?: { bIh?: Tensor | null; bHh?: Tensor | null }): Tensor;
  /** `aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnReluCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, options?: { bHh?: Tensor | null }): Tensor;
  /** `aten::rnn_relu_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnReluCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, bHh: Tensor | null): Tensor;
  /** `aten::rnn_tanh.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)` */
  rnnTanh(data: Tensor, batchSizes: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean): [Tensor, Tensor];
  /** `aten::rnn_tanh.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)` */
  rnnTanh(input: Tensor, hx: Tensor, params: readonly Tensor[], hasBiases: boolean, numLayers: Integer, dropout: number, train: boolean, bidirectional: boolean, batchFirst: boolean): [Tensor, Tensor];
  /** `aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnTanhCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, options?: { bIh?: Tensor | null; bHh?: Tensor | null }): Tensor;
  /** `aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnTanhCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, options?: { bHh?: Tensor | null }): Tensor;
  /** `aten::rnn_tanh_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor` */
  rnnTanhCell(input: Tensor, hx: Tensor, wIh: Tensor, wHh: Tensor, bIh: Tensor | null, bHh: Tensor | null): Tensor;
  /** `aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor` */
  roll(self: Tensor, shifts: Integer | readonly Integer[], options?: { dims?: Integer | readonly Integer[] }): Tensor;
  /** `aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor` */
  roll(self: Tensor, shifts: Integer | readonly Integer[], dims: Integer | readonly Integer[]): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(self: Tensor, options?: { k?: Integer; dims?: readonly Integer[] }): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(self: Tensor, k: Integer, options?: { dims?: readonly Integer[] }): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(self: Tensor, k: Integer, dims: readonly Integer[]): Tensor;
  /** `aten::round(Tensor self) -> Tensor` */
  round(self: Tensor): Tensor;
  /** `aten::round.decimals(Tensor self, *, int decimals) -> Tensor` */
  round(self: Tensor, options: { decimals: Integer }): Tensor;
  /** `aten::round_(Tensor(a!) self) -> Tensor(a!)` */
  round_(self: Tensor): Tensor;
  /** `aten::round_.decimals(Tensor(a!) self, *, int decimals) -> Tensor(a!)` */
  round_(self: Tensor, options: { decimals: Integer }): Tensor;
  /** `aten::row_indices(Tensor(a) self) -> Tensor(a)` */
  rowIndices(self: Tensor): Tensor;
  /** `aten::row_indices_copy(Tensor self) -> Tensor` */
  rowIndicesCopy(self: Tensor): Tensor;
  /** `aten::row_stack(Tensor[] tensors) -> Tensor` */
  rowStack(tensors: readonly Tensor[]): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(self: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(self: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(self: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(self: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(self: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(self: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(self: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(self: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(self: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(self: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(self: Tensor, noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(self: Tensor, noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(self: Tensor, noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(self: Tensor, noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise_backward(Tensor grad_output, Tensor self, Tensor noise, Scalar lower, Scalar upper, bool training, bool self_is_result) -> Tensor` */
  rreluWithNoiseBackward(gradOutput: Tensor, self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, selfIsResult: boolean): Tensor;
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(self: Tensor, noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(self: Tensor, noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(self: Tensor, noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): [Tensor, Tensor];
  /** `aten::rsqrt(Tensor self) -> Tensor` */
  rsqrt(self: Tensor): Tensor;
  /** `aten::rsqrt_(Tensor(a!) self) -> Tensor(a!)` */
  rsqrt_(self: Tensor): Tensor;
  /** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  rsub(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  rsub(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  rsub(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::scalar_tensor(Scalar s, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  scalarTensor(s: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
  scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, options?: { attnMask?: Tensor | null; dropoutP?: number; isCausal?: boolean; scale?: number | null; enableGqa?: boolean }): Tensor;
  /** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
  scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, attnMask: Tensor | null, options?: { dropoutP?: number; isCausal?: boolean; scale?: number | null; enableGqa?: boolean }): Tensor;
  /** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
  scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, attnMask: Tensor | null, dropoutP: number, options?: { isCausal?: boolean; scale?: number | null; enableGqa?: boolean }): Tensor;
  /** `aten::scaled_dot_product_attention(Tensor query, Tensor key, Tensor value, Tensor? attn_mask=None, float dropout_p=0., bool is_causal=False, *, float? scale=None, bool enable_gqa=False) -> Tensor` */
  scaledDotProductAttention(query: Tensor, key: Tensor, value: Tensor, attnMask: Tensor | null, dropoutP: number, isCausal: boolean, options?: { scale?: number | null; enableGqa?: boolean }): Tensor;
  /** `aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor` */
  scatter(self: Tensor, dim: Integer, index: Tensor, src: Tensor, options: { reduce: string }): Tensor;
  /** `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
  scatter(self: Tensor, dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor` */
  scatter(self: Tensor, dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor` */
  scatter(self: Tensor, dim: Integer, index: Tensor, value: Scalar, options: { reduce: string }): Tensor;
  /** `aten::scatter_.reduce(Tensor(a!) self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor(a!)` */
  scatter_(self: Tensor, dim: Integer, index: Tensor, src: Tensor, options: { reduce: string }): Tensor;
  /** `aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
  scatter_(self: Tensor, dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_.value(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
  scatter_(self: Tensor, dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::scatter_.value_reduce(Tensor(a!) self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor(a!)` */
  scatter_(self: Tensor, dim: Integer, index: Tensor, value: Scalar, options: { reduce: string }): Tensor;
  /** `aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
  scatterAdd(self: Tensor, dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_add_(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
  scatterAdd_(self: Tensor, dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor` */
  scatterReduce(self: Tensor, dim: Integer, index: Tensor, src: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::scatter_reduce_.two(Tensor(a!) self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor(a!)` */
  scatterReduce_(self: Tensor, dim: Integer, index: Tensor, src: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::searchsorted.Scalar(Tensor sorted_sequence, Scalar self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor` */
  searchsorted(sortedSequence: Tensor, self: Scalar, options?: { outInt32?: boolean; right?: boolean; side?: string | null; sorter?: Tensor | null }): Tensor;
  /** `aten::searchsorted.Tensor(Tensor sorted_sequence, Tensor self, *, bool out_int32=False, bool right=False, str? side=None, Tensor? sorter=None) -> Tensor` */
  searchsorted(sortedSequence: Tensor, self: Tensor, options?: { outInt32?: boolean; right?: boolean; side?: string | null; sorter?: Tensor | null }): Tensor;
  /** `aten::segment_reduce(Tensor data, str reduce, *, Tensor? lengths=None, Tensor? indices=None, Tensor? offsets=None, int axis=0, bool unsafe=False, Scalar? initial=None) -> Tensor` */
  segmentReduce(data: Tensor, reduce: string, options?: { lengths?: Tensor | null; indices?: Tensor | null; offsets?: Tensor | null; axis?: Integer; unsafe?: boolean; initial?: Scalar | null }): Tensor;
  /** `aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)` */
  select(self: Tensor, dim: Integer, index: Integer): Tensor;
  /** `aten::select_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt index) -> Tensor` */
  selectBackward(gradOutput: Tensor, inputSizes: readonly Integer[], dim: Integer, index: Integer): Tensor;
  /** `aten::select_copy.int(Tensor self, int dim, SymInt index) -> Tensor` */
  selectCopy(self: Tensor, dim: Integer, index: Integer): Tensor;
  /** `aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor` */
  selectScatter(self: Tensor, src: Tensor, dim: Integer, index: Integer): Tensor;
  /** `aten::selu(Tensor self) -> Tensor` */
  selu(self: Tensor): Tensor;
  /** `aten::selu_(Tensor(a!) self) -> Tensor(a!)` */
  selu_(self: Tensor): Tensor;
  /** `aten::set(Tensor self) -> Tensor` */
  set(self: Tensor): Tensor;
  /** `aten::set.source_Tensor(Tensor self, Tensor source) -> Tensor` */
  set(self: Tensor, source: Tensor): Tensor;
  /** `aten::set_(Tensor(a!) self) -> Tensor(a!)` */
  set_(self: Tensor): Tensor;
  /** `aten::set_.source_Tensor(Tensor(a!) self, Tensor source) -> Tensor(a!)` */
  set_(self: Tensor, source: Tensor): Tensor;
  /** `aten::set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)` */
  set_(self: Tensor, source: Tensor, storageOffset: Integer, size: readonly Integer[], options?: { stride?: readonly Integer[] }): Tensor;
  /** `aten::set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)` */
  set_(self: Tensor, source: Tensor, storageOffset: Integer, size: readonly Integer[], stride: readonly Integer[]): Tensor;
  /** `aten::set_data(Tensor(a!) self, Tensor new_data) -> ()` */
  setData(self: Tensor, newData: Tensor): void;
  /** `aten::sgn(Tensor self) -> Tensor` */
  sgn(self: Tensor): Tensor;
  /** `aten::sgn_(Tensor(a!) self) -> Tensor(a!)` */
  sgn_(self: Tensor): Tensor;
  /** `aten::sigmoid(Tensor self) -> Tensor` */
  sigmoid(self: Tensor): Tensor;
  /** `aten::sigmoid_(Tensor(a!) self) -> Tensor(a!)` */
  sigmoid_(self: Tensor): Tensor;
  /** `aten::sigmoid_backward(Tensor grad_output, Tensor output) -> Tensor` */
  sigmoidBackward(gradOutput: Tensor, output: Tensor): Tensor;
  /** `aten::sign(Tensor self) -> Tensor` */
  sign(self: Tensor): Tensor;
  /** `aten::sign_(Tensor(a!) self) -> Tensor(a!)` */
  sign_(self: Tensor): Tensor;
  /** `aten::signbit(Tensor self) -> Tensor` */
  signbit(self: Tensor): Tensor;
  /** `aten::silu(Tensor self) -> Tensor` */
  silu(self: Tensor): Tensor;
  /** `aten::silu_(Tensor(a!) self) -> Tensor(a!)` */
  silu_(self: Tensor): Tensor;
  /** `aten::silu_backward(Tensor grad_output, Tensor self) -> Tensor` */
  siluBackward(gradOutput: Tensor, self: Tensor): Tensor;
  /** `aten::sin(Tensor self) -> Tensor` */
  sin(self: Tensor): Tensor;
  /** `aten::sin_(Tensor(a!) self) -> Tensor(a!)` */
  sin_(self: Tensor): Tensor;
  /** `aten::sinc(Tensor self) -> Tensor` */
  sinc(self: Tensor): Tensor;
  /** `aten::sinc_(Tensor(a!) self) -> Tensor(a!)` */
  sinc_(self: Tensor): Tensor;
  /** `aten::sinh(Tensor self) -> Tensor` */
  sinh(self: Tensor): Tensor;
  /** `aten::sinh_(Tensor(a!) self) -> Tensor(a!)` */
  sinh_(self: Tensor): Tensor;
  /** `aten::size.int(Tensor self, int dim) -> int` */
  size(self: Tensor, dim: Integer): number;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(self: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(self: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(self: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(self: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(self: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_backward(Tensor grad_output, SymInt[] input_sizes, int dim, SymInt start, SymInt end, SymInt step) -> Tensor` */
  sliceBackward(gradOutput: Tensor, inputSizes: readonly Integer[], dim: Integer, start: Integer, end: Integer, step: Integer): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(self: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(self: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(self: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(self: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(self: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(self: Tensor, src: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(self: Tensor, src: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(self: Tensor, src: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(self: Tensor, src: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(self: Tensor, src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)` */
  slogdet(self: Tensor): [Tensor, Tensor];
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv3d_forward(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding) -> Tensor` */
  slowConv3dForward(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::smm(Tensor self, Tensor mat2) -> Tensor` */
  smm(self: Tensor, mat2: Tensor): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(self: Tensor, target: Tensor, options?: { reduction?: Integer; beta?: number }): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(self: Tensor, target: Tensor, reduction: Integer, options?: { beta?: number }): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(self: Tensor, target: Tensor, reduction: Integer, beta: number): Tensor;
  /** `aten::smooth_l1_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction, float beta) -> Tensor` */
  smoothL1LossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, reduction: Integer, beta: number): Tensor;
  /** `aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  softMarginLoss(self: Tensor, target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  softMarginLoss(self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::soft_margin_loss_backward(Tensor grad_output, Tensor self, Tensor target, int reduction) -> Tensor` */
  softMarginLossBackward(gradOutput: Tensor, self: Tensor, target: Tensor, reduction: Integer): Tensor;
  /** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  softmax(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  softmax(self: Tensor, dim: Integer, dtype: DType | null): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(self: Tensor, options?: { beta?: Scalar; threshold?: Scalar }): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(self: Tensor, beta: Scalar, options?: { threshold?: Scalar }): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(self: Tensor, beta: Scalar, threshold: Scalar): Tensor;
  /** `aten::softplus_backward(Tensor grad_output, Tensor self, Scalar beta, Scalar threshold) -> Tensor` */
  softplusBackward(gradOutput: Tensor, self: Tensor, beta: Scalar, threshold: Scalar): Tensor;
  /** `aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  softshrink(self: Tensor, options?: { lambd?: Scalar }): Tensor;
  /** `aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  softshrink(self: Tensor, lambd: Scalar): Tensor;
  /** `aten::softshrink_backward(Tensor grad_output, Tensor self, Scalar lambd) -> Tensor` */
  softshrinkBackward(gradOutput: Tensor, self: Tensor, lambd: Scalar): Tensor;
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(self: Tensor, options?: { dim?: Integer; descending?: boolean }): [Tensor, Tensor];
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(self: Tensor, dim: Integer, options?: { descending?: boolean }): [Tensor, Tensor];
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(self: Tensor, dim: Integer, descending: boolean): [Tensor, Tensor];
  /** `aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(self: Tensor, options: { stable: boolean | null; dim?: Integer; descending?: boolean }): [Tensor, Tensor];
  /** `aten::sparse_bsc_tensor.ccol_row_value(Tensor ccol_indices, Tensor row_indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseBscTensor(ccolIndices: Tensor, rowIndices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_bsc_tensor.ccol_row_value_size(Tensor ccol_indices, Tensor row_indices, Tensor values, int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseBscTensor(ccolIndices: Tensor, rowIndices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_bsr_tensor.crow_col_value(Tensor crow_indices, Tensor col_indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseBsrTensor(crowIndices: Tensor, colIndices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_bsr_tensor.crow_col_value_size(Tensor crow_indices, Tensor col_indices, Tensor values, int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseBsrTensor(crowIndices: Tensor, colIndices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_compressed_tensor.comp_plain_value(Tensor compressed_indices, Tensor plain_indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCompressedTensor(compressedIndices: Tensor, plainIndices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_compressed_tensor.comp_plain_value_size(Tensor compressed_indices, Tensor plain_indices, Tensor values, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCompressedTensor(compressedIndices: Tensor, plainIndices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_coo_tensor.indices(Tensor indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool? is_coalesced=None) -> Tensor` */
  sparseCooTensor(indices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; isCoalesced?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_coo_tensor.indices_size(Tensor indices, Tensor values, int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, bool? is_coalesced=None) -> Tensor` */
  sparseCooTensor(indices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; isCoalesced?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_coo_tensor.size(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCooTensor(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_coo_tensor.size(int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCooTensor(...size: Integer[]): Tensor;
  /** `aten::sparse_csc_tensor.ccol_row_value(Tensor ccol_indices, Tensor row_indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCscTensor(ccolIndices: Tensor, rowIndices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_csc_tensor.ccol_row_value_size(Tensor ccol_indices, Tensor row_indices, Tensor values, int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCscTensor(ccolIndices: Tensor, rowIndices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_csr_tensor.crow_col_value(Tensor crow_indices, Tensor col_indices, Tensor values, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCsrTensor(crowIndices: Tensor, colIndices: Tensor, values: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_csr_tensor.crow_col_value_size(Tensor crow_indices, Tensor col_indices, Tensor values, int[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=False) -> Tensor` */
  sparseCsrTensor(crowIndices: Tensor, colIndices: Tensor, values: Tensor, size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::sparse_dim(Tensor self) -> int` */
  sparseDim(self: Tensor): number;
  /** `aten::sparse_mask(Tensor self, Tensor mask) -> Tensor` */
  sparseMask(self: Tensor, mask: Tensor): Tensor;
  /** `aten::sparse_resize(Tensor self, int[] size, int sparse_dim, int dense_dim) -> Tensor` */
  sparseResize(self: Tensor, size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_(Tensor(a!) self, int[] size, int sparse_dim, int dense_dim) -> Tensor(a!)` */
  sparseResize_(self: Tensor, size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_and_clear(Tensor self, int[] size, int sparse_dim, int dense_dim) -> Tensor` */
  sparseResizeAndClear(self: Tensor, size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_and_clear_(Tensor(a!) self, int[] size, int sparse_dim, int dense_dim) -> Tensor(a!)` */
  sparseResizeAndClear_(self: Tensor, size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_sampled_addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  sparseSampledAddmm(self: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::special_airy_ai(Tensor x) -> Tensor` */
  specialAiryAi(x: Tensor): Tensor;
  /** `aten::special_bessel_j0(Tensor self) -> Tensor` */
  specialBesselJ0(self: Tensor): Tensor;
  /** `aten::special_bessel_j1(Tensor self) -> Tensor` */
  specialBesselJ1(self: Tensor): Tensor;
  /** `aten::special_bessel_y0(Tensor self) -> Tensor` */
  specialBesselY0(self: Tensor): Tensor;
  /** `aten::special_bessel_y1(Tensor self) -> Tensor` */
  specialBesselY1(self: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialT(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialChebyshevPolynomialT(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialT(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialU(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialChebyshevPolynomialU(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialU(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialV(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialChebyshevPolynomialV(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialV(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialW(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialChebyshevPolynomialW(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialChebyshevPolynomialW(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_digamma(Tensor self) -> Tensor` */
  specialDigamma(self: Tensor): Tensor;
  /** `aten::special_entr(Tensor self) -> Tensor` */
  specialEntr(self: Tensor): Tensor;
  /** `aten::special_erf(Tensor self) -> Tensor` */
  specialErf(self: Tensor): Tensor;
  /** `aten::special_erfc(Tensor self) -> Tensor` */
  specialErfc(self: Tensor): Tensor;
  /** `aten::special_erfcx(Tensor self) -> Tensor` */
  specialErfcx(self: Tensor): Tensor;
  /** `aten::special_erfinv(Tensor self) -> Tensor` */
  specialErfinv(self: Tensor): Tensor;
  /** `aten::special_exp2(Tensor self) -> Tensor` */
  specialExp2(self: Tensor): Tensor;
  /** `aten::special_expit(Tensor self) -> Tensor` */
  specialExpit(self: Tensor): Tensor;
  /** `aten::special_expm1(Tensor self) -> Tensor` */
  specialExpm1(self: Tensor): Tensor;
  /** `aten::special_gammainc(Tensor self, Tensor other) -> Tensor` */
  specialGammainc(self: Tensor, other: Tensor): Tensor;
  /** `aten::special_gammaincc(Tensor self, Tensor other) -> Tensor` */
  specialGammaincc(self: Tensor, other: Tensor): Tensor;
  /** `aten::special_gammaln(Tensor self) -> Tensor` */
  specialGammaln(self: Tensor): Tensor;
  /** `aten::special_hermite_polynomial_h(Tensor x, Tensor n) -> Tensor` */
  specialHermitePolynomialH(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_hermite_polynomial_h.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialHermitePolynomialH(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_hermite_polynomial_h.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialHermitePolynomialH(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_hermite_polynomial_he(Tensor x, Tensor n) -> Tensor` */
  specialHermitePolynomialHe(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_hermite_polynomial_he.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialHermitePolynomialHe(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_hermite_polynomial_he.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialHermitePolynomialHe(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_i0(Tensor self) -> Tensor` */
  specialI0(self: Tensor): Tensor;
  /** `aten::special_i0e(Tensor self) -> Tensor` */
  specialI0e(self: Tensor): Tensor;
  /** `aten::special_i1(Tensor self) -> Tensor` */
  specialI1(self: Tensor): Tensor;
  /** `aten::special_i1e(Tensor self) -> Tensor` */
  specialI1e(self: Tensor): Tensor;
  /** `aten::special_laguerre_polynomial_l(Tensor x, Tensor n) -> Tensor` */
  specialLaguerrePolynomialL(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_laguerre_polynomial_l.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialLaguerrePolynomialL(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_laguerre_polynomial_l.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialLaguerrePolynomialL(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_legendre_polynomial_p(Tensor x, Tensor n) -> Tensor` */
  specialLegendrePolynomialP(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_legendre_polynomial_p.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialLegendrePolynomialP(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_legendre_polynomial_p.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialLegendrePolynomialP(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_log1p(Tensor self) -> Tensor` */
  specialLog1p(self: Tensor): Tensor;
  /** `aten::special_log_ndtr(Tensor self) -> Tensor` */
  specialLogNdtr(self: Tensor): Tensor;
  /** `aten::special_log_softmax(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  specialLogSoftmax(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::special_logit(Tensor self, float? eps=None) -> Tensor` */
  specialLogit(self: Tensor, options?: { eps?: number | null }): Tensor;
  /** `aten::special_logit(Tensor self, float? eps=None) -> Tensor` */
  specialLogit(self: Tensor, eps: number | null): Tensor;
  /** `aten::special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  specialLogsumexp(self: Tensor, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::special_logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  specialLogsumexp(self: Tensor, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::special_modified_bessel_i0(Tensor self) -> Tensor` */
  specialModifiedBesselI0(self: Tensor): Tensor;
  /** `aten::special_modified_bessel_i1(Tensor self) -> Tensor` */
  specialModifiedBesselI1(self: Tensor): Tensor;
  /** `aten::special_modified_bessel_k0(Tensor self) -> Tensor` */
  specialModifiedBesselK0(self: Tensor): Tensor;
  /** `aten::special_modified_bessel_k1(Tensor self) -> Tensor` */
  specialModifiedBesselK1(self: Tensor): Tensor;
  /** `aten::special_multigammaln(Tensor self, int p) -> Tensor` */
  specialMultigammaln(self: Tensor, p: Integer): Tensor;
  /** `aten::special_ndtr(Tensor self) -> Tensor` */
  specialNdtr(self: Tensor): Tensor;
  /** `aten::special_ndtri(Tensor self) -> Tensor` */
  specialNdtri(self: Tensor): Tensor;
  /** `aten::special_polygamma(int n, Tensor self) -> Tensor` */
  specialPolygamma(n: Integer, self: Tensor): Tensor;
  /** `aten::special_psi(Tensor self) -> Tensor` */
  specialPsi(self: Tensor): Tensor;
  /** `aten::special_round(Tensor self, *, int decimals=0) -> Tensor` */
  specialRound(self: Tensor, options?: { decimals?: Integer }): Tensor;
  /** `aten::special_scaled_modified_bessel_k0(Tensor x) -> Tensor` */
  specialScaledModifiedBesselK0(x: Tensor): Tensor;
  /** `aten::special_scaled_modified_bessel_k1(Tensor x) -> Tensor` */
  specialScaledModifiedBesselK1(x: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_t(Tensor x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialT(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_t.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialShiftedChebyshevPolynomialT(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_t.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialT(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_u(Tensor x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialU(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_u.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialShiftedChebyshevPolynomialU(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_u.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialU(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_v(Tensor x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialV(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_v.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialShiftedChebyshevPolynomialV(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_v.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialV(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_w(Tensor x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialW(x: Tensor, n: Tensor): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_w.n_scalar(Tensor x, Scalar n) -> Tensor` */
  specialShiftedChebyshevPolynomialW(x: Tensor, n: Scalar): Tensor;
  /** `aten::special_shifted_chebyshev_polynomial_w.x_scalar(Scalar x, Tensor n) -> Tensor` */
  specialShiftedChebyshevPolynomialW(x: Scalar, n: Tensor): Tensor;
  /** `aten::special_sinc(Tensor self) -> Tensor` */
  specialSinc(self: Tensor): Tensor;
  /** `aten::special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  specialSoftmax(self: Tensor, dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::special_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  specialSoftmax(self: Tensor, dim: Integer, dtype: DType | null): Tensor;
  /** `aten::special_spherical_bessel_j0(Tensor x) -> Tensor` */
  specialSphericalBesselJ0(x: Tensor): Tensor;
  /** `aten::special_xlog1py(Tensor self, Tensor other) -> Tensor` */
  specialXlog1py(self: Tensor, other: Tensor): Tensor;
  /** `aten::special_xlog1py.other_scalar(Tensor self, Scalar other) -> Tensor` */
  specialXlog1py(self: Tensor, other: Scalar): Tensor;
  /** `aten::special_xlog1py.self_scalar(Scalar self, Tensor other) -> Tensor` */
  specialXlog1py(self: Scalar, other: Tensor): Tensor;
  /** `aten::special_xlogy(Tensor self, Tensor other) -> Tensor` */
  specialXlogy(self: Tensor, other: Tensor): Tensor;
  /** `aten::special_xlogy.other_scalar(Tensor self, Scalar other) -> Tensor` */
  specialXlogy(self: Tensor, other: Scalar): Tensor;
  /** `aten::special_xlogy.self_scalar(Scalar self, Tensor other) -> Tensor` */
  specialXlogy(self: Scalar, other: Tensor): Tensor;
  /** `aten::special_zeta(Tensor self, Tensor other) -> Tensor` */
  specialZeta(self: Tensor, other: Tensor): Tensor;
  /** `aten::special_zeta.other_scalar(Tensor self, Scalar other) -> Tensor` */
  specialZeta(self: Tensor, other: Scalar): Tensor;
  /** `aten::special_zeta.self_scalar(Scalar self, Tensor other) -> Tensor` */
  specialZeta(self: Scalar, other: Tensor): Tensor;
  /** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
  split(self: Tensor, splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
  split(self: Tensor, splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]` */
  split(self: Tensor, splitSize: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]` */
  split(self: Tensor, splitSize: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  splitCopy(self: Tensor, splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  splitCopy(self: Tensor, splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
  splitWithSizes(self: Tensor, splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
  splitWithSizes(self: Tensor, splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  splitWithSizesCopy(self: Tensor, splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  splitWithSizesCopy(self: Tensor, splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::sqrt(Tensor self) -> Tensor` */
  sqrt(self: Tensor): Tensor;
  /** `aten::sqrt_(Tensor(a!) self) -> Tensor(a!)` */
  sqrt_(self: Tensor): Tensor;
  /** `aten::square(Tensor self) -> Tensor` */
  square(self: Tensor): Tensor;
  /** `aten::square_(Tensor(a!) self) -> Tensor(a!)` */
  square_(self: Tensor): Tensor;
  /** `aten::squeeze(Tensor(a) self) -> Tensor(a)` */
  squeeze(self: Tensor): Tensor;
  /** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
  squeeze(self: Tensor, dim: Integer): Tensor;
  /** `aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)` */
  squeeze(self: Tensor, dim: readonly Integer[]): Tensor;
  /** `aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)` */
  squeeze(self: Tensor, ...dim: Integer[]): Tensor;
  /** `aten::squeeze_(Tensor(a!) self) -> Tensor(a!)` */
  squeeze_(self: Tensor): Tensor;
  /** `aten::squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)` */
  squeeze_(self: Tensor, dim: Integer): Tensor;
  /** `aten::squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)` */
  squeeze_(self: Tensor, dim: readonly Integer[]): Tensor;
  /** `aten::squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)` */
  squeeze_(self: Tensor, ...dim: Integer[]): Tensor;
  /** `aten::squeeze_copy(Tensor self) -> Tensor` */
  squeezeCopy(self: Tensor): Tensor;
  /** `aten::squeeze_copy.dim(Tensor self, int dim) -> Tensor` */
  squeezeCopy(self: Tensor, dim: Integer): Tensor;
  /** `aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor` */
  squeezeCopy(self: Tensor, dim: readonly Integer[]): Tensor;
  /** `aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor` */
  squeezeCopy(self: Tensor, ...dim: Integer[]): Tensor;
  /** `aten::sspaddmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  sspaddmm(self: Tensor, mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
  stack(tensors: readonly Tensor[], options?: { dim?: Integer }): Tensor;
  /** `aten::stack(Tensor[] tensors, int dim=0) -> Tensor` */
  stack(tensors: readonly Tensor[], dim: Integer): Tensor;
  /** `aten::std(Tensor self, bool unbiased=True) -> Tensor` */
  std(self: Tensor, options?: { unbiased?: boolean }): Tensor;
  /** `aten::std(Tensor self, bool unbiased=True) -> Tensor` */
  std(self: Tensor, unbiased: boolean): Tensor;
  /** `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  std(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  std(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): Tensor;
  /** `aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, options?: { unbiased?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, unbiased: boolean): [Tensor, Tensor];
  /** `aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor];
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, options?: { onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, options?: { returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, options?: { alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, alignToWindow: boolean | null): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, options?: { padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, options?: { normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, options?: { onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, options?: { returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, options?: { alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(self: Tensor, nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, alignToWindow: boolean | null): Tensor;
  /** `aten::storage_offset(Tensor self) -> int` */
  storageOffset(self: Tensor): number;
  /** `aten::stride.int(Tensor self, int dim) -> int` */
  stride(self: Tensor, dim: Integer): number;
  /** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  sub(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  sub(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  sub(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  sub_(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  sub_(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  sub_(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  subtract(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  subtract(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::subtract.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  subtract(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(self: Tensor, other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(self: Tensor, other: Scalar, alpha: Scalar): Tensor;
  /** `aten::subtract_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(self: Tensor, other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  sum(self: Tensor, options?: { dtype?: DType | null }): Tensor;
  /** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  sum(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  sum(self: Tensor, dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor` */
  sumToSize(self: Tensor, size: readonly Integer[]): Tensor;
  /** `aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor` */
  sumToSize(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(self: Tensor, options?: { some?: boolean; computeUv?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(self: Tensor, some: boolean, options?: { computeUv?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(self: Tensor, some: boolean, computeUv: boolean): [Tensor, Tensor, Tensor];
  /** `aten::swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)` */
  swapaxes(self: Tensor, axis0: Integer, axis1: Integer): Tensor;
  /** `aten::swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)` */
  swapaxes_(self: Tensor, axis0: Integer, axis1: Integer): Tensor;
  /** `aten::swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
  swapdims(self: Tensor, dim0: Integer, dim1: Integer): Tensor;
  /** `aten::swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)` */
  swapdims_(self: Tensor, dim0: Integer, dim1: Integer): Tensor;
  /** `aten::sym_constrain_range(Scalar size, *, int? min=None, int? max=None) -> ()` */
  symConstrainRange(size: Scalar, options?: { min?: Integer | null; max?: Integer | null }): void;
  /** `aten::sym_constrain_range_for_size(Scalar size, *, int? min=None, int? max=None) -> ()` */
  symConstrainRangeForSize(size: Scalar, options?: { min?: Integer | null; max?: Integer | null }): void;
  /** `aten::sym_is_contiguous(Tensor self, MemoryFormat memory_format=0) -> SymBool` */
  symIsContiguous(self: Tensor, options?: { memoryFormat?: MemoryFormat }): boolean;
  /** `aten::sym_is_contiguous(Tensor self, MemoryFormat memory_format=0) -> SymBool` */
  symIsContiguous(self: Tensor, memoryFormat: MemoryFormat): boolean;
  /** `aten::sym_numel(Tensor self) -> SymInt` */
  symNumel(self: Tensor): number;
  /** `aten::sym_size.int(Tensor self, int dim) -> SymInt` */
  symSize(self: Tensor, dim: Integer): number;
  /** `aten::sym_storage_offset(Tensor self) -> SymInt` */
  symStorageOffset(self: Tensor): number;
  /** `aten::sym_stride.int(Tensor self, int dim) -> SymInt` */
  symStride(self: Tensor, dim: Integer): number;
  /** `aten::t(Tensor(a) self) -> Tensor(a)` */
  t(self: Tensor): Tensor;
  /** `aten::t_(Tensor(a!) self) -> Tensor(a!)` */
  t_(self: Tensor): Tensor;
  /** `aten::t_copy(Tensor self) -> Tensor` */
  tCopy(self: Tensor): Tensor;
  /** `aten::take(Tensor self, Tensor index) -> Tensor` */
  take(self: Tensor, index: Tensor): Tensor;
  /** `aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor` */
  takeAlongDim(self: Tensor, indices: Tensor, options?: { dim?: Integer | null }): Tensor;
  /** `aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor` */
  takeAlongDim(self: Tensor, indices: Tensor, dim: Integer | null): Tensor;
  /** `aten::tan(Tensor self) -> Tensor` */
  tan(self: Tensor): Tensor;
  /** `aten::tan_(Tensor(a!) self) -> Tensor(a!)` */
  tan_(self: Tensor): Tensor;
  /** `aten::tanh(Tensor self) -> Tensor` */
  tanh(self: Tensor): Tensor;
  /** `aten::tanh_(Tensor(a!) self) -> Tensor(a!)` */
  tanh_(self: Tensor): Tensor;
  /** `aten::tanh_backward(Tensor grad_output, Tensor output) -> Tensor` */
  tanhBackward(gradOutput: Tensor, output: Tensor): Tensor;
  /** `aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, indices: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, indices: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, sections: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, sections: Integer, dim: Integer): Tensor[];
  /** `aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, tensorIndicesOrSections: Tensor, options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(self: Tensor, tensorIndicesOrSections: Tensor, dim: Integer): Tensor[];
  /** `aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor` */
  tensordot(self: Tensor, other: Tensor, dimsSelf: readonly Integer[], dimsOther: readonly Integer[]): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(self: Tensor, weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor` */
  threshold(self: Tensor, threshold: Scalar, value: Scalar): Tensor;
  /** `aten::threshold_(Tensor(a!) self, Scalar threshold, Scalar value) -> Tensor(a!)` */
  threshold_(self: Tensor, threshold: Scalar, value: Scalar): Tensor;
  /** `aten::threshold_backward(Tensor grad_output, Tensor self, Scalar threshold) -> Tensor` */
  thresholdBackward(gradOutput: Tensor, self: Tensor, threshold: Scalar): Tensor;
  /** `aten::tile(Tensor self, SymInt[] dims) -> Tensor` */
  tile(self: Tensor, dims: readonly Integer[]): Tensor;
  /** `aten::tile(Tensor self, SymInt[] dims) -> Tensor` */
  tile(self: Tensor, ...dims: Integer[]): Tensor;
  /** `aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor` */
  toDense(self: Tensor, options?: { dtype?: DType | null; maskedGrad?: boolean | null }): Tensor;
  /** `aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor` */
  toDense(self: Tensor, dtype: DType | null, options?: { maskedGrad?: boolean | null }): Tensor;
  /** `aten::to_dense_backward(Tensor grad, Tensor input, bool? masked_grad=None) -> Tensor` */
  toDenseBackward(grad: Tensor, input: Tensor, options?: { maskedGrad?: boolean | null }): Tensor;
  /** `aten::to_dense_backward(Tensor grad, Tensor input, bool? masked_grad=None) -> Tensor` */
  toDenseBackward(grad: Tensor, input: Tensor, maskedGrad: boolean | null): Tensor;
  /** `aten::to_mkldnn(Tensor self, ScalarType? dtype=None) -> Tensor` */
  toMkldnn(self: Tensor, options?: { dtype?: DType | null }): Tensor;
  /** `aten::to_mkldnn(Tensor self, ScalarType? dtype=None) -> Tensor` */
  toMkldnn(self: Tensor, dtype: DType | null): Tensor;
  /** `aten::to_mkldnn_backward(Tensor grad, Tensor input) -> Tensor` */
  toMkldnnBackward(grad: Tensor, input: Tensor): Tensor;
  /** `aten::to_padded_tensor(Tensor self, float padding, SymInt[]? output_size=None) -> Tensor` */
  toPaddedTensor(self: Tensor, padding: number, options?: { outputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::to_padded_tensor(Tensor self, float padding, SymInt[]? output_size=None) -> Tensor` */
  toPaddedTensor(self: Tensor, padding: number, outputSize: readonly Integer[] | null): Tensor;
  /** `aten::to_sparse(Tensor self, *, Layout? layout=None, int[2]? blocksize=None, int? dense_dim=None) -> Tensor` */
  toSparse(self: Tensor, options?: { layout?: Layout | null; blocksize?: Integer | readonly Integer[] | null; denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse.sparse_dim(Tensor self, int sparse_dim) -> Tensor` */
  toSparse(self: Tensor, sparseDim: Integer): Tensor;
  /** `aten::to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsc(self: Tensor, blocksize: Integer | readonly Integer[], options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsc(self: Tensor, blocksize: Integer | readonly Integer[], denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsr(self: Tensor, blocksize: Integer | readonly Integer[], options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsr(self: Tensor, blocksize: Integer | readonly Integer[], denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_csc(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsc(self: Tensor, options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_csc(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsc(self: Tensor, denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_csr(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsr(self: Tensor, options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_csr(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsr(self: Tensor, denseDim: Integer | null): Tensor;
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(self: Tensor, k: Integer, options?: { dim?: Integer; largest?: boolean; sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(self: Tensor, k: Integer, dim: Integer, options?: { largest?: boolean; sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(self: Tensor, k: Integer, dim: Integer, largest: boolean, options?: { sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(self: Tensor, k: Integer, dim: Integer, largest: boolean, sorted: boolean): [Tensor, Tensor];
  /** `aten::trace(Tensor self) -> Tensor` */
  trace(self: Tensor): Tensor;
  /** `aten::trace_backward(Tensor grad, SymInt[] sizes) -> Tensor` */
  traceBackward(grad: Tensor, sizes: readonly Integer[]): Tensor;
  /** `aten::trace_backward(Tensor grad, SymInt[] sizes) -> Tensor` */
  traceBackward(self: Tensor, ...sizes: Integer[]): Tensor;
  /** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
  transpose(self: Tensor, dim0: Integer, dim1: Integer): Tensor;
  /** `aten::transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)` */
  transpose_(self: Tensor, dim0: Integer, dim1: Integer): Tensor;
  /** `aten::transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor` */
  transposeCopy(self: Tensor, dim0: Integer, dim1: Integer): Tensor;
  /** `aten::trapezoid.dx(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor` */
  trapezoid(y: Tensor, options?: { dx?: Scalar; dim?: Integer }): Tensor;
  /** `aten::trapezoid.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor` */
  trapezoid(y: Tensor, x: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::trapz.dx(Tensor y, *, float dx=1., int dim=-1) -> Tensor` */
  trapz(y: Tensor, options?: { dx?: number; dim?: Integer }): Tensor;
  /** `aten::trapz.x(Tensor y, Tensor x, *, int dim=-1) -> Tensor` */
  trapz(y: Tensor, x: Tensor, options?: { dim?: Integer }): Tensor;
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(self: Tensor, A: Tensor, options?: { upper?: boolean; transpose?: boolean; unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(self: Tensor, A: Tensor, upper: boolean, options?: { transpose?: boolean; unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(self: Tensor, A: Tensor, upper: boolean, transpose: boolean, options?: { unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(self: Tensor, A: Tensor, upper: boolean, transpose: boolean, unitriangular: boolean): [Tensor, Tensor];
  /** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
  tril(self: Tensor, options?: { diagonal?: Integer }): Tensor;
  /** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
  tril(self: Tensor, diagonal: Integer): Tensor;
  /** `aten::tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  tril_(self: Tensor, options?: { diagonal?: Integer }): Tensor;
  /** `aten::tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  tril_(self: Tensor, diagonal: Integer): Tensor;
  /** `aten::tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  trilIndices(row: Integer, col: Integer, options?: { offset?: Integer; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  trilIndices(row: Integer, col: Integer, offset: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, options?: { margin?: number; p?: number; eps?: number; swap?: boolean; reduction?: Integer }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, options?: { p?: number; eps?: number; swap?: boolean; reduction?: Integer }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, p: number, options?: { eps?: number; swap?: boolean; reduction?: Integer }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, p: number, eps: number, options?: { swap?: boolean; reduction?: Integer }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, p: number, eps: number, swap: boolean, options?: { reduction?: Integer }): Tensor;
  /** `aten::triplet_margin_loss(Tensor anchor, Tensor positive, Tensor negative, float margin=1., float p=2., float eps=9.9999999999999995e-07, bool swap=False, int reduction=1) -> Tensor` */
  tripletMarginLoss(anchor: Tensor, positive: Tensor, negative: Tensor, margin: number, p: number, eps: number, swap: boolean, reduction: Integer): Tensor;
  /** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
  triu(self: Tensor, options?: { diagonal?: Integer }): Tensor;
  /** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
  triu(self: Tensor, diagonal: Integer): Tensor;
  /** `aten::triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  triu_(self: Tensor, options?: { diagonal?: Integer }): Tensor;
  /** `aten::triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  triu_(self: Tensor, diagonal: Integer): Tensor;
  /** `aten::triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  triuIndices(row: Integer, col: Integer, options?: { offset?: Integer; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=4, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  triuIndices(row: Integer, col: Integer, offset: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::true_divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  trueDivide(self: Tensor, other: Scalar): Tensor;
  /** `aten::true_divide.Tensor(Tensor self, Tensor other) -> Tensor` */
  trueDivide(self: Tensor, other: Tensor): Tensor;
  /** `aten::true_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  trueDivide_(self: Tensor, other: Scalar): Tensor;
  /** `aten::true_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  trueDivide_(self: Tensor, other: Tensor): Tensor;
  /** `aten::trunc(Tensor self) -> Tensor` */
  trunc(self: Tensor): Tensor;
  /** `aten::trunc_(Tensor(a!) self) -> Tensor(a!)` */
  trunc_(self: Tensor): Tensor;
  /** `aten::type_as(Tensor self, Tensor other) -> Tensor` */
  typeAs(self: Tensor, other: Tensor): Tensor;
  /** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
  unbind(self: Tensor, options?: { dim?: Integer }): Tensor[];
  /** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
  unbind(self: Tensor, dim: Integer): Tensor[];
  /** `aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]` */
  unbindCopy(self: Tensor, options?: { dim?: Integer }): Tensor[];
  /** `aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]` */
  unbindCopy(self: Tensor, dim: Integer): Tensor[];
  /** `aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)` */
  unflatten(self: Tensor, dim: Integer, sizes: readonly Integer[]): Tensor;
  /** `aten::unflatten_dense_tensors(Tensor flat, Tensor[] tensors) -> Tensor[]` */
  unflattenDenseTensors(flat: Tensor, tensors: readonly Tensor[]): Tensor[];
  /** `aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)` */
  unfold(self: Tensor, dimension: Integer, size: Integer, step: Integer): Tensor;
  /** `aten::unfold_backward(Tensor grad_in, SymInt[] input_sizes, int dim, int size, int step) -> Tensor` */
  unfoldBackward(gradIn: Tensor, inputSizes: readonly Integer[], dim: Integer, size: Integer, step: Integer): Tensor;
  /** `aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor` */
  unfoldCopy(self: Tensor, dimension: Integer, size: Integer, step: Integer): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(self: Tensor, options?: { from?: number; to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(self: Tensor, from: number, options?: { to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(self: Tensor, from: number, to: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(self: Tensor, options?: { from?: number; to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(self: Tensor, from: number, options?: { to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(self: Tensor, from: number, to: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(self: Tensor, options?: { returnInverse?: boolean; returnCounts?: boolean; dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(self: Tensor, returnInverse: boolean, options?: { returnCounts?: boolean; dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(self: Tensor, returnInverse: boolean, returnCounts: boolean, options?: { dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(self: Tensor, returnInverse: boolean, returnCounts: boolean, dim: Integer | null): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(self: Tensor, dim: Integer, options?: { sorted?: boolean; returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(self: Tensor, dim: Integer, sorted: boolean, options?: { returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(self: Tensor, dim: Integer, sorted: boolean, returnInverse: boolean, options?: { returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(self: Tensor, dim: Integer, sorted: boolean, returnInverse: boolean, returnCounts: boolean): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(self: Tensor, dim: Integer, options?: { returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(self: Tensor, dim: Integer, returnInverse: boolean, options?: { returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(self: Tensor, dim: Integer, returnInverse: boolean, returnCounts: boolean): [Tensor, Tensor, Tensor];
  /** `aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]` */
  unsafeChunk(self: Tensor, chunks: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]` */
  unsafeChunk(self: Tensor, chunks: Integer, dim: Integer): Tensor[];
  /** `aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  unsafeSplit(self: Tensor, splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  unsafeSplit(self: Tensor, splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  unsafeSplitWithSizes(self: Tensor, splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  unsafeSplitWithSizes(self: Tensor, splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
  unsqueeze(self: Tensor, dim: Integer): Tensor;
  /** `aten::unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)` */
  unsqueeze_(self: Tensor, dim: Integer): Tensor;
  /** `aten::unsqueeze_copy(Tensor self, int dim) -> Tensor` */
  unsqueezeCopy(self: Tensor, dim: Integer): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_bicubic2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor` */
  upsampleBicubic2d(input: Tensor, outputSize: readonly Integer[] | null, alignCorners: boolean, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_bicubic2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_bilinear2d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor` */
  upsampleBilinear2d(input: Tensor, outputSize: readonly Integer[] | null, alignCorners: boolean, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_bilinear2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scales: number | null): Tensor;
  /** `aten::upsample_linear1d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor` */
  upsampleLinear1d(input: Tensor, outputSize: readonly Integer[] | null, alignCorners: boolean, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_linear1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_linear1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scales: number | null): Tensor;
  /** `aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor` */
  upsampleNearest1d(self: Tensor, outputSize: Integer | readonly Integer[], options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor` */
  upsampleNearest1d(self: Tensor, outputSize: Integer | readonly Integer[], scales: number | null): Tensor;
  /** `aten::upsample_nearest1d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor` */
  upsampleNearest1d(input: Tensor, outputSize: readonly Integer[] | null, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_nearest1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, float? scales=None) -> Tensor` */
  upsampleNearest1dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_nearest1d_backward(Tensor grad_output, SymInt[1] output_size, SymInt[3] input_size, float? scales=None) -> Tensor` */
  upsampleNearest1dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scales: number | null): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(self: Tensor, outputSize: Integer | readonly Integer[], options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(self: Tensor, outputSize: Integer | readonly Integer[], scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(self: Tensor, outputSize: Integer | readonly Integer[], scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_nearest2d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor` */
  upsampleNearest2d(input: Tensor, outputSize: readonly Integer[] | null, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_nearest2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d_backward(Tensor grad_output, SymInt[2] output_size, SymInt[4] input_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(self: Tensor, outputSize: Integer | readonly Integer[], options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(self: Tensor, outputSize: Integer | readonly Integer[], scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(self: Tensor, outputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(self: Tensor, outputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_nearest3d.vec(Tensor input, SymInt[]? output_size, float[]? scale_factors) -> Tensor` */
  upsampleNearest3d(input: Tensor, outputSize: readonly Integer[] | null, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_nearest3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(self: Tensor, outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_trilinear3d.vec(Tensor input, SymInt[]? output_size, bool align_corners, float[]? scale_factors) -> Tensor` */
  upsampleTrilinear3d(input: Tensor, outputSize: readonly Integer[] | null, alignCorners: boolean, scaleFactors: readonly number[] | null): Tensor;
  /** `aten::upsample_trilinear3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d_backward(Tensor grad_output, SymInt[3] output_size, SymInt[5] input_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3dBackward(gradOutput: Tensor, outputSize: Integer | readonly Integer[], inputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::value_selecting_reduction_backward(Tensor grad, int dim, Tensor indices, SymInt[] sizes, bool keepdim) -> Tensor` */
  valueSelectingReductionBackward(grad: Tensor, dim: Integer, indices: Tensor, sizes: readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::values(Tensor(a) self) -> Tensor(a)` */
  values(self: Tensor): Tensor;
  /** `aten::values_copy(Tensor self) -> Tensor` */
  valuesCopy(self: Tensor): Tensor;
  /** `aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor` */
  vander(x: Tensor, options?: { N?: Integer | null; increasing?: boolean }): Tensor;
  /** `aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor` */
  vander(x: Tensor, N: Integer | null, options?: { increasing?: boolean }): Tensor;
  /** `aten::vander(Tensor x, int? N=None, bool increasing=False) -> Tensor` */
  vander(x: Tensor, N: Integer | null, increasing: boolean): Tensor;
  /** `aten::var(Tensor self, bool unbiased=True) -> Tensor` */
  var(self: Tensor, options?: { unbiased?: boolean }): Tensor;
  /** `aten::var(Tensor self, bool unbiased=True) -> Tensor` */
  var(self: Tensor, unbiased: boolean): Tensor;
  /** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  var(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  var(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): Tensor;
  /** `aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  varMean(self: Tensor, options?: { unbiased?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  varMean(self: Tensor, unbiased: boolean): [Tensor, Tensor];
  /** `aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(self: Tensor, options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(self: Tensor, dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(self: Tensor, dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor];
  /** `aten::vdot(Tensor self, Tensor other) -> Tensor` */
  vdot(self: Tensor, other: Tensor): Tensor;
  /** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  view(self: Tensor, size: readonly Integer[]): Tensor;
  /** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  view(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)` */
  view(self: Tensor, dtype: DType): Tensor;
  /** `aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  viewAs(self: Tensor, other: Tensor): Tensor;
  /** `aten::view_as_complex(Tensor(a) self) -> Tensor(a)` */
  viewAsComplex(self: Tensor): Tensor;
  /** `aten::view_as_complex_copy(Tensor self) -> Tensor` */
  viewAsComplexCopy(self: Tensor): Tensor;
  /** `aten::view_as_real(Tensor(a) self) -> Tensor(a)` */
  viewAsReal(self: Tensor): Tensor;
  /** `aten::view_as_real_copy(Tensor self) -> Tensor` */
  viewAsRealCopy(self: Tensor): Tensor;
  /** `aten::view_copy(Tensor self, SymInt[] size) -> Tensor` */
  viewCopy(self: Tensor, size: readonly Integer[]): Tensor;
  /** `aten::view_copy(Tensor self, SymInt[] size) -> Tensor` */
  viewCopy(self: Tensor, ...size: Integer[]): Tensor;
  /** `aten::view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor` */
  viewCopy(self: Tensor, dtype: DType): Tensor;
  /** `aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  vsplit(self: Tensor, indices: readonly Integer[]): Tensor[];
  /** `aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  vsplit(self: Tensor, ...indices: Integer[]): Tensor[];
  /** `aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  vsplit(self: Tensor, sections: Integer): Tensor[];
  /** `aten::vstack(Tensor[] tensors) -> Tensor` */
  vstack(tensors: readonly Tensor[]): Tensor;
  /** `aten::where(Tensor condition) -> Tensor[]` */
  where(condition: Tensor): Tensor[];
  /** `aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor` */
  where(condition: Tensor, self: Scalar, other: Scalar): Tensor;
  /** `aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor` */
  where(condition: Tensor, self: Tensor, other: Scalar): Tensor;
  /** `aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor` */
  where(condition: Tensor, self: Scalar, other: Tensor): Tensor;
  /** `aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor` */
  where(condition: Tensor, self: Tensor, other: Tensor): Tensor;
  /** `aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor` */
  xlogy(self: Tensor, other: Scalar): Tensor;
  /** `aten::xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor` */
  xlogy(self: Scalar, other: Tensor): Tensor;
  /** `aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor` */
  xlogy(self: Tensor, other: Tensor): Tensor;
  /** `aten::xlogy_.Scalar_Other(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  xlogy_(self: Tensor, other: Scalar): Tensor;
  /** `aten::xlogy_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  xlogy_(self: Tensor, other: Tensor): Tensor;
  /** `aten::zero(Tensor self) -> Tensor` */
  zero(self: Tensor): Tensor;
  /** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
  zero_(self: Tensor): Tensor;
  /** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  zeros(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  zeros(...size: Integer[]): Tensor;
  /** `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  zerosLike(self: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
}

/** Operators as methods of the tensor that is their first argument. */
export interface TensorMethods {
  /** `aten::abs(Tensor self) -> Tensor` */
  abs(): Tensor;
  /** `aten::abs_(Tensor(a!) self) -> Tensor(a!)` */
  abs_(): Tensor;
  /** `aten::absolute(Tensor self) -> Tensor` */
  absolute(): Tensor;
  /** `aten::absolute_(Tensor(a!) self) -> Tensor(a!)` */
  absolute_(): Tensor;
  /** `aten::acos(Tensor self) -> Tensor` */
  acos(): Tensor;
  /** `aten::acos_(Tensor(a!) self) -> Tensor(a!)` */
  acos_(): Tensor;
  /** `aten::acosh(Tensor self) -> Tensor` */
  acosh(): Tensor;
  /** `aten::acosh_(Tensor(a!) self) -> Tensor(a!)` */
  acosh_(): Tensor;
  /** `aten::adaptive_avg_pool1d(Tensor self, int[1] output_size) -> Tensor` */
  adaptiveAvgPool1d(outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_avg_pool2d(Tensor self, SymInt[2] output_size) -> Tensor` */
  adaptiveAvgPool2d(outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_avg_pool3d(Tensor self, SymInt[3] output_size) -> Tensor` */
  adaptiveAvgPool3d(outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::adaptive_max_pool1d(Tensor self, int[1] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool1d(outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::adaptive_max_pool2d(Tensor self, int[2] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool2d(outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::adaptive_max_pool3d(Tensor self, int[3] output_size) -> (Tensor, Tensor)` */
  adaptiveMaxPool3d(outputSize: Integer | readonly Integer[]): [Tensor, Tensor];
  /** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  add(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  add(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::add.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  add(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  add_(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::add_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  add_(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::add_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  add_(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::addbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addbmm_(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addcdiv(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
  addcdiv(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcdiv_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcdiv_(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcmul(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor` */
  addcmul(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addcmul_(Tensor(a!) self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor(a!)` */
  addcmul_(tensor1: Tensor, tensor2: Tensor, options?: { value?: Scalar }): Tensor;
  /** `aten::addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmm(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmm.dtype(Tensor self, Tensor mat1, Tensor mat2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmm(mat1: Tensor, mat2: Tensor, outDtype: DType, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmm_(Tensor(a!) self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addmm_(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmv(Tensor self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addmv(mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addmv_(Tensor(a!) self, Tensor mat, Tensor vec, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addmv_(mat: Tensor, vec: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addr(Tensor self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  addr(vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::addr_(Tensor(a!) self, Tensor vec1, Tensor vec2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  addr_(vec1: Tensor, vec2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::adjoint(Tensor(a) self) -> Tensor(a)` */
  adjoint(): Tensor;
  /** `aten::alias(Tensor(a) self) -> Tensor(a)` */
  alias(): Tensor;
  /** `aten::alias_copy(Tensor self) -> Tensor` */
  aliasCopy(): Tensor;
  /** `aten::all(Tensor self) -> Tensor` */
  all(): Tensor;
  /** `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  all(dim: Integer, options?: { keepdim?: boolean }): Tensor;
  /** `aten::all.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  all(dim: Integer, keepdim: boolean): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(options?: { dim?: readonly Integer[] | null; keepdim?: boolean }): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(dim: readonly Integer[] | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::all.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  all(dim: readonly Integer[] | null, keepdim: boolean): Tensor;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): boolean;
  /** `aten::allclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> bool` */
  allclose(other: Tensor, rtol: number, atol: number, equalNan: boolean): boolean;
  /** `aten::alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  alphaDropout_(p: number, train: boolean): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean }): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::amax(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amax(dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean }): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::amin(Tensor self, int[1] dim=[], bool keepdim=False) -> Tensor` */
  amin(dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)` */
  aminmax(options?: { dim?: Integer | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::angle(Tensor self) -> Tensor` */
  angle(): Tensor;
  /** `aten::any(Tensor self) -> Tensor` */
  any(): Tensor;
  /** `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  any(dim: Integer, options?: { keepdim?: boolean }): Tensor;
  /** `aten::any.dim(Tensor self, int dim, bool keepdim=False) -> Tensor` */
  any(dim: Integer, keepdim: boolean): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(options?: { dim?: readonly Integer[] | null; keepdim?: boolean }): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(dim: readonly Integer[] | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::any.dims(Tensor self, int[]? dim=None, bool keepdim=False) -> Tensor` */
  any(dim: readonly Integer[] | null, keepdim: boolean): Tensor;
  /** `aten::arccos(Tensor self) -> Tensor` */
  arccos(): Tensor;
  /** `aten::arccos_(Tensor(a!) self) -> Tensor(a!)` */
  arccos_(): Tensor;
  /** `aten::arccosh(Tensor self) -> Tensor` */
  arccosh(): Tensor;
  /** `aten::arccosh_(Tensor(a!) self) -> Tensor(a!)` */
  arccosh_(): Tensor;
  /** `aten::arcsin(Tensor self) -> Tensor` */
  arcsin(): Tensor;
  /** `aten::arcsin_(Tensor(a!) self) -> Tensor(a!)` */
  arcsin_(): Tensor;
  /** `aten::arcsinh(Tensor self) -> Tensor` */
  arcsinh(): Tensor;
  /** `aten::arcsinh_(Tensor(a!) self) -> Tensor(a!)` */
  arcsinh_(): Tensor;
  /** `aten::arctan(Tensor self) -> Tensor` */
  arctan(): Tensor;
  /** `aten::arctan2(Tensor self, Tensor other) -> Tensor` */
  arctan2(other: Tensor): Tensor;
  /** `aten::arctan2_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  arctan2_(other: Tensor): Tensor;
  /** `aten::arctan_(Tensor(a!) self) -> Tensor(a!)` */
  arctan_(): Tensor;
  /** `aten::arctanh(Tensor self) -> Tensor` */
  arctanh(): Tensor;
  /** `aten::arctanh_(Tensor(a!) self) -> Tensor(a!)` */
  arctanh_(): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(options?: { dim?: Integer | null; keepdim?: boolean }): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(dim: Integer | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmax(dim: Integer | null, keepdim: boolean): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(options?: { dim?: Integer | null; keepdim?: boolean }): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(dim: Integer | null, options?: { keepdim?: boolean }): Tensor;
  /** `aten::argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor` */
  argmin(dim: Integer | null, keepdim: boolean): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(options?: { dim?: Integer; descending?: boolean }): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(dim: Integer, options?: { descending?: boolean }): Tensor;
  /** `aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor` */
  argsort(dim: Integer, descending: boolean): Tensor;
  /** `aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor` */
  argsort(options: { stable: boolean; dim?: Integer; descending?: boolean }): Tensor;
  /** `aten::argwhere(Tensor self) -> Tensor` */
  argwhere(): Tensor;
  /** `aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)` */
  asStrided(size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided(Tensor(a) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a)` */
  asStrided(size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)` */
  asStrided_(size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_(Tensor(a!) self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor(a!)` */
  asStrided_(size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedCopy(size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_copy(Tensor self, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedCopy(size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedScatter(src: Tensor, size: readonly Integer[], stride: readonly Integer[], options?: { storageOffset?: Integer | null }): Tensor;
  /** `aten::as_strided_scatter(Tensor self, Tensor src, SymInt[] size, SymInt[] stride, SymInt? storage_offset=None) -> Tensor` */
  asStridedScatter(src: Tensor, size: readonly Integer[], stride: readonly Integer[], storageOffset: Integer | null): Tensor;
  /** `aten::asin(Tensor self) -> Tensor` */
  asin(): Tensor;
  /** `aten::asin_(Tensor(a!) self) -> Tensor(a!)` */
  asin_(): Tensor;
  /** `aten::asinh(Tensor self) -> Tensor` */
  asinh(): Tensor;
  /** `aten::asinh_(Tensor(a!) self) -> Tensor(a!)` */
  asinh_(): Tensor;
  /** `aten::atan(Tensor self) -> Tensor` */
  atan(): Tensor;
  /** `aten::atan2(Tensor self, Tensor other) -> Tensor` */
  atan2(other: Tensor): Tensor;
  /** `aten::atan2_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  atan2_(other: Tensor): Tensor;
  /** `aten::atan_(Tensor(a!) self) -> Tensor(a!)` */
  atan_(): Tensor;
  /** `aten::atanh(Tensor self) -> Tensor` */
  atanh(): Tensor;
  /** `aten::atanh_(Tensor(a!) self) -> Tensor(a!)` */
  atanh_(): Tensor;
  /** `aten::atleast_1d(Tensor self) -> Tensor` */
  atleast1d(): Tensor;
  /** `aten::atleast_2d(Tensor self) -> Tensor` */
  atleast2d(): Tensor;
  /** `aten::atleast_3d(Tensor self) -> Tensor` */
  atleast3d(): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean }): Tensor;
  /** `aten::avg_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], bool ceil_mode=False, bool count_include_pad=True) -> Tensor` */
  avgPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, options?: { divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { ceilMode?: boolean; countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, options?: { countIncludePad?: boolean; divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, options?: { divisorOverride?: Integer | null }): Tensor;
  /** `aten::avg_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, bool ceil_mode=False, bool count_include_pad=True, int? divisor_override=None) -> Tensor` */
  avgPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], ceilMode: boolean, countIncludePad: boolean, divisorOverride: Integer | null): Tensor;
  /** `aten::baddbmm(Tensor self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  baddbmm(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::baddbmm.dtype(Tensor self, Tensor batch1, Tensor batch2, ScalarType out_dtype, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  baddbmm(batch1: Tensor, batch2: Tensor, outDtype: DType, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::baddbmm_(Tensor(a!) self, Tensor batch1, Tensor batch2, *, Scalar beta=1, Scalar alpha=1) -> Tensor(a!)` */
  baddbmm_(batch1: Tensor, batch2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::bernoulli(Tensor self, *, Generator? generator=None) -> Tensor` */
  bernoulli(options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli.Tensor(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor` */
  bernoulli(p: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli.p(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
  bernoulli(p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.Tensor(Tensor(a!) self, Tensor p, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(p: Tensor, options?: { generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(options?: { p?: number; generator?: Generator | null }): Tensor;
  /** `aten::bernoulli_.float(Tensor(a!) self, float p=0.5, *, Generator? generator=None) -> Tensor(a!)` */
  bernoulli_(p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(target: Tensor, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy(Tensor self, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropy(target: Tensor, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(target: Tensor, options?: { weight?: Tensor | null; posWeight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(target: Tensor, weight: Tensor | null, options?: { posWeight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(target: Tensor, weight: Tensor | null, posWeight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::binary_cross_entropy_with_logits(Tensor self, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, int reduction=1) -> Tensor` */
  binaryCrossEntropyWithLogits(target: Tensor, weight: Tensor | null, posWeight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(options?: { weights?: Tensor | null; minlength?: Integer }): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(weights: Tensor | null, options?: { minlength?: Integer }): Tensor;
  /** `aten::bincount(Tensor self, Tensor? weights=None, SymInt minlength=0) -> Tensor` */
  bincount(weights: Tensor | null, minlength: Integer): Tensor;
  /** `aten::bitwise_and.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseAnd(other: Scalar): Tensor;
  /** `aten::bitwise_and.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseAnd(other: Tensor): Tensor;
  /** `aten::bitwise_and_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseAnd_(other: Scalar): Tensor;
  /** `aten::bitwise_and_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseAnd_(other: Tensor): Tensor;
  /** `aten::bitwise_left_shift.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseLeftShift(other: Tensor): Tensor;
  /** `aten::bitwise_left_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseLeftShift(other: Scalar): Tensor;
  /** `aten::bitwise_left_shift_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseLeftShift_(other: Tensor): Tensor;
  /** `aten::bitwise_left_shift_.Tensor_Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseLeftShift_(other: Scalar): Tensor;
  /** `aten::bitwise_not(Tensor self) -> Tensor` */
  bitwiseNot(): Tensor;
  /** `aten::bitwise_not_(Tensor(a!) self) -> Tensor(a!)` */
  bitwiseNot_(): Tensor;
  /** `aten::bitwise_or.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseOr(other: Scalar): Tensor;
  /** `aten::bitwise_or.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseOr(other: Tensor): Tensor;
  /** `aten::bitwise_or_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseOr_(other: Scalar): Tensor;
  /** `aten::bitwise_or_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseOr_(other: Tensor): Tensor;
  /** `aten::bitwise_right_shift.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseRightShift(other: Tensor): Tensor;
  /** `aten::bitwise_right_shift.Tensor_Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseRightShift(other: Scalar): Tensor;
  /** `aten::bitwise_right_shift_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseRightShift_(other: Tensor): Tensor;
  /** `aten::bitwise_right_shift_.Tensor_Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseRightShift_(other: Scalar): Tensor;
  /** `aten::bitwise_xor.Scalar(Tensor self, Scalar other) -> Tensor` */
  bitwiseXor(other: Scalar): Tensor;
  /** `aten::bitwise_xor.Tensor(Tensor self, Tensor other) -> Tensor` */
  bitwiseXor(other: Tensor): Tensor;
  /** `aten::bitwise_xor_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  bitwiseXor_(other: Scalar): Tensor;
  /** `aten::bitwise_xor_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  bitwiseXor_(other: Tensor): Tensor;
  /** `aten::bmm(Tensor self, Tensor mat2) -> Tensor` */
  bmm(mat2: Tensor): Tensor;
  /** `aten::bmm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor` */
  bmm(mat2: Tensor, outDtype: DType): Tensor;
  /** `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  broadcastTo(size: readonly Integer[]): Tensor;
  /** `aten::broadcast_to(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  broadcastTo(...size: Integer[]): Tensor;
  /** `aten::bucketize.Tensor(Tensor self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor` */
  bucketize(boundaries: Tensor, options?: { outInt32?: boolean; right?: boolean }): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(options?: { median?: number; sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(median: number, options?: { sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy(Tensor self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor` */
  cauchy(median: number, sigma: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(options?: { median?: number; sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(median: number, options?: { sigma?: number; generator?: Generator | null }): Tensor;
  /** `aten::cauchy_(Tensor(a!) self, float median=0., float sigma=1., *, Generator? generator=None) -> Tensor(a!)` */
  cauchy_(median: number, sigma: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::ccol_indices(Tensor(a) self) -> Tensor(a)` */
  ccolIndices(): Tensor;
  /** `aten::ccol_indices_copy(Tensor self) -> Tensor` */
  ccolIndicesCopy(): Tensor;
  /** `aten::ceil(Tensor self) -> Tensor` */
  ceil(): Tensor;
  /** `aten::ceil_(Tensor(a!) self) -> Tensor(a!)` */
  ceil_(): Tensor;
  /** `aten::celu(Tensor self, Scalar alpha=1.) -> Tensor` */
  celu(options?: { alpha?: Scalar }): Tensor;
  /** `aten::celu(Tensor self, Scalar alpha=1.) -> Tensor` */
  celu(alpha: Scalar): Tensor;
  /** `aten::celu_(Tensor(a!) self, Scalar alpha=1.) -> Tensor(a!)` */
  celu_(options?: { alpha?: Scalar }): Tensor;
  /** `aten::celu_(Tensor(a!) self, Scalar alpha=1.) -> Tensor(a!)` */
  celu_(alpha: Scalar): Tensor;
  /** `aten::chalf(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
  chalf(options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::channel_shuffle(Tensor self, SymInt groups) -> Tensor` */
  channelShuffle(groups: Integer): Tensor;
  /** `aten::cholesky(Tensor self, bool upper=False) -> Tensor` */
  cholesky(options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky(Tensor self, bool upper=False) -> Tensor` */
  cholesky(upper: boolean): Tensor;
  /** `aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor` */
  choleskyInverse(options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky_inverse(Tensor self, bool upper=False) -> Tensor` */
  choleskyInverse(upper: boolean): Tensor;
  /** `aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor` */
  choleskySolve(input2: Tensor, options?: { upper?: boolean }): Tensor;
  /** `aten::cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor` */
  choleskySolve(input2: Tensor, upper: boolean): Tensor;
  /** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
  chunk(chunks: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::chunk(Tensor(a -> *) self, int chunks, int dim=0) -> Tensor(a)[]` */
  chunk(chunks: Integer, dim: Integer): Tensor[];
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clamp(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clamp(min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clamp.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clamp(min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clamp_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clamp_(min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clamp_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clamp_(min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clamp_max(Tensor self, Scalar max) -> Tensor` */
  clampMax(max: Scalar): Tensor;
  /** `aten::clamp_max.Tensor(Tensor self, Tensor max) -> Tensor` */
  clampMax(max: Tensor): Tensor;
  /** `aten::clamp_max_(Tensor(a!) self, Scalar max) -> Tensor(a!)` */
  clampMax_(max: Scalar): Tensor;
  /** `aten::clamp_max_.Tensor(Tensor(a!) self, Tensor max) -> Tensor(a!)` */
  clampMax_(max: Tensor): Tensor;
  /** `aten::clamp_min(Tensor self, Scalar min) -> Tensor` */
  clampMin(min: Scalar): Tensor;
  /** `aten::clamp_min.Tensor(Tensor self, Tensor min) -> Tensor` */
  clampMin(min: Tensor): Tensor;
  /** `aten::clamp_min_(Tensor(a!) self, Scalar min) -> Tensor(a!)` */
  clampMin_(min: Scalar): Tensor;
  /** `aten::clamp_min_.Tensor(Tensor(a!) self, Tensor min) -> Tensor(a!)` */
  clampMin_(min: Tensor): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clip(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor` */
  clip(min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clip.Tensor(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor` */
  clip(min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(options?: { min?: Scalar | null; max?: Scalar | null }): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(min: Scalar | null, options?: { max?: Scalar | null }): Tensor;
  /** `aten::clip_(Tensor(a!) self, Scalar? min=None, Scalar? max=None) -> Tensor(a!)` */
  clip_(min: Scalar | null, max: Scalar | null): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(options?: { min?: Tensor | null; max?: Tensor | null }): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(min: Tensor | null, options?: { max?: Tensor | null }): Tensor;
  /** `aten::clip_.Tensor(Tensor(a!) self, Tensor? min=None, Tensor? max=None) -> Tensor(a!)` */
  clip_(min: Tensor | null, max: Tensor | null): Tensor;
  /** `aten::clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor` */
  clone(options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::coalesce(Tensor(a) self) -> Tensor(a)` */
  coalesce(): Tensor;
  /** `aten::col2im(Tensor self, SymInt[2] output_size, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor` */
  col2im(outputSize: Integer | readonly Integer[], kernelSize: Integer | readonly Integer[], dilation: Integer | readonly Integer[], padding: Integer | readonly Integer[], stride: Integer | readonly Integer[]): Tensor;
  /** `aten::col_indices(Tensor(a) self) -> Tensor(a)` */
  colIndices(): Tensor;
  /** `aten::col_indices_copy(Tensor self) -> Tensor` */
  colIndicesCopy(): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(options?: { r?: Integer; withReplacement?: boolean }): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(r: Integer, options?: { withReplacement?: boolean }): Tensor;
  /** `aten::combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor` */
  combinations(r: Integer, withReplacement: boolean): Tensor;
  /** `aten::conj(Tensor(a) self) -> Tensor(a)` */
  conj(): Tensor;
  /** `aten::conj_physical(Tensor self) -> Tensor` */
  conjPhysical(): Tensor;
  /** `aten::conj_physical_(Tensor(a!) self) -> Tensor(a!)` */
  conjPhysical_(): Tensor;
  /** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
  constantPadNd(pad: readonly Integer[], options?: { value?: Scalar }): Tensor;
  /** `aten::constant_pad_nd(Tensor self, SymInt[] pad, Scalar value=0) -> Tensor` */
  constantPadNd(pad: readonly Integer[], value: Scalar): Tensor;
  /** `aten::contiguous(Tensor(a) self, *, MemoryFormat memory_format=0) -> Tensor(a)` */
  contiguous(options?: { memoryFormat?: MemoryFormat }): Tensor;
  /** `aten::conv_depthwise3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding, SymInt[3] dilation) -> Tensor` */
  convDepthwise3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor` */
  convTbc(weight: Tensor, bias: Tensor, options?: { pad?: Integer }): Tensor;
  /** `aten::conv_tbc(Tensor self, Tensor weight, Tensor bias, int pad=0) -> Tensor` */
  convTbc(weight: Tensor, bias: Tensor, pad: Integer): Tensor;
  /** `aten::conv_tbc_backward(Tensor self, Tensor input, Tensor weight, Tensor bias, int pad) -> (Tensor, Tensor, Tensor)` */
  convTbcBackward(input: Tensor, weight: Tensor, bias: Tensor, pad: Integer): [Tensor, Tensor, Tensor];
  /** `aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copy(src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copy(src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copy_(src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copy_(src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_sparse_to_sparse(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copySparseToSparse(src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_sparse_to_sparse(Tensor self, Tensor src, bool non_blocking=False) -> Tensor` */
  copySparseToSparse(src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copy_sparse_to_sparse_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copySparseToSparse_(src: Tensor, options?: { nonBlocking?: boolean }): Tensor;
  /** `aten::copy_sparse_to_sparse_(Tensor(a!) self, Tensor src, bool non_blocking=False) -> Tensor(a!)` */
  copySparseToSparse_(src: Tensor, nonBlocking: boolean): Tensor;
  /** `aten::copysign.Scalar(Tensor self, Scalar other) -> Tensor` */
  copysign(other: Scalar): Tensor;
  /** `aten::copysign.Tensor(Tensor self, Tensor other) -> Tensor` */
  copysign(other: Tensor): Tensor;
  /** `aten::copysign_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  copysign_(other: Scalar): Tensor;
  /** `aten::copysign_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  copysign_(other: Tensor): Tensor;
  /** `aten::corrcoef(Tensor self) -> Tensor` */
  corrcoef(): Tensor;
  /** `aten::cos(Tensor self) -> Tensor` */
  cos(): Tensor;
  /** `aten::cos_(Tensor(a!) self) -> Tensor(a!)` */
  cos_(): Tensor;
  /** `aten::cosh(Tensor self) -> Tensor` */
  cosh(): Tensor;
  /** `aten::cosh_(Tensor(a!) self) -> Tensor(a!)` */
  cosh_(): Tensor;
  /** `aten::count_nonzero(Tensor self, int? dim=None) -> Tensor` */
  countNonzero(options?: { dim?: Integer | null }): Tensor;
  /** `aten::count_nonzero(Tensor self, int? dim=None) -> Tensor` */
  countNonzero(dim: Integer | null): Tensor;
  /** `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
  countNonzero(dim: readonly Integer[]): Tensor;
  /** `aten::count_nonzero.dim_IntList(Tensor self, int[] dim) -> Tensor` */
  countNonzero(...dim: Integer[]): Tensor;
  /** `aten::cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor` */
  cov(options?: { correction?: Integer; fweights?: Tensor | null; aweights?: Tensor | null }): Tensor;
  /** `aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor` */
  cross(other: Tensor, options?: { dim?: Integer | null }): Tensor;
  /** `aten::cross(Tensor self, Tensor other, int? dim=None) -> Tensor` */
  cross(other: Tensor, dim: Integer | null): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer; labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, options?: { labelSmoothing?: number }): Tensor;
  /** `aten::cross_entropy_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100, float label_smoothing=0.) -> Tensor` */
  crossEntropyLoss(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer, labelSmoothing: number): Tensor;
  /** `aten::crow_indices(Tensor(a) self) -> Tensor(a)` */
  crowIndices(): Tensor;
  /** `aten::crow_indices_copy(Tensor self) -> Tensor` */
  crowIndicesCopy(): Tensor;
  /** `aten::cudnn_convolution(Tensor self, Tensor weight, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor` */
  cudnnConvolution(weight: Tensor, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean, allowTf32: boolean): Tensor;
  /** `aten::cudnn_convolution_add_relu(Tensor self, Tensor weight, Tensor z, Scalar? alpha, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  cudnnConvolutionAddRelu(weight: Tensor, z: Tensor, alpha: Scalar | null, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::cudnn_convolution_relu(Tensor self, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  cudnnConvolutionRelu(weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::cudnn_convolution_transpose(Tensor self, Tensor weight, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic, bool allow_tf32) -> Tensor` */
  cudnnConvolutionTranspose(weight: Tensor, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean, allowTf32: boolean): Tensor;
  /** `aten::cudnn_grid_sampler(Tensor self, Tensor grid) -> Tensor output` */
  cudnnGridSampler(grid: Tensor): Tensor;
  /** `aten::cudnn_grid_sampler_backward(Tensor self, Tensor grid, Tensor grad_output) -> (Tensor grad_self, Tensor grad_grid)` */
  cudnnGridSamplerBackward(grid: Tensor, gradOutput: Tensor): [Tensor, Tensor];
  /** `aten::cudnn_is_acceptable(Tensor self) -> bool` */
  cudnnIsAcceptable(): boolean;
  /** `aten::cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)` */
  cummax(dim: Integer): [Tensor, Tensor];
  /** `aten::cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)` */
  cummin(dim: Integer): [Tensor, Tensor];
  /** `aten::cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  cumprod(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumprod_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)` */
  cumprod_(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor` */
  cumsum(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::cumsum_(Tensor(a!) self, int dim, *, ScalarType? dtype=None) -> Tensor(a!)` */
  cumsum_(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::deg2rad(Tensor self) -> Tensor` */
  deg2rad(): Tensor;
  /** `aten::deg2rad_(Tensor(a!) self) -> Tensor(a!)` */
  deg2rad_(): Tensor;
  /** `aten::dense_dim(Tensor self) -> int` */
  denseDim(): number;
  /** `aten::dequantize.self(Tensor self) -> Tensor` */
  dequantize(): Tensor;
  /** `aten::det(Tensor self) -> Tensor` */
  det(): Tensor;
  /** `aten::detach(Tensor(a) self) -> Tensor(a)` */
  detach(): Tensor;
  /** `aten::detach_copy(Tensor self) -> Tensor` */
  detachCopy(): Tensor;
  /** `aten::diag(Tensor self, int diagonal=0) -> Tensor` */
  diag(options?: { diagonal?: Integer }): Tensor;
  /** `aten::diag(Tensor self, int diagonal=0) -> Tensor` */
  diag(diagonal: Integer): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor` */
  diagEmbed(offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagflat(Tensor self, int offset=0) -> Tensor` */
  diagflat(options?: { offset?: Integer }): Tensor;
  /** `aten::diagflat(Tensor self, int offset=0) -> Tensor` */
  diagflat(offset: Integer): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal(Tensor(a) self, int offset=0, int dim1=0, int dim2=1) -> Tensor(a)` */
  diagonal(offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal_copy(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalCopy(offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(src: Tensor, options?: { offset?: Integer; dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(src: Tensor, offset: Integer, options?: { dim1?: Integer; dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(src: Tensor, offset: Integer, dim1: Integer, options?: { dim2?: Integer }): Tensor;
  /** `aten::diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor` */
  diagonalScatter(src: Tensor, offset: Integer, dim1: Integer, dim2: Integer): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(options?: { n?: Integer; dim?: Integer; prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(n: Integer, options?: { dim?: Integer; prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(n: Integer, dim: Integer, options?: { prepend?: Tensor | null; append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(n: Integer, dim: Integer, prepend: Tensor | null, options?: { append?: Tensor | null }): Tensor;
  /** `aten::diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor` */
  diff(n: Integer, dim: Integer, prepend: Tensor | null, append: Tensor | null): Tensor;
  /** `aten::digamma(Tensor self) -> Tensor` */
  digamma(): Tensor;
  /** `aten::digamma_(Tensor(a!) self) -> Tensor(a!)` */
  digamma_(): Tensor;
  /** `aten::dim(Tensor self) -> int` */
  dim(): number;
  /** `aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor` */
  dist(other: Tensor, options?: { p?: Scalar }): Tensor;
  /** `aten::dist(Tensor self, Tensor other, Scalar p=2) -> Tensor` */
  dist(other: Tensor, p: Scalar): Tensor;
  /** `aten::div.Scalar(Tensor self, Scalar other) -> Tensor` */
  div(other: Scalar): Tensor;
  /** `aten::div.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor` */
  div(other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::div.Tensor(Tensor self, Tensor other) -> Tensor` */
  div(other: Tensor): Tensor;
  /** `aten::div.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
  div(other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::div_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  div_(other: Scalar): Tensor;
  /** `aten::div_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)` */
  div_(other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::div_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  div_(other: Tensor): Tensor;
  /** `aten::div_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)` */
  div_(other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  divide(other: Scalar): Tensor;
  /** `aten::divide.Scalar_mode(Tensor self, Scalar other, *, str? rounding_mode) -> Tensor` */
  divide(other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide.Tensor(Tensor self, Tensor other) -> Tensor` */
  divide(other: Tensor): Tensor;
  /** `aten::divide.Tensor_mode(Tensor self, Tensor other, *, str? rounding_mode) -> Tensor` */
  divide(other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  divide_(other: Scalar): Tensor;
  /** `aten::divide_.Scalar_mode(Tensor(a!) self, Scalar other, *, str? rounding_mode) -> Tensor(a!)` */
  divide_(other: Scalar, options: { roundingMode: string | null }): Tensor;
  /** `aten::divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  divide_(other: Tensor): Tensor;
  /** `aten::divide_.Tensor_mode(Tensor(a!) self, Tensor other, *, str? rounding_mode) -> Tensor(a!)` */
  divide_(other: Tensor, options: { roundingMode: string | null }): Tensor;
  /** `aten::dot(Tensor self, Tensor tensor) -> Tensor` */
  dot(tensor: Tensor): Tensor;
  /** `aten::dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  dropout_(p: number, train: boolean): Tensor;
  /** `aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  dsplit(indices: readonly Integer[]): Tensor[];
  /** `aten::dsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  dsplit(...indices: Integer[]): Tensor[];
  /** `aten::dsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  dsplit(sections: Integer): Tensor[];
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(options?: { alpha?: Scalar; scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(alpha: Scalar, options?: { scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(alpha: Scalar, scale: Scalar, options?: { inputScale?: Scalar }): Tensor;
  /** `aten::elu(Tensor self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor` */
  elu(alpha: Scalar, scale: Scalar, inputScale: Scalar): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(options?: { alpha?: Scalar; scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(alpha: Scalar, options?: { scale?: Scalar; inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(alpha: Scalar, scale: Scalar, options?: { inputScale?: Scalar }): Tensor;
  /** `aten::elu_(Tensor(a!) self, Scalar alpha=1, Scalar scale=1, Scalar input_scale=1) -> Tensor(a!)` */
  elu_(alpha: Scalar, scale: Scalar, inputScale: Scalar): Tensor;
  /** `aten::embedding_renorm(Tensor self, Tensor indices, float max_norm, float norm_type) -> Tensor` */
  embeddingRenorm(indices: Tensor, maxNorm: number, normType: number): Tensor;
  /** `aten::embedding_renorm_(Tensor(a!) self, Tensor indices, float max_norm, float norm_type) -> Tensor(a!)` */
  embeddingRenorm_(indices: Tensor, maxNorm: number, normType: number): Tensor;
  /** `aten::empty_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  emptyLike(options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::eq.Scalar(Tensor self, Scalar other) -> Tensor` */
  eq(other: Scalar): Tensor;
  /** `aten::eq.Tensor(Tensor self, Tensor other) -> Tensor` */
  eq(other: Tensor): Tensor;
  /** `aten::eq_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  eq_(other: Scalar): Tensor;
  /** `aten::eq_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  eq_(other: Tensor): Tensor;
  /** `aten::equal(Tensor self, Tensor other) -> bool` */
  equal(other: Tensor): boolean;
  /** `aten::erf(Tensor self) -> Tensor` */
  erf(): Tensor;
  /** `aten::erf_(Tensor(a!) self) -> Tensor(a!)` */
  erf_(): Tensor;
  /** `aten::erfc(Tensor self) -> Tensor` */
  erfc(): Tensor;
  /** `aten::erfc_(Tensor(a!) self) -> Tensor(a!)` */
  erfc_(): Tensor;
  /** `aten::erfinv(Tensor self) -> Tensor` */
  erfinv(): Tensor;
  /** `aten::erfinv_(Tensor(a!) self) -> Tensor(a!)` */
  erfinv_(): Tensor;
  /** `aten::exp(Tensor self) -> Tensor` */
  exp(): Tensor;
  /** `aten::exp2(Tensor self) -> Tensor` */
  exp2(): Tensor;
  /** `aten::exp2_(Tensor(a!) self) -> Tensor(a!)` */
  exp2_(): Tensor;
  /** `aten::exp_(Tensor(a!) self) -> Tensor(a!)` */
  exp_(): Tensor;
  /** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
  expand(size: readonly Integer[], options?: { implicit?: boolean }): Tensor;
  /** `aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)` */
  expand(...size: Integer[]): Tensor;
  /** `aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  expandAs(other: Tensor): Tensor;
  /** `aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor` */
  expandCopy(size: readonly Integer[], options?: { implicit?: boolean }): Tensor;
  /** `aten::expand_copy(Tensor self, SymInt[] size, *, bool implicit=False) -> Tensor` */
  expandCopy(...size: Integer[]): Tensor;
  /** `aten::expm1(Tensor self) -> Tensor` */
  expm1(): Tensor;
  /** `aten::expm1_(Tensor(a!) self) -> Tensor(a!)` */
  expm1_(): Tensor;
  /** `aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor` */
  exponential(options?: { lambd?: number; generator?: Generator | null }): Tensor;
  /** `aten::exponential(Tensor self, float lambd=1., *, Generator? generator=None) -> Tensor` */
  exponential(lambd: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)` */
  exponential_(options?: { lambd?: number; generator?: Generator | null }): Tensor;
  /** `aten::exponential_(Tensor(a!) self, float lambd=1., *, Generator? generator=None) -> Tensor(a!)` */
  exponential_(lambd: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::fake_quantize_per_channel_affine(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerChannelAffine(scale: Tensor, zeroPoint: Tensor, axis: Integer, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_channel_affine_cachemask(Tensor self, Tensor scale, Tensor zero_point, int axis, int quant_min, int quant_max) -> (Tensor output, Tensor mask)` */
  fakeQuantizePerChannelAffineCachemask(scale: Tensor, zeroPoint: Tensor, axis: Integer, quantMin: Integer, quantMax: Integer): [Tensor, Tensor];
  /** `aten::fake_quantize_per_tensor_affine(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerTensorAffine(scale: number, zeroPoint: Integer, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_tensor_affine.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, int quant_min, int quant_max) -> Tensor` */
  fakeQuantizePerTensorAffine(scale: Tensor, zeroPoint: Tensor, quantMin: Integer, quantMax: Integer): Tensor;
  /** `aten::fake_quantize_per_tensor_affine_cachemask(Tensor self, float scale, int zero_point, int quant_min, int quant_max) -> (Tensor output, Tensor mask)` */
  fakeQuantizePerTensorAffineCachemask(scale: number, zeroPoint: Integer, quantMin: Integer, quantMax: Integer): [Tensor, Tensor];
  /** `aten::feature_alpha_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  featureAlphaDropout_(p: number, train: boolean): Tensor;
  /** `aten::feature_dropout_(Tensor(a!) self, float p, bool train) -> Tensor(a!)` */
  featureDropout_(p: number, train: boolean): Tensor;
  /** `aten::fill.Scalar(Tensor self, Scalar value) -> Tensor` */
  fill(value: Scalar): Tensor;
  /** `aten::fill.Tensor(Tensor self, Tensor value) -> Tensor` */
  fill(value: Tensor): Tensor;
  /** `aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)` */
  fill_(value: Scalar): Tensor;
  /** `aten::fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)` */
  fill_(value: Tensor): Tensor;
  /** `aten::fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)` */
  fillDiagonal_(fillValue: Scalar, options?: { wrap?: boolean }): Tensor;
  /** `aten::fill_diagonal_(Tensor(a!) self, Scalar fill_value, bool wrap=False) -> Tensor(a!)` */
  fillDiagonal_(fillValue: Scalar, wrap: boolean): Tensor;
  /** `aten::fix(Tensor self) -> Tensor` */
  fix(): Tensor;
  /** `aten::fix_(Tensor(a!) self) -> Tensor(a!)` */
  fix_(): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(options?: { startDim?: Integer; endDim?: Integer }): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(startDim: Integer, options?: { endDim?: Integer }): Tensor;
  /** `aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)` */
  flatten(startDim: Integer, endDim: Integer): Tensor;
  /** `aten::flip(Tensor self, int[] dims) -> Tensor` */
  flip(dims: readonly Integer[]): Tensor;
  /** `aten::flip(Tensor self, int[] dims) -> Tensor` */
  flip(...dims: Integer[]): Tensor;
  /** `aten::fliplr(Tensor self) -> Tensor` */
  fliplr(): Tensor;
  /** `aten::flipud(Tensor self) -> Tensor` */
  flipud(): Tensor;
  /** `aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
  floatPower(exponent: Scalar): Tensor;
  /** `aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
  floatPower(exponent: Tensor): Tensor;
  /** `aten::float_power_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)` */
  floatPower_(exponent: Scalar): Tensor;
  /** `aten::float_power_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)` */
  floatPower_(exponent: Tensor): Tensor;
  /** `aten::floor(Tensor self) -> Tensor` */
  floor(): Tensor;
  /** `aten::floor_(Tensor(a!) self) -> Tensor(a!)` */
  floor_(): Tensor;
  /** `aten::floor_divide(Tensor self, Tensor other) -> Tensor` */
  floorDivide(other: Tensor): Tensor;
  /** `aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  floorDivide(other: Scalar): Tensor;
  /** `aten::floor_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  floorDivide_(other: Scalar): Tensor;
  /** `aten::floor_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  floorDivide_(other: Tensor): Tensor;
  /** `aten::fmax(Tensor self, Tensor other) -> Tensor` */
  fmax(other: Tensor): Tensor;
  /** `aten::fmin(Tensor self, Tensor other) -> Tensor` */
  fmin(other: Tensor): Tensor;
  /** `aten::fmod.Scalar(Tensor self, Scalar other) -> Tensor` */
  fmod(other: Scalar): Tensor;
  /** `aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor` */
  fmod(other: Tensor): Tensor;
  /** `aten::fmod_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  fmod_(other: Scalar): Tensor;
  /** `aten::fmod_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  fmod_(other: Tensor): Tensor;
  /** `aten::frac(Tensor self) -> Tensor` */
  frac(): Tensor;
  /** `aten::frac_(Tensor(a!) self) -> Tensor(a!)` */
  frac_(): Tensor;
  /** `aten::fractional_max_pool2d(Tensor self, int[2] kernel_size, int[2] output_size, Tensor random_samples) -> (Tensor, Tensor)` */
  fractionalMaxPool2d(kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], randomSamples: Tensor): [Tensor, Tensor];
  /** `aten::fractional_max_pool3d(Tensor self, int[3] kernel_size, int[3] output_size, Tensor random_samples) -> (Tensor, Tensor)` */
  fractionalMaxPool3d(kernelSize: Integer | readonly Integer[], outputSize: Integer | readonly Integer[], randomSamples: Tensor): [Tensor, Tensor];
  /** `aten::frexp.Tensor(Tensor self) -> (Tensor mantissa, Tensor exponent)` */
  frexp(): [Tensor, Tensor];
  /** `aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  frobeniusNorm(dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  frobeniusNorm(dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  fullLike(fillValue: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, options?: { perRowFakeQuant?: boolean; symmetricQuant?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, perRowFakeQuant: boolean, options?: { symmetricQuant?: boolean }): Tensor;
  /** `aten::fused_moving_avg_obs_fake_quant(Tensor self, Tensor observer_on, Tensor fake_quant_on, Tensor(a!) running_min, Tensor(b!) running_max, Tensor(c!) scale, Tensor(d!) zero_point, float averaging_const, int quant_min, int quant_max, int ch_axis, bool per_row_fake_quant=False, bool symmetric_quant=False) -> Tensor` */
  fusedMovingAvgObsFakeQuant(observerOn: Tensor, fakeQuantOn: Tensor, runningMin: Tensor, runningMax: Tensor, scale: Tensor, zeroPoint: Tensor, averagingConst: number, quantMin: Integer, quantMax: Integer, chAxis: Integer, perRowFakeQuant: boolean, symmetricQuant: boolean): Tensor;
  /** `aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor` */
  gather(dim: Integer, index: Tensor, options?: { sparseGrad?: boolean }): Tensor;
  /** `aten::gcd(Tensor self, Tensor other) -> Tensor` */
  gcd(other: Tensor): Tensor;
  /** `aten::gcd_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  gcd_(other: Tensor): Tensor;
  /** `aten::ge.Scalar(Tensor self, Scalar other) -> Tensor` */
  ge(other: Scalar): Tensor;
  /** `aten::ge.Tensor(Tensor self, Tensor other) -> Tensor` */
  ge(other: Tensor): Tensor;
  /** `aten::ge_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  ge_(other: Scalar): Tensor;
  /** `aten::ge_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ge_(other: Tensor): Tensor;
  /** `aten::gelu(Tensor self, *, str approximate="none") -> Tensor` */
  gelu(options?: { approximate?: string }): Tensor;
  /** `aten::gelu_(Tensor(a!) self, *, str approximate="none") -> Tensor(a!)` */
  gelu_(options?: { approximate?: string }): Tensor;
  /** `aten::geometric(Tensor self, float p, *, Generator? generator=None) -> Tensor` */
  geometric(p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::geometric_(Tensor(a!) self, float p, *, Generator? generator=None) -> Tensor(a!)` */
  geometric_(p: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::geqrf(Tensor self) -> (Tensor a, Tensor tau)` */
  geqrf(): [Tensor, Tensor];
  /** `aten::ger(Tensor self, Tensor vec2) -> Tensor` */
  ger(vec2: Tensor): Tensor;
  /** `aten::get_device(Tensor self) -> int` */
  getDevice(): number;
  /** `aten::glu(Tensor self, int dim=-1) -> Tensor` */
  glu(options?: { dim?: Integer }): Tensor;
  /** `aten::glu(Tensor self, int dim=-1) -> Tensor` */
  glu(dim: Integer): Tensor;
  /** `aten::gradient.array(Tensor self, *, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(options: { dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalararray(Tensor self, *, Scalar spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(options: { spacing: Scalar; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarint(Tensor self, *, Scalar? spacing=None, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(options?: { spacing?: Scalar | null; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarrayarray(Tensor self, *, Scalar[] spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(options: { spacing: readonly Scalar[]; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.scalarrayint(Tensor self, *, Scalar[] spacing, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(options: { spacing: readonly Scalar[]; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.tensorarray(Tensor self, *, Tensor[] spacing, int[] dim, int edge_order=1) -> Tensor[]` */
  gradient(options: { spacing: readonly Tensor[]; dim: readonly Integer[]; edgeOrder?: Integer }): Tensor[];
  /** `aten::gradient.tensorarrayint(Tensor self, *, Tensor[] spacing, int? dim=None, int edge_order=1) -> Tensor[]` */
  gradient(options: { spacing: readonly Tensor[]; dim?: Integer | null; edgeOrder?: Integer }): Tensor[];
  /** `aten::greater.Scalar(Tensor self, Scalar other) -> Tensor` */
  greater(other: Scalar): Tensor;
  /** `aten::greater.Tensor(Tensor self, Tensor other) -> Tensor` */
  greater(other: Tensor): Tensor;
  /** `aten::greater_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  greater_(other: Scalar): Tensor;
  /** `aten::greater_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  greater_(other: Tensor): Tensor;
  /** `aten::greater_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  greaterEqual(other: Scalar): Tensor;
  /** `aten::greater_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  greaterEqual(other: Tensor): Tensor;
  /** `aten::greater_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  greaterEqual_(other: Scalar): Tensor;
  /** `aten::greater_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  greaterEqual_(other: Tensor): Tensor;
  /** `aten::gt.Scalar(Tensor self, Scalar other) -> Tensor` */
  gt(other: Scalar): Tensor;
  /** `aten::gt.Tensor(Tensor self, Tensor other) -> Tensor` */
  gt(other: Tensor): Tensor;
  /** `aten::gt_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  gt_(other: Scalar): Tensor;
  /** `aten::gt_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  gt_(other: Tensor): Tensor;
  /** `aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  hardshrink(options?: { lambd?: Scalar }): Tensor;
  /** `aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  hardshrink(lambd: Scalar): Tensor;
  /** `aten::hardsigmoid(Tensor self) -> Tensor` */
  hardsigmoid(): Tensor;
  /** `aten::hardsigmoid_(Tensor(a!) self) -> Tensor(a!)` */
  hardsigmoid_(): Tensor;
  /** `aten::hardswish(Tensor self) -> Tensor` */
  hardswish(): Tensor;
  /** `aten::hardswish_(Tensor(a!) self) -> Tensor(a!)` */
  hardswish_(): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(options?: { minVal?: Scalar; maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(minVal: Scalar, options?: { maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor` */
  hardtanh(minVal: Scalar, maxVal: Scalar): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(options?: { minVal?: Scalar; maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(minVal: Scalar, options?: { maxVal?: Scalar }): Tensor;
  /** `aten::hardtanh_(Tensor(a!) self, Scalar min_val=-1, Scalar max_val=1) -> Tensor(a!)` */
  hardtanh_(minVal: Scalar, maxVal: Scalar): Tensor;
  /** `aten::hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor` */
  hashTensor(options?: { dim?: Integer | readonly Integer[]; keepdim?: boolean; mode?: Integer }): Tensor;
  /** `aten::hash_tensor(Tensor self, int[1] dim=[], *, bool keepdim=False, int mode=0) -> Tensor` */
  hashTensor(dim: Integer | readonly Integer[], options?: { keepdim?: boolean; mode?: Integer }): Tensor;
  /** `aten::heaviside(Tensor self, Tensor values) -> Tensor` */
  heaviside(values: Tensor): Tensor;
  /** `aten::heaviside_(Tensor(a!) self, Tensor values) -> Tensor(a!)` */
  heaviside_(values: Tensor): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(target: Tensor, options?: { margin?: number; reduction?: Integer }): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(target: Tensor, margin: number, options?: { reduction?: Integer }): Tensor;
  /** `aten::hinge_embedding_loss(Tensor self, Tensor target, float margin=1., int reduction=1) -> Tensor` */
  hingeEmbeddingLoss(target: Tensor, margin: number, reduction: Integer): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(options?: { bins?: Integer; min?: Scalar; max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(bins: Integer, options?: { min?: Scalar; max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(bins: Integer, min: Scalar, options?: { max?: Scalar }): Tensor;
  /** `aten::histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor` */
  histc(bins: Integer, min: Scalar, max: Scalar): Tensor;
  /** `aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(options?: { bins?: Integer; range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogram.bin_ct(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(bins: Integer, options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogram.bins_tensor(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor bin_edges)` */
  histogram(bins: Tensor, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Integer[], options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Integer[], range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Integer[], range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd(Tensor self, int[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Integer[], range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Tensor[], options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Tensor[], range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Tensor[], range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.TensorList_bins(Tensor self, Tensor[] bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: readonly Tensor[], range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: Integer, options?: { range?: readonly number[] | null; weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: Integer, range: readonly number[] | null, options?: { weight?: Tensor | null; density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: Integer, range: readonly number[] | null, weight: Tensor | null, options?: { density?: boolean }): [Tensor, Tensor[]];
  /** `aten::histogramdd.int_bins(Tensor self, int bins, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor[] bin_edges)` */
  histogramdd(bins: Integer, range: readonly number[] | null, weight: Tensor | null, density: boolean): [Tensor, Tensor[]];
  /** `aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  hsplit(indices: readonly Integer[]): Tensor[];
  /** `aten::hsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  hsplit(...indices: Integer[]): Tensor[];
  /** `aten::hsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  hsplit(sections: Integer): Tensor[];
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(target: Tensor, options?: { reduction?: Integer; delta?: number }): Tensor;
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(target: Tensor, reduction: Integer, options?: { delta?: number }): Tensor;
  /** `aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor` */
  huberLoss(target: Tensor, reduction: Integer, delta: number): Tensor;
  /** `aten::hypot(Tensor self, Tensor other) -> Tensor` */
  hypot(other: Tensor): Tensor;
  /** `aten::hypot_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  hypot_(other: Tensor): Tensor;
  /** `aten::i0(Tensor self) -> Tensor` */
  i0(): Tensor;
  /** `aten::i0_(Tensor(a!) self) -> Tensor(a!)` */
  i0_(): Tensor;
  /** `aten::igamma(Tensor self, Tensor other) -> Tensor` */
  igamma(other: Tensor): Tensor;
  /** `aten::igamma_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  igamma_(other: Tensor): Tensor;
  /** `aten::igammac(Tensor self, Tensor other) -> Tensor` */
  igammac(other: Tensor): Tensor;
  /** `aten::igammac_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  igammac_(other: Tensor): Tensor;
  /** `aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor` */
  im2col(kernelSize: Integer | readonly Integer[], dilation: Integer | readonly Integer[], padding: Integer | readonly Integer[], stride: Integer | readonly Integer[]): Tensor;
  /** `aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor` */
  indexAdd(dim: Integer, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::index_add_(Tensor(a!) self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor(a!)` */
  indexAdd_(dim: Integer, index: Tensor, source: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor` */
  indexCopy(dim: Integer, index: Tensor, source: Tensor): Tensor;
  /** `aten::index_copy_(Tensor(a!) self, int dim, Tensor index, Tensor source) -> Tensor(a!)` */
  indexCopy_(dim: Integer, index: Tensor, source: Tensor): Tensor;
  /** `aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor` */
  indexFill(dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor` */
  indexFill(dim: Integer, index: Tensor, value: Tensor): Tensor;
  /** `aten::index_fill_.int_Scalar(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
  indexFill_(dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::index_fill_.int_Tensor(Tensor(a!) self, int dim, Tensor index, Tensor value) -> Tensor(a!)` */
  indexFill_(dim: Integer, index: Tensor, value: Tensor): Tensor;
  /** `aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor` */
  indexPut(indices: readonly (Tensor | null)[], values: Tensor, options?: { accumulate?: boolean }): Tensor;
  /** `aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor` */
  indexPut(indices: readonly (Tensor | null)[], values: Tensor, accumulate: boolean): Tensor;
  /** `aten::index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor` */
  indexReduce(dim: Integer, index: Tensor, source: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::index_reduce_(Tensor(a!) self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor(a!)` */
  indexReduce_(dim: Integer, index: Tensor, source: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::index_select(Tensor self, int dim, Tensor index) -> Tensor` */
  indexSelect(dim: Integer, index: Tensor): Tensor;
  /** `aten::indices(Tensor(a) self) -> Tensor(a)` */
  indices(): Tensor;
  /** `aten::indices_copy(Tensor self) -> Tensor` */
  indicesCopy(): Tensor;
  /** `aten::inner(Tensor self, Tensor other) -> Tensor` */
  inner(other: Tensor): Tensor;
  /** `aten::int_repr(Tensor self) -> Tensor` */
  intRepr(): Tensor;
  /** `aten::inverse(Tensor self) -> Tensor` */
  inverse(): Tensor;
  /** `aten::is_coalesced(Tensor self) -> bool` */
  isCoalesced(): boolean;
  /** `aten::is_complex(Tensor self) -> bool` */
  isComplex(): boolean;
  /** `aten::is_conj(Tensor self) -> bool` */
  isConj(): boolean;
  /** `aten::is_contiguous(Tensor self) -> bool` */
  isContiguous(): boolean;
  /** `aten::is_contiguous.memory_format(Tensor self, MemoryFormat memory_format) -> bool` */
  isContiguous(memoryFormat: MemoryFormat): boolean;
  /** `aten::is_distributed(Tensor self) -> bool` */
  isDistributed(): boolean;
  /** `aten::is_floating_point(Tensor self) -> bool` */
  isFloatingPoint(): boolean;
  /** `aten::is_inference(Tensor self) -> bool` */
  isInference(): boolean;
  /** `aten::is_neg(Tensor self) -> bool` */
  isNeg(): boolean;
  /** `aten::is_nonzero(Tensor self) -> bool` */
  isNonzero(): boolean;
  /** `aten::is_pinned(Tensor self, Device? device=None) -> bool` */
  isPinned(options?: { device?: string | null }): boolean;
  /** `aten::is_pinned(Tensor self, Device? device=None) -> bool` */
  isPinned(device: string | null): boolean;
  /** `aten::is_same_size(Tensor self, Tensor other) -> bool` */
  isSameSize(other: Tensor): boolean;
  /** `aten::is_set_to(Tensor self, Tensor tensor) -> bool` */
  isSetTo(tensor: Tensor): boolean;
  /** `aten::is_signed(Tensor self) -> bool` */
  isSigned(): boolean;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(other: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(other: Tensor, rtol: number, options?: { atol?: number; equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(other: Tensor, rtol: number, atol: number, options?: { equalNan?: boolean }): Tensor;
  /** `aten::isclose(Tensor self, Tensor other, float rtol=1.0000000000000001e-05, float atol=1e-08, bool equal_nan=False) -> Tensor` */
  isclose(other: Tensor, rtol: number, atol: number, equalNan: boolean): Tensor;
  /** `aten::isfinite(Tensor self) -> Tensor` */
  isfinite(): Tensor;
  /** `aten::isinf(Tensor self) -> Tensor` */
  isinf(): Tensor;
  /** `aten::isnan(Tensor self) -> Tensor` */
  isnan(): Tensor;
  /** `aten::isneginf(Tensor self) -> Tensor` */
  isneginf(): Tensor;
  /** `aten::isposinf(Tensor self) -> Tensor` */
  isposinf(): Tensor;
  /** `aten::isreal(Tensor self) -> Tensor` */
  isreal(): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { center?: boolean; normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, options?: { normalized?: boolean; onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, options?: { onesided?: boolean | null; length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, options?: { length?: Integer | null; returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, length: Integer | null, options?: { returnComplex?: boolean }): Tensor;
  /** `aten::istft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, bool normalized=False, bool? onesided=None, int? length=None, bool return_complex=False) -> Tensor` */
  istft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, normalized: boolean, onesided: boolean | null, length: Integer | null, returnComplex: boolean): Tensor;
  /** `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
  klDiv(target: Tensor, options?: { reduction?: Integer; logTarget?: boolean }): Tensor;
  /** `aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor` */
  klDiv(target: Tensor, reduction: Integer, options?: { logTarget?: boolean }): Tensor;
  /** `aten::kron(Tensor self, Tensor other) -> Tensor` */
  kron(other: Tensor): Tensor;
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(k: Integer, options?: { dim?: Integer; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(k: Integer, dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  kthvalue(k: Integer, dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  l1Loss(target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  l1Loss(target: Tensor, reduction: Integer): Tensor;
  /** `aten::lcm(Tensor self, Tensor other) -> Tensor` */
  lcm(other: Tensor): Tensor;
  /** `aten::lcm_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lcm_(other: Tensor): Tensor;
  /** `aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor` */
  ldexp(other: Tensor): Tensor;
  /** `aten::ldexp_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ldexp_(other: Tensor): Tensor;
  /** `aten::le.Scalar(Tensor self, Scalar other) -> Tensor` */
  le(other: Scalar): Tensor;
  /** `aten::le.Tensor(Tensor self, Tensor other) -> Tensor` */
  le(other: Tensor): Tensor;
  /** `aten::le_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  le_(other: Scalar): Tensor;
  /** `aten::le_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  le_(other: Tensor): Tensor;
  /** `aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor` */
  leakyRelu(options?: { negativeSlope?: Scalar }): Tensor;
  /** `aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor` */
  leakyRelu(negativeSlope: Scalar): Tensor;
  /** `aten::leaky_relu_(Tensor(a!) self, Scalar negative_slope=0.01) -> Tensor(a!)` */
  leakyRelu_(options?: { negativeSlope?: Scalar }): Tensor;
  /** `aten::leaky_relu_(Tensor(a!) self, Scalar negative_slope=0.01) -> Tensor(a!)` */
  leakyRelu_(negativeSlope: Scalar): Tensor;
  /** `aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor` */
  lerp(end: Tensor, weight: Scalar): Tensor;
  /** `aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor` */
  lerp(end: Tensor, weight: Tensor): Tensor;
  /** `aten::lerp_.Scalar(Tensor(a!) self, Tensor end, Scalar weight) -> Tensor(a!)` */
  lerp_(end: Tensor, weight: Scalar): Tensor;
  /** `aten::lerp_.Tensor(Tensor(a!) self, Tensor end, Tensor weight) -> Tensor(a!)` */
  lerp_(end: Tensor, weight: Tensor): Tensor;
  /** `aten::less.Scalar(Tensor self, Scalar other) -> Tensor` */
  less(other: Scalar): Tensor;
  /** `aten::less.Tensor(Tensor self, Tensor other) -> Tensor` */
  less(other: Tensor): Tensor;
  /** `aten::less_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  less_(other: Scalar): Tensor;
  /** `aten::less_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  less_(other: Tensor): Tensor;
  /** `aten::less_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  lessEqual(other: Scalar): Tensor;
  /** `aten::less_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  lessEqual(other: Tensor): Tensor;
  /** `aten::less_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  lessEqual_(other: Scalar): Tensor;
  /** `aten::less_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lessEqual_(other: Tensor): Tensor;
  /** `aten::lgamma(Tensor self) -> Tensor` */
  lgamma(): Tensor;
  /** `aten::lgamma_(Tensor(a!) self) -> Tensor(a!)` */
  lgamma_(): Tensor;
  /** `aten::lift(Tensor self) -> Tensor` */
  lift(): Tensor;
  /** `aten::lift_fresh(Tensor(a) self) -> Tensor(a)` */
  liftFresh(): Tensor;
  /** `aten::lift_fresh_copy(Tensor self) -> Tensor` */
  liftFreshCopy(): Tensor;
  /** `aten::linear_backward(Tensor self, Tensor grad_output, Tensor weight, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  linearBackward(gradOutput: Tensor, weight: Tensor, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::log(Tensor self) -> Tensor` */
  log(): Tensor;
  /** `aten::log10(Tensor self) -> Tensor` */
  log10(): Tensor;
  /** `aten::log10_(Tensor(a!) self) -> Tensor(a!)` */
  log10_(): Tensor;
  /** `aten::log1p(Tensor self) -> Tensor` */
  log1p(): Tensor;
  /** `aten::log1p_(Tensor(a!) self) -> Tensor(a!)` */
  log1p_(): Tensor;
  /** `aten::log2(Tensor self) -> Tensor` */
  log2(): Tensor;
  /** `aten::log2_(Tensor(a!) self) -> Tensor(a!)` */
  log2_(): Tensor;
  /** `aten::log_(Tensor(a!) self) -> Tensor(a!)` */
  log_(): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal(Tensor self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor` */
  logNormal(mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::log_normal_(Tensor(a!) self, float mean=1., float std=2., *, Generator? generator=None) -> Tensor(a!)` */
  logNormal_(mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::log_sigmoid(Tensor self) -> Tensor` */
  logSigmoid(): Tensor;
  /** `aten::log_sigmoid_forward(Tensor self) -> (Tensor output, Tensor buffer)` */
  logSigmoidForward(): [Tensor, Tensor];
  /** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  logSoftmax(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  logSoftmax(dim: Integer, dtype: DType | null): Tensor;
  /** `aten::logaddexp(Tensor self, Tensor other) -> Tensor` */
  logaddexp(other: Tensor): Tensor;
  /** `aten::logaddexp2(Tensor self, Tensor other) -> Tensor` */
  logaddexp2(other: Tensor): Tensor;
  /** `aten::logcumsumexp(Tensor self, int dim) -> Tensor` */
  logcumsumexp(dim: Integer): Tensor;
  /** `aten::logdet(Tensor self) -> Tensor` */
  logdet(): Tensor;
  /** `aten::logical_and(Tensor self, Tensor other) -> Tensor` */
  logicalAnd(other: Tensor): Tensor;
  /** `aten::logical_and_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalAnd_(other: Tensor): Tensor;
  /** `aten::logical_not(Tensor self) -> Tensor` */
  logicalNot(): Tensor;
  /** `aten::logical_not_(Tensor(a!) self) -> Tensor(a!)` */
  logicalNot_(): Tensor;
  /** `aten::logical_or(Tensor self, Tensor other) -> Tensor` */
  logicalOr(other: Tensor): Tensor;
  /** `aten::logical_or_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalOr_(other: Tensor): Tensor;
  /** `aten::logical_xor(Tensor self, Tensor other) -> Tensor` */
  logicalXor(other: Tensor): Tensor;
  /** `aten::logical_xor_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  logicalXor_(other: Tensor): Tensor;
  /** `aten::logit(Tensor self, float? eps=None) -> Tensor` */
  logit(options?: { eps?: number | null }): Tensor;
  /** `aten::logit(Tensor self, float? eps=None) -> Tensor` */
  logit(eps: number | null): Tensor;
  /** `aten::logit_(Tensor(a!) self, float? eps=None) -> Tensor(a!)` */
  logit_(options?: { eps?: number | null }): Tensor;
  /** `aten::logit_(Tensor(a!) self, float? eps=None) -> Tensor(a!)` */
  logit_(eps: number | null): Tensor;
  /** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  logsumexp(dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor` */
  logsumexp(dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::lt.Scalar(Tensor self, Scalar other) -> Tensor` */
  lt(other: Scalar): Tensor;
  /** `aten::lt.Tensor(Tensor self, Tensor other) -> Tensor` */
  lt(other: Tensor): Tensor;
  /** `aten::lt_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  lt_(other: Scalar): Tensor;
  /** `aten::lt_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  lt_(other: Tensor): Tensor;
  /** `aten::lu_solve(Tensor self, Tensor LU_data, Tensor LU_pivots) -> Tensor` */
  luSolve(LUData: Tensor, LUPivots: Tensor): Tensor;
  /** `aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor` */
  maskedFill(mask: Tensor, value: Scalar): Tensor;
  /** `aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor` */
  maskedFill(mask: Tensor, value: Tensor): Tensor;
  /** `aten::masked_fill_.Scalar(Tensor(a!) self, Tensor mask, Scalar value) -> Tensor(a!)` */
  maskedFill_(mask: Tensor, value: Scalar): Tensor;
  /** `aten::masked_fill_.Tensor(Tensor(a!) self, Tensor mask, Tensor value) -> Tensor(a!)` */
  maskedFill_(mask: Tensor, value: Tensor): Tensor;
  /** `aten::masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor` */
  maskedScatter(mask: Tensor, source: Tensor): Tensor;
  /** `aten::masked_scatter_(Tensor(a!) self, Tensor mask, Tensor source) -> Tensor(a!)` */
  maskedScatter_(mask: Tensor, source: Tensor): Tensor;
  /** `aten::masked_select(Tensor self, Tensor mask) -> Tensor` */
  maskedSelect(mask: Tensor): Tensor;
  /** `aten::matmul(Tensor self, Tensor other) -> Tensor` */
  matmul(other: Tensor): Tensor;
  /** `aten::matrix_exp(Tensor self) -> Tensor` */
  matrixExp(): Tensor;
  /** `aten::matrix_exp_backward(Tensor self, Tensor grad) -> Tensor` */
  matrixExpBackward(grad: Tensor): Tensor;
  /** `aten::matrix_power(Tensor self, int n) -> Tensor` */
  matrixPower(n: Integer): Tensor;
  /** `aten::max(Tensor self) -> Tensor` */
  max(): Tensor;
  /** `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  max(dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  max(dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::max.other(Tensor self, Tensor other) -> Tensor` */
  max(other: Tensor): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  maxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool1dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool2dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  maxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): [Tensor, Tensor];
  /** `aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)` */
  maxPool3dWithIndices(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): [Tensor, Tensor];
  /** `aten::max_unpool2d(Tensor self, Tensor indices, SymInt[2] output_size) -> Tensor` */
  maxUnpool2d(indices: Tensor, outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::max_unpool3d(Tensor self, Tensor indices, SymInt[3] output_size, int[3] stride, int[3] padding) -> Tensor` */
  maxUnpool3d(indices: Tensor, outputSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::maximum(Tensor self, Tensor other) -> Tensor` */
  maximum(other: Tensor): Tensor;
  /** `aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  mean(options?: { dtype?: DType | null }): Tensor;
  /** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  mean(dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  mean(dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::median(Tensor self) -> Tensor` */
  median(): Tensor;
  /** `aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  median(dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  median(dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::min(Tensor self) -> Tensor` */
  min(): Tensor;
  /** `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  min(dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  min(dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::min.other(Tensor self, Tensor other) -> Tensor` */
  min(other: Tensor): Tensor;
  /** `aten::minimum(Tensor self, Tensor other) -> Tensor` */
  minimum(other: Tensor): Tensor;
  /** `aten::miopen_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenConvolution(weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::miopen_convolution_add_relu(Tensor self, Tensor weight, Tensor z, Scalar? alpha, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  miopenConvolutionAddRelu(weight: Tensor, z: Tensor, alpha: Scalar | null, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::miopen_convolution_relu(Tensor self, Tensor weight, Tensor? bias, SymInt[] stride, SymInt[] padding, SymInt[] dilation, SymInt groups) -> Tensor` */
  miopenConvolutionRelu(weight: Tensor, bias: Tensor | null, stride: readonly Integer[], padding: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::miopen_convolution_transpose(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenConvolutionTranspose(weight: Tensor, bias: Tensor | null, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::miopen_depthwise_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool benchmark, bool deterministic) -> Tensor` */
  miopenDepthwiseConvolution(weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, benchmark: boolean, deterministic: boolean): Tensor;
  /** `aten::mish(Tensor self) -> Tensor` */
  mish(): Tensor;
  /** `aten::mish_(Tensor(a!) self) -> Tensor(a!)` */
  mish_(): Tensor;
  /** `aten::mkldnn_adaptive_avg_pool2d(Tensor self, int[2] output_size) -> Tensor` */
  mkldnnAdaptiveAvgPool2d(outputSize: Integer | readonly Integer[]): Tensor;
  /** `aten::mkldnn_convolution(Tensor self, Tensor weight, Tensor? bias, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups) -> Tensor` */
  mkldnnConvolution(weight: Tensor, bias: Tensor | null, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer): Tensor;
  /** `aten::mkldnn_linear(Tensor self, Tensor weight, Tensor? bias=None) -> Tensor` */
  mkldnnLinear(weight: Tensor, options?: { bias?: Tensor | null }): Tensor;
  /** `aten::mkldnn_linear(Tensor self, Tensor weight, Tensor? bias=None) -> Tensor` */
  mkldnnLinear(weight: Tensor, bias: Tensor | null): Tensor;
  /** `aten::mkldnn_linear_backward(Tensor self, Tensor grad_output, Tensor weight, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  mkldnnLinearBackward(gradOutput: Tensor, weight: Tensor, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::mkldnn_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  mkldnnMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(options?: { padding?: Integer | readonly Integer[]; stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(padding: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, options?: { inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv2d_weight(Tensor self, SymInt[2] padding=[0, 0], SymInt[2] stride=[1, 1], SymInt[2] dilation=[1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv2dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, inputSize: readonly Integer[] | null): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(options?: { padding?: Integer | readonly Integer[]; stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(padding: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { groups?: Integer; inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, options?: { inputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::mkldnn_reorder_conv3d_weight(Tensor self, SymInt[3] padding=[0, 0, 0], SymInt[3] stride=[1, 1, 1], SymInt[3] dilation=[1, 1, 1], SymInt groups=1, SymInt[]? input_size=None) -> Tensor` */
  mkldnnReorderConv3dWeight(padding: Integer | readonly Integer[], stride: Integer | readonly Integer[], dilation: Integer | readonly Integer[], groups: Integer, inputSize: readonly Integer[] | null): Tensor;
  /** `aten::mm(Tensor self, Tensor mat2) -> Tensor` */
  mm(mat2: Tensor): Tensor;
  /** `aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor` */
  mm(mat2: Tensor, outDtype: DType): Tensor;
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(options?: { dim?: Integer; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  mode(dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)` */
  moveaxis(source: Integer, destination: Integer): Tensor;
  /** `aten::moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)` */
  moveaxis(source: readonly Integer[], destination: readonly Integer[]): Tensor;
  /** `aten::movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)` */
  movedim(source: Integer, destination: Integer): Tensor;
  /** `aten::movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)` */
  movedim(source: readonly Integer[], destination: readonly Integer[]): Tensor;
  /** `aten::mps_convolution_backward(Tensor self, Tensor grad_output, Tensor weight, SymInt[] padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool[3] output_mask) -> (Tensor, Tensor, Tensor)` */
  mpsConvolutionBackward(gradOutput: Tensor, weight: Tensor, padding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor, Tensor];
  /** `aten::mps_convolution_transpose_backward(Tensor self, Tensor grad_output, Tensor weight, SymInt[] padding, SymInt[] output_padding, SymInt[] stride, SymInt[] dilation, SymInt groups, bool[2] output_mask) -> (Tensor, Tensor)` */
  mpsConvolutionTransposeBackward(gradOutput: Tensor, weight: Tensor, padding: readonly Integer[], outputPadding: readonly Integer[], stride: readonly Integer[], dilation: readonly Integer[], groups: Integer, outputMask: boolean | readonly boolean[]): [Tensor, Tensor];
  /** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  mseLoss(target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  mseLoss(target: Tensor, reduction: Integer): Tensor;
  /** `aten::msort(Tensor self) -> Tensor` */
  msort(): Tensor;
  /** `aten::mul.Scalar(Tensor self, Scalar other) -> Tensor` */
  mul(other: Scalar): Tensor;
  /** `aten::mul.Tensor(Tensor self, Tensor other) -> Tensor` */
  mul(other: Tensor): Tensor;
  /** `aten::mul_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  mul_(other: Scalar): Tensor;
  /** `aten::mul_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  mul_(other: Tensor): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(target: Tensor, options?: { p?: Scalar; margin?: Scalar; weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(target: Tensor, p: Scalar, options?: { margin?: Scalar; weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(target: Tensor, p: Scalar, margin: Scalar, options?: { weight?: Tensor | null; reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, options?: { reduction?: Integer }): Tensor;
  /** `aten::multi_margin_loss(Tensor self, Tensor target, Scalar p=1, Scalar margin=1, Tensor? weight=None, int reduction=1) -> Tensor` */
  multiMarginLoss(target: Tensor, p: Scalar, margin: Scalar, weight: Tensor | null, reduction: Integer): Tensor;
  /** `aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  multilabelMarginLoss(target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::multilabel_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  multilabelMarginLoss(target: Tensor, reduction: Integer): Tensor;
  /** `aten::multilabel_margin_loss_forward(Tensor self, Tensor target, int reduction) -> (Tensor output, Tensor is_target)` */
  multilabelMarginLossForward(target: Tensor, reduction: Integer): [Tensor, Tensor];
  /** `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
  multinomial(numSamples: Integer, options?: { replacement?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::multinomial(Tensor self, SymInt num_samples, bool replacement=False, *, Generator? generator=None) -> Tensor` */
  multinomial(numSamples: Integer, replacement: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::multiply.Scalar(Tensor self, Scalar other) -> Tensor` */
  multiply(other: Scalar): Tensor;
  /** `aten::multiply.Tensor(Tensor self, Tensor other) -> Tensor` */
  multiply(other: Tensor): Tensor;
  /** `aten::multiply_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  multiply_(other: Scalar): Tensor;
  /** `aten::multiply_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  multiply_(other: Tensor): Tensor;
  /** `aten::mv(Tensor self, Tensor vec) -> Tensor` */
  mv(vec: Tensor): Tensor;
  /** `aten::mvlgamma(Tensor self, int p) -> Tensor` */
  mvlgamma(p: Integer): Tensor;
  /** `aten::mvlgamma_(Tensor(a!) self, int p) -> Tensor(a!)` */
  mvlgamma_(p: Integer): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor;
  /** `aten::nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor` */
  nanToNum(nan: number | null, posinf: number | null, neginf: number | null): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(options?: { nan?: number | null; posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(nan: number | null, options?: { posinf?: number | null; neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(nan: number | null, posinf: number | null, options?: { neginf?: number | null }): Tensor;
  /** `aten::nan_to_num_(Tensor(a!) self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor(a!)` */
  nanToNum_(nan: number | null, posinf: number | null, neginf: number | null): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nanmean(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nanmean(dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::nanmedian(Tensor self) -> Tensor` */
  nanmedian(): Tensor;
  /** `aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  nanmedian(dim: Integer, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)` */
  nanmedian(dim: Integer, keepdim: boolean): [Tensor, Tensor];
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: Tensor, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: Tensor, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: Tensor, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: number, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: number, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::nanquantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  nanquantile(q: number, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(options?: { dim?: Integer | readonly Integer[] | null; keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::nansum(Tensor self, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  nansum(dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::narrow(Tensor(a) self, int dim, SymInt start, SymInt length) -> Tensor(a)` */
  narrow(dim: Integer, start: Integer, length: Integer): Tensor;
  /** `aten::narrow.Tensor(Tensor(a) self, int dim, Tensor start, SymInt length) -> Tensor(a)` */
  narrow(dim: Integer, start: Tensor, length: Integer): Tensor;
  /** `aten::narrow_copy(Tensor self, int dim, SymInt start, SymInt length) -> Tensor` */
  narrowCopy(dim: Integer, start: Integer, length: Integer): Tensor;
  /** `aten::native_channel_shuffle(Tensor self, SymInt groups) -> Tensor` */
  nativeChannelShuffle(groups: Integer): Tensor;
  /** `aten::native_norm(Tensor self, Scalar p=2) -> Tensor` */
  nativeNorm(options?: { p?: Scalar }): Tensor;
  /** `aten::native_norm(Tensor self, Scalar p=2) -> Tensor` */
  nativeNorm(p: Scalar): Tensor;
  /** `aten::native_norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, ScalarType? dtype) -> Tensor` */
  nativeNorm(p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean, dtype: DType | null): Tensor;
  /** `aten::ne.Scalar(Tensor self, Scalar other) -> Tensor` */
  ne(other: Scalar): Tensor;
  /** `aten::ne.Tensor(Tensor self, Tensor other) -> Tensor` */
  ne(other: Tensor): Tensor;
  /** `aten::ne_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  ne_(other: Scalar): Tensor;
  /** `aten::ne_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  ne_(other: Tensor): Tensor;
  /** `aten::neg(Tensor self) -> Tensor` */
  neg(): Tensor;
  /** `aten::neg_(Tensor(a!) self) -> Tensor(a!)` */
  neg_(): Tensor;
  /** `aten::negative(Tensor self) -> Tensor` */
  negative(): Tensor;
  /** `aten::negative_(Tensor(a!) self) -> Tensor(a!)` */
  negative_(): Tensor;
  /** `aten::nested_to_padded_tensor(Tensor self, float padding, int[]? output_size=None) -> Tensor` */
  nestedToPaddedTensor(padding: number, options?: { outputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::nested_to_padded_tensor(Tensor self, float padding, int[]? output_size=None) -> Tensor` */
  nestedToPaddedTensor(padding: number, outputSize: readonly Integer[] | null): Tensor;
  /** `aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmpty(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_empty(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmpty(...size: Integer[]): Tensor;
  /** `aten::new_empty_strided(Tensor self, SymInt[] size, SymInt[] stride, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newEmptyStrided(size: readonly Integer[], stride: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_full(Tensor self, SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newFull(size: readonly Integer[], fillValue: Scalar, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newOnes(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_ones(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newOnes(...size: Integer[]): Tensor;
  /** `aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newZeros(size: readonly Integer[], options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; requiresGrad?: boolean }): Tensor;
  /** `aten::new_zeros(Tensor self, SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor` */
  newZeros(...size: Integer[]): Tensor;
  /** `aten::nextafter(Tensor self, Tensor other) -> Tensor` */
  nextafter(other: Tensor): Tensor;
  /** `aten::nextafter_(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  nextafter_(other: Tensor): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss2d(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLoss2d(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nll_loss2d_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)` */
  nllLoss2dForward(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): [Tensor, Tensor];
  /** `aten::nll_loss_forward(Tensor self, Tensor target, Tensor? weight, int reduction, SymInt ignore_index) -> (Tensor output, Tensor total_weight)` */
  nllLossForward(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): [Tensor, Tensor];
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(target: Tensor, options?: { weight?: Tensor | null; reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(target: Tensor, weight: Tensor | null, options?: { reduction?: Integer; ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(target: Tensor, weight: Tensor | null, reduction: Integer, options?: { ignoreIndex?: Integer }): Tensor;
  /** `aten::nll_loss_nd(Tensor self, Tensor target, Tensor? weight=None, int reduction=1, SymInt ignore_index=-100) -> Tensor` */
  nllLossNd(target: Tensor, weight: Tensor | null, reduction: Integer, ignoreIndex: Integer): Tensor;
  /** `aten::nonzero(Tensor self) -> Tensor` */
  nonzero(): Tensor;
  /** `aten::nonzero_numpy(Tensor self) -> Tensor[]` */
  nonzeroNumpy(): Tensor[];
  /** `aten::nonzero_static(Tensor self, *, SymInt size, int fill_value=-1) -> Tensor` */
  nonzeroStatic(options: { size: Integer; fillValue?: Integer }): Tensor;
  /** `aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor` */
  norm(options?: { p?: Scalar }): Tensor;
  /** `aten::norm.Scalar(Tensor self, Scalar p=2) -> Tensor` */
  norm(p: Scalar): Tensor;
  /** `aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor` */
  norm(p: Scalar | null, dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::norm.ScalarOpt_dim(Tensor self, Scalar? p, int[1] dim, bool keepdim=False) -> Tensor` */
  norm(p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::norm.ScalarOpt_dim_dtype(Tensor self, Scalar? p, int[1] dim, bool keepdim, *, ScalarType dtype) -> Tensor` */
  norm(p: Scalar | null, dim: Integer | readonly Integer[], keepdim: boolean, options: { dtype: DType }): Tensor;
  /** `aten::norm.ScalarOpt_dtype(Tensor self, Scalar? p, *, ScalarType dtype) -> Tensor` */
  norm(p: Scalar | null, options: { dtype: DType }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_(Tensor(a!) self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor(a!)` */
  normal_(mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(options?: { mean?: number; std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(mean: number, options?: { std?: number; generator?: Generator | null }): Tensor;
  /** `aten::normal_functional(Tensor self, float mean=0., float std=1., *, Generator? generator=None) -> Tensor` */
  normalFunctional(mean: number, std: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::not_equal.Scalar(Tensor self, Scalar other) -> Tensor` */
  notEqual(other: Scalar): Tensor;
  /** `aten::not_equal.Tensor(Tensor self, Tensor other) -> Tensor` */
  notEqual(other: Tensor): Tensor;
  /** `aten::not_equal_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  notEqual_(other: Scalar): Tensor;
  /** `aten::not_equal_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  notEqual_(other: Tensor): Tensor;
  /** `aten::nuclear_norm(Tensor self, bool keepdim=False) -> Tensor` */
  nuclearNorm(options?: { keepdim?: boolean }): Tensor;
  /** `aten::nuclear_norm(Tensor self, bool keepdim=False) -> Tensor` */
  nuclearNorm(keepdim: boolean): Tensor;
  /** `aten::nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor` */
  nuclearNorm(dim: Integer | readonly Integer[], options?: { keepdim?: boolean }): Tensor;
  /** `aten::nuclear_norm.dim(Tensor self, int[2] dim, bool keepdim=False) -> Tensor` */
  nuclearNorm(dim: Integer | readonly Integer[], keepdim: boolean): Tensor;
  /** `aten::numel(Tensor self) -> int` */
  numel(): number;
  /** `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
  oneHot(options?: { numClasses?: Integer }): Tensor;
  /** `aten::one_hot(Tensor self, int num_classes=-1) -> Tensor` */
  oneHot(numClasses: Integer): Tensor;
  /** `aten::ones_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  onesLike(options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::orgqr(Tensor self, Tensor input2) -> Tensor` */
  orgqr(input2: Tensor): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(input2: Tensor, input3: Tensor, options?: { left?: boolean; transpose?: boolean }): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(input2: Tensor, input3: Tensor, left: boolean, options?: { transpose?: boolean }): Tensor;
  /** `aten::ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor` */
  ormqr(input2: Tensor, input3: Tensor, left: boolean, transpose: boolean): Tensor;
  /** `aten::outer(Tensor self, Tensor vec2) -> Tensor` */
  outer(vec2: Tensor): Tensor;
  /** `aten::output_nr(Tensor self) -> int` */
  outputNr(): number;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(pad: readonly Integer[], options?: { mode?: string; value?: number | null }): Tensor;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(pad: readonly Integer[], mode: string, options?: { value?: number | null }): Tensor;
  /** `aten::pad(Tensor self, SymInt[] pad, str mode="constant", float? value=None) -> Tensor` */
  pad(pad: readonly Integer[], mode: string, value: number | null): Tensor;
  /** `aten::pdist(Tensor self, float p=2.) -> Tensor` */
  pdist(options?: { p?: number }): Tensor;
  /** `aten::pdist(Tensor self, float p=2.) -> Tensor` */
  pdist(p: number): Tensor;
  /** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
  permute(dims: readonly Integer[]): Tensor;
  /** `aten::permute(Tensor(a) self, int[] dims) -> Tensor(a)` */
  permute(...dims: Integer[]): Tensor;
  /** `aten::permute_copy(Tensor self, int[] dims) -> Tensor` */
  permuteCopy(dims: readonly Integer[]): Tensor;
  /** `aten::permute_copy(Tensor self, int[] dims) -> Tensor` */
  permuteCopy(...dims: Integer[]): Tensor;
  /** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
  pinMemory(options?: { device?: string | null }): Tensor;
  /** `aten::pin_memory(Tensor(a) self, Device? device=None) -> Tensor(a)` */
  pinMemory(device: string | null): Tensor;
  /** `aten::pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor` */
  pinverse(options?: { rcond?: number }): Tensor;
  /** `aten::pinverse(Tensor self, float rcond=1.0000000000000001e-15) -> Tensor` */
  pinverse(rcond: number): Tensor;
  /** `aten::pixel_shuffle(Tensor self, int upscale_factor) -> Tensor` */
  pixelShuffle(upscaleFactor: Integer): Tensor;
  /** `aten::pixel_unshuffle(Tensor self, int downscale_factor) -> Tensor` */
  pixelUnshuffle(downscaleFactor: Integer): Tensor;
  /** `aten::poisson(Tensor self, Generator? generator=None) -> Tensor` */
  poisson(options?: { generator?: Generator | null }): Tensor;
  /** `aten::poisson(Tensor self, Generator? generator=None) -> Tensor` */
  poisson(generator: Generator | null): Tensor;
  /** `aten::polygamma_(Tensor(a!) self, int n) -> Tensor(a!)` */
  polygamma_(n: Integer): Tensor;
  /** `aten::positive(Tensor(a) self) -> Tensor(a)` */
  positive(): Tensor;
  /** `aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor` */
  pow(exponent: Scalar): Tensor;
  /** `aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor` */
  pow(exponent: Tensor): Tensor;
  /** `aten::pow_.Scalar(Tensor(a!) self, Scalar exponent) -> Tensor(a!)` */
  pow_(exponent: Scalar): Tensor;
  /** `aten::pow_.Tensor(Tensor(a!) self, Tensor exponent) -> Tensor(a!)` */
  pow_(exponent: Tensor): Tensor;
  /** `aten::prelu(Tensor self, Tensor weight) -> Tensor` */
  prelu(weight: Tensor): Tensor;
  /** `aten::prod(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  prod(options?: { dtype?: DType | null }): Tensor;
  /** `aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  prod(dim: Integer, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::prod.dim_int(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  prod(dim: Integer, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor` */
  put(index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor;
  /** `aten::put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor` */
  put(index: Tensor, source: Tensor, accumulate: boolean): Tensor;
  /** `aten::put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)` */
  put_(index: Tensor, source: Tensor, options?: { accumulate?: boolean }): Tensor;
  /** `aten::put_(Tensor(a!) self, Tensor index, Tensor source, bool accumulate=False) -> Tensor(a!)` */
  put_(index: Tensor, source: Tensor, accumulate: boolean): Tensor;
  /** `aten::q_per_channel_axis(Tensor self) -> int` */
  qPerChannelAxis(): number;
  /** `aten::q_per_channel_scales(Tensor self) -> Tensor` */
  qPerChannelScales(): Tensor;
  /** `aten::q_per_channel_zero_points(Tensor self) -> Tensor` */
  qPerChannelZeroPoints(): Tensor;
  /** `aten::q_scale(Tensor self) -> float` */
  qScale(): number;
  /** `aten::q_zero_point(Tensor self) -> int` */
  qZeroPoint(): number;
  /** `aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)` */
  qr(options?: { some?: boolean }): [Tensor, Tensor];
  /** `aten::qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)` */
  qr(some: boolean): [Tensor, Tensor];
  /** `aten::qscheme(Tensor self) -> QScheme` */
  qscheme(): number;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: Tensor, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: Tensor, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: Tensor, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: number, options?: { dim?: Integer | null; keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: number, dim: Integer | null, options?: { keepdim?: boolean; interpolation?: string }): Tensor;
  /** `aten::quantile.scalar(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation="linear") -> Tensor` */
  quantile(q: number, dim: Integer | null, keepdim: boolean, options?: { interpolation?: string }): Tensor;
  /** `aten::quantize_per_channel(Tensor self, Tensor scales, Tensor zero_points, int axis, ScalarType dtype) -> Tensor` */
  quantizePerChannel(scales: Tensor, zeroPoints: Tensor, axis: Integer, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor(Tensor self, float scale, int zero_point, ScalarType dtype) -> Tensor` */
  quantizePerTensor(scale: number, zeroPoint: Integer, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor.tensor_qparams(Tensor self, Tensor scale, Tensor zero_point, ScalarType dtype) -> Tensor` */
  quantizePerTensor(scale: Tensor, zeroPoint: Tensor, dtype: DType): Tensor;
  /** `aten::quantize_per_tensor_dynamic(Tensor self, ScalarType dtype, bool reduce_range) -> Tensor` */
  quantizePerTensorDynamic(dtype: DType, reduceRange: boolean): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool1d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool2d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(kernelSize: Integer | readonly Integer[], options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[]; ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], options?: { ceilMode?: boolean }): Tensor;
  /** `aten::quantized_max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor` */
  quantizedMaxPool3d(kernelSize: Integer | readonly Integer[], stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[], ceilMode: boolean): Tensor;
  /** `aten::rad2deg(Tensor self) -> Tensor` */
  rad2deg(): Tensor;
  /** `aten::rad2deg_(Tensor(a!) self) -> Tensor(a!)` */
  rad2deg_(): Tensor;
  /** `aten::rand_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randLike(options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::rand_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randLike(options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like(Tensor self, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(high: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.Tensor(Tensor self, Tensor high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(high: Tensor, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.Tensor_generator(Tensor self, Tensor high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(high: Tensor, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.generator(Tensor self, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(high: Integer, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.low_dtype(Tensor self, SymInt low, SymInt high, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(low: Integer, high: Integer, options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randint_like.low_generator_dtype(Tensor self, SymInt low, SymInt high, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randintLike(low: Integer, high: Integer, options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randnLike(options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::randn_like.generator(Tensor self, *, Generator? generator, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  randnLike(options: { generator: Generator | null; dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
  /** `aten::random(Tensor self, *, Generator? generator=None) -> Tensor` */
  random(options?: { generator?: Generator | null }): Tensor;
  /** `aten::random.from(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor` */
  random(from: Integer, to: Integer | null, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random.to(Tensor self, int to, *, Generator? generator=None) -> Tensor` */
  random(to: Integer, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_(Tensor(a!) self, *, Generator? generator=None) -> Tensor(a!)` */
  random_(options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_.from(Tensor(a!) self, int from, int? to, *, Generator? generator=None) -> Tensor(a!)` */
  random_(from: Integer, to: Integer | null, options?: { generator?: Generator | null }): Tensor;
  /** `aten::random_.to(Tensor(a!) self, int to, *, Generator? generator=None) -> Tensor(a!)` */
  random_(to: Integer, options?: { generator?: Generator | null }): Tensor;
  /** `aten::ravel(Tensor(a) self) -> Tensor(a)` */
  ravel(): Tensor;
  /** `aten::reciprocal(Tensor self) -> Tensor` */
  reciprocal(): Tensor;
  /** `aten::reciprocal_(Tensor(a!) self) -> Tensor(a!)` */
  reciprocal_(): Tensor;
  /** `aten::reflection_pad1d(Tensor self, SymInt[2] padding) -> Tensor` */
  reflectionPad1d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad2d(Tensor self, SymInt[4] padding) -> Tensor` */
  reflectionPad2d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reflection_pad3d(Tensor self, SymInt[6] padding) -> Tensor` */
  reflectionPad3d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::relu(Tensor self) -> Tensor` */
  relu(): Tensor;
  /** `aten::relu6(Tensor self) -> Tensor` */
  relu6(): Tensor;
  /** `aten::relu6_(Tensor(a!) self) -> Tensor(a!)` */
  relu6_(): Tensor;
  /** `aten::relu_(Tensor(a!) self) -> Tensor(a!)` */
  relu_(): Tensor;
  /** `aten::remainder.Scalar(Tensor self, Scalar other) -> Tensor` */
  remainder(other: Scalar): Tensor;
  /** `aten::remainder.Tensor(Tensor self, Tensor other) -> Tensor` */
  remainder(other: Tensor): Tensor;
  /** `aten::remainder_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  remainder_(other: Scalar): Tensor;
  /** `aten::remainder_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  remainder_(other: Tensor): Tensor;
  /** `aten::renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor` */
  renorm(p: Scalar, dim: Integer, maxnorm: Scalar): Tensor;
  /** `aten::renorm_(Tensor(a!) self, Scalar p, int dim, Scalar maxnorm) -> Tensor(a!)` */
  renorm_(p: Scalar, dim: Integer, maxnorm: Scalar): Tensor;
  /** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
  repeat(repeats: readonly Integer[]): Tensor;
  /** `aten::repeat(Tensor self, SymInt[] repeats) -> Tensor` */
  repeat(...repeats: Integer[]): Tensor;
  /** `aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(repeats: Tensor, options?: { dim?: Integer | null; outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_Tensor(Tensor self, Tensor repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(repeats: Tensor, dim: Integer | null, options?: { outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(repeats: Integer, options?: { dim?: Integer | null; outputSize?: Integer | null }): Tensor;
  /** `aten::repeat_interleave.self_int(Tensor self, SymInt repeats, int? dim=None, *, SymInt? output_size=None) -> Tensor` */
  repeatInterleave(repeats: Integer, dim: Integer | null, options?: { outputSize?: Integer | null }): Tensor;
  /** `aten::replication_pad1d(Tensor self, SymInt[2] padding) -> Tensor` */
  replicationPad1d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad2d(Tensor self, SymInt[4] padding) -> Tensor` */
  replicationPad2d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::replication_pad3d(Tensor self, SymInt[6] padding) -> Tensor` */
  replicationPad3d(padding: Integer | readonly Integer[]): Tensor;
  /** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
  reshape(shape: readonly Integer[]): Tensor;
  /** `aten::reshape(Tensor(a) self, SymInt[] shape) -> Tensor(a)` */
  reshape(...shape: Integer[]): Tensor;
  /** `aten::reshape_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  reshapeAs(other: Tensor): Tensor;
  /** `aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor` */
  resize(size: readonly Integer[], options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize(Tensor self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor` */
  resize(...size: Integer[]): Tensor;
  /** `aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resize_(size: readonly Integer[], options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_(Tensor(a!) self, SymInt[] size, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resize_(...size: Integer[]): Tensor;
  /** `aten::resize_as(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor` */
  resizeAs(theTemplate: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_as_(Tensor(a!) self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor(a!)` */
  resizeAs_(theTemplate: Tensor, options?: { memoryFormat?: MemoryFormat | null }): Tensor;
  /** `aten::resize_as_sparse(Tensor self, Tensor the_template) -> Tensor` */
  resizeAsSparse(theTemplate: Tensor): Tensor;
  /** `aten::resize_as_sparse_(Tensor(a!) self, Tensor the_template) -> Tensor(a!)` */
  resizeAsSparse_(theTemplate: Tensor): Tensor;
  /** `aten::resolve_conj(Tensor(a) self) -> Tensor(a)` */
  resolveConj(): Tensor;
  /** `aten::resolve_neg(Tensor(a) self) -> Tensor(a)` */
  resolveNeg(): Tensor;
  /** `aten::retain_grad(Tensor(a!) self) -> ()` */
  retainGrad(): void;
  /** `aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor` */
  roll(shifts: Integer | readonly Integer[], options?: { dims?: Integer | readonly Integer[] }): Tensor;
  /** `aten::roll(Tensor self, SymInt[1] shifts, int[1] dims=[]) -> Tensor` */
  roll(shifts: Integer | readonly Integer[], dims: Integer | readonly Integer[]): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(options?: { k?: Integer; dims?: readonly Integer[] }): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(k: Integer, options?: { dims?: readonly Integer[] }): Tensor;
  /** `aten::rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor` */
  rot90(k: Integer, dims: readonly Integer[]): Tensor;
  /** `aten::round(Tensor self) -> Tensor` */
  round(): Tensor;
  /** `aten::round.decimals(Tensor self, *, int decimals) -> Tensor` */
  round(options: { decimals: Integer }): Tensor;
  /** `aten::round_(Tensor(a!) self) -> Tensor(a!)` */
  round_(): Tensor;
  /** `aten::round_.decimals(Tensor(a!) self, *, int decimals) -> Tensor(a!)` */
  round_(options: { decimals: Integer }): Tensor;
  /** `aten::row_indices(Tensor(a) self) -> Tensor(a)` */
  rowIndices(): Tensor;
  /** `aten::row_indices_copy(Tensor self) -> Tensor` */
  rowIndicesCopy(): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu(Tensor self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rrelu(lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_(Tensor(a!) self, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rrelu_(lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise(Tensor self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor` */
  rreluWithNoise(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): Tensor;
  /** `aten::rrelu_with_noise_(Tensor(a!) self, Tensor(b!) noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> Tensor(a!)` */
  rreluWithNoise_(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): Tensor;
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(noise: Tensor, options?: { lower?: Scalar; upper?: Scalar; training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(noise: Tensor, lower: Scalar, options?: { upper?: Scalar; training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(noise: Tensor, lower: Scalar, upper: Scalar, options?: { training?: boolean; generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, options?: { generator?: Generator | null }): [Tensor, Tensor];
  /** `aten::rrelu_with_noise_functional(Tensor self, Tensor noise, Scalar lower=0.125, Scalar upper=0.33333333333333331, bool training=False, Generator? generator=None) -> (Tensor, Tensor noise_out)` */
  rreluWithNoiseFunctional(noise: Tensor, lower: Scalar, upper: Scalar, training: boolean, generator: Generator | null): [Tensor, Tensor];
  /** `aten::rsqrt(Tensor self) -> Tensor` */
  rsqrt(): Tensor;
  /** `aten::rsqrt_(Tensor(a!) self) -> Tensor(a!)` */
  rsqrt_(): Tensor;
  /** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  rsub(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  rsub(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  rsub(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::scatter.reduce(Tensor self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor` */
  scatter(dim: Integer, index: Tensor, src: Tensor, options: { reduce: string }): Tensor;
  /** `aten::scatter.src(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
  scatter(dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter.value(Tensor self, int dim, Tensor index, Scalar value) -> Tensor` */
  scatter(dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::scatter.value_reduce(Tensor self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor` */
  scatter(dim: Integer, index: Tensor, value: Scalar, options: { reduce: string }): Tensor;
  /** `aten::scatter_.reduce(Tensor(a!) self, int dim, Tensor index, Tensor src, *, str reduce) -> Tensor(a!)` */
  scatter_(dim: Integer, index: Tensor, src: Tensor, options: { reduce: string }): Tensor;
  /** `aten::scatter_.src(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
  scatter_(dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_.value(Tensor(a!) self, int dim, Tensor index, Scalar value) -> Tensor(a!)` */
  scatter_(dim: Integer, index: Tensor, value: Scalar): Tensor;
  /** `aten::scatter_.value_reduce(Tensor(a!) self, int dim, Tensor index, Scalar value, *, str reduce) -> Tensor(a!)` */
  scatter_(dim: Integer, index: Tensor, value: Scalar, options: { reduce: string }): Tensor;
  /** `aten::scatter_add(Tensor self, int dim, Tensor index, Tensor src) -> Tensor` */
  scatterAdd(dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_add_(Tensor(a!) self, int dim, Tensor index, Tensor src) -> Tensor(a!)` */
  scatterAdd_(dim: Integer, index: Tensor, src: Tensor): Tensor;
  /** `aten::scatter_reduce.two(Tensor self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor` */
  scatterReduce(dim: Integer, index: Tensor, src: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::scatter_reduce_.two(Tensor(a!) self, int dim, Tensor index, Tensor src, str reduce, *, bool include_self=True) -> Tensor(a!)` */
  scatterReduce_(dim: Integer, index: Tensor, src: Tensor, reduce: string, options?: { includeSelf?: boolean }): Tensor;
  /** `aten::select.int(Tensor(a) self, int dim, SymInt index) -> Tensor(a)` */
  select(dim: Integer, index: Integer): Tensor;
  /** `aten::select_copy.int(Tensor self, int dim, SymInt index) -> Tensor` */
  selectCopy(dim: Integer, index: Integer): Tensor;
  /** `aten::select_scatter(Tensor self, Tensor src, int dim, SymInt index) -> Tensor` */
  selectScatter(src: Tensor, dim: Integer, index: Integer): Tensor;
  /** `aten::selu(Tensor self) -> Tensor` */
  selu(): Tensor;
  /** `aten::selu_(Tensor(a!) self) -> Tensor(a!)` */
  selu_(): Tensor;
  /** `aten::set(Tensor self) -> Tensor` */
  set(): Tensor;
  /** `aten::set.source_Tensor(Tensor self, Tensor source) -> Tensor` */
  set(source: Tensor): Tensor;
  /** `aten::set_(Tensor(a!) self) -> Tensor(a!)` */
  set_(): Tensor;
  /** `aten::set_.source_Tensor(Tensor(a!) self, Tensor source) -> Tensor(a!)` */
  set_(source: Tensor): Tensor;
  /** `aten::set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)` */
  set_(source: Tensor, storageOffset: Integer, size: readonly Integer[], options?: { stride?: readonly Integer[] }): Tensor;
  /** `aten::set_.source_Tensor_storage_offset(Tensor(a!) self, Tensor source, SymInt storage_offset, SymInt[] size, SymInt[] stride=[]) -> Tensor(a!)` */
  set_(source: Tensor, storageOffset: Integer, size: readonly Integer[], stride: readonly Integer[]): Tensor;
  /** `aten::sgn(Tensor self) -> Tensor` */
  sgn(): Tensor;
  /** `aten::sgn_(Tensor(a!) self) -> Tensor(a!)` */
  sgn_(): Tensor;
  /** `aten::sigmoid(Tensor self) -> Tensor` */
  sigmoid(): Tensor;
  /** `aten::sigmoid_(Tensor(a!) self) -> Tensor(a!)` */
  sigmoid_(): Tensor;
  /** `aten::sign(Tensor self) -> Tensor` */
  sign(): Tensor;
  /** `aten::sign_(Tensor(a!) self) -> Tensor(a!)` */
  sign_(): Tensor;
  /** `aten::signbit(Tensor self) -> Tensor` */
  signbit(): Tensor;
  /** `aten::silu(Tensor self) -> Tensor` */
  silu(): Tensor;
  /** `aten::silu_(Tensor(a!) self) -> Tensor(a!)` */
  silu_(): Tensor;
  /** `aten::sin(Tensor self) -> Tensor` */
  sin(): Tensor;
  /** `aten::sin_(Tensor(a!) self) -> Tensor(a!)` */
  sin_(): Tensor;
  /** `aten::sinc(Tensor self) -> Tensor` */
  sinc(): Tensor;
  /** `aten::sinc_(Tensor(a!) self) -> Tensor(a!)` */
  sinc_(): Tensor;
  /** `aten::sinh(Tensor self) -> Tensor` */
  sinh(): Tensor;
  /** `aten::sinh_(Tensor(a!) self) -> Tensor(a!)` */
  sinh_(): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice.Tensor(Tensor(a) self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  slice(dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_copy.Tensor(Tensor self, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceCopy(dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(src: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(src: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(src: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_inverse(Tensor(a) self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor(a)` */
  sliceInverse(src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(src: Tensor, options?: { dim?: Integer; start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(src: Tensor, dim: Integer, options?: { start?: Integer | null; end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(src: Tensor, dim: Integer, start: Integer | null, options?: { end?: Integer | null; step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, options?: { step?: Integer }): Tensor;
  /** `aten::slice_scatter(Tensor self, Tensor src, int dim=0, SymInt? start=None, SymInt? end=None, SymInt step=1) -> Tensor` */
  sliceScatter(src: Tensor, dim: Integer, start: Integer | null, end: Integer | null, step: Integer): Tensor;
  /** `aten::slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)` */
  slogdet(): [Tensor, Tensor];
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0]) -> Tensor` */
  slowConv3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv3d_forward(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias, SymInt[3] stride, SymInt[3] padding) -> Tensor` */
  slowConv3dForward(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvDilated2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_dilated3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvDilated3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0], SymInt[2] output_padding=[0, 0], SymInt[2] dilation=[1, 1]) -> Tensor` */
  slowConvTranspose2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[]; outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], options?: { outputPadding?: Integer | readonly Integer[]; dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], options?: { dilation?: Integer | readonly Integer[] }): Tensor;
  /** `aten::slow_conv_transpose3d(Tensor self, Tensor weight, SymInt[3] kernel_size, Tensor? bias=None, SymInt[3] stride=[1, 1, 1], SymInt[3] padding=[0, 0, 0], SymInt[3] output_padding=[0, 0, 0], SymInt[3] dilation=[1, 1, 1]) -> Tensor` */
  slowConvTranspose3d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[], outputPadding: Integer | readonly Integer[], dilation: Integer | readonly Integer[]): Tensor;
  /** `aten::smm(Tensor self, Tensor mat2) -> Tensor` */
  smm(mat2: Tensor): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(target: Tensor, options?: { reduction?: Integer; beta?: number }): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(target: Tensor, reduction: Integer, options?: { beta?: number }): Tensor;
  /** `aten::smooth_l1_loss(Tensor self, Tensor target, int reduction=1, float beta=1.) -> Tensor` */
  smoothL1Loss(target: Tensor, reduction: Integer, beta: number): Tensor;
  /** `aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  softMarginLoss(target: Tensor, options?: { reduction?: Integer }): Tensor;
  /** `aten::soft_margin_loss(Tensor self, Tensor target, int reduction=1) -> Tensor` */
  softMarginLoss(target: Tensor, reduction: Integer): Tensor;
  /** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  softmax(dim: Integer, options?: { dtype?: DType | null }): Tensor;
  /** `aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor` */
  softmax(dim: Integer, dtype: DType | null): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(options?: { beta?: Scalar; threshold?: Scalar }): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(beta: Scalar, options?: { threshold?: Scalar }): Tensor;
  /** `aten::softplus(Tensor self, Scalar beta=1, Scalar threshold=20) -> Tensor` */
  softplus(beta: Scalar, threshold: Scalar): Tensor;
  /** `aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  softshrink(options?: { lambd?: Scalar }): Tensor;
  /** `aten::softshrink(Tensor self, Scalar lambd=0.5) -> Tensor` */
  softshrink(lambd: Scalar): Tensor;
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(options?: { dim?: Integer; descending?: boolean }): [Tensor, Tensor];
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(dim: Integer, options?: { descending?: boolean }): [Tensor, Tensor];
  /** `aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(dim: Integer, descending: boolean): [Tensor, Tensor];
  /** `aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)` */
  sort(options: { stable: boolean | null; dim?: Integer; descending?: boolean }): [Tensor, Tensor];
  /** `aten::sparse_dim(Tensor self) -> int` */
  sparseDim(): number;
  /** `aten::sparse_mask(Tensor self, Tensor mask) -> Tensor` */
  sparseMask(mask: Tensor): Tensor;
  /** `aten::sparse_resize(Tensor self, int[] size, int sparse_dim, int dense_dim) -> Tensor` */
  sparseResize(size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_(Tensor(a!) self, int[] size, int sparse_dim, int dense_dim) -> Tensor(a!)` */
  sparseResize_(size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_and_clear(Tensor self, int[] size, int sparse_dim, int dense_dim) -> Tensor` */
  sparseResizeAndClear(size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_resize_and_clear_(Tensor(a!) self, int[] size, int sparse_dim, int dense_dim) -> Tensor(a!)` */
  sparseResizeAndClear_(size: readonly Integer[], sparseDim: Integer, denseDim: Integer): Tensor;
  /** `aten::sparse_sampled_addmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  sparseSampledAddmm(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
  split(splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::split.Tensor(Tensor(a -> *) self, SymInt split_size, int dim=0) -> Tensor(a)[]` */
  split(splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]` */
  split(splitSize: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split.sizes(Tensor(a -> *) self, SymInt[] split_size, int dim=0) -> Tensor(a)[]` */
  split(splitSize: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  splitCopy(splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::split_copy.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  splitCopy(splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
  splitWithSizes(splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split_with_sizes(Tensor(a -> *) self, SymInt[] split_sizes, int dim=0) -> Tensor(a)[]` */
  splitWithSizes(splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  splitWithSizesCopy(splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::split_with_sizes_copy(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  splitWithSizesCopy(splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::sqrt(Tensor self) -> Tensor` */
  sqrt(): Tensor;
  /** `aten::sqrt_(Tensor(a!) self) -> Tensor(a!)` */
  sqrt_(): Tensor;
  /** `aten::square(Tensor self) -> Tensor` */
  square(): Tensor;
  /** `aten::square_(Tensor(a!) self) -> Tensor(a!)` */
  square_(): Tensor;
  /** `aten::squeeze(Tensor(a) self) -> Tensor(a)` */
  squeeze(): Tensor;
  /** `aten::squeeze.dim(Tensor(a) self, int dim) -> Tensor(a)` */
  squeeze(dim: Integer): Tensor;
  /** `aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)` */
  squeeze(dim: readonly Integer[]): Tensor;
  /** `aten::squeeze.dims(Tensor(a) self, int[] dim) -> Tensor(a)` */
  squeeze(...dim: Integer[]): Tensor;
  /** `aten::squeeze_(Tensor(a!) self) -> Tensor(a!)` */
  squeeze_(): Tensor;
  /** `aten::squeeze_.dim(Tensor(a!) self, int dim) -> Tensor(a!)` */
  squeeze_(dim: Integer): Tensor;
  /** `aten::squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)` */
  squeeze_(dim: readonly Integer[]): Tensor;
  /** `aten::squeeze_.dims(Tensor(a!) self, int[] dim) -> Tensor(a!)` */
  squeeze_(...dim: Integer[]): Tensor;
  /** `aten::squeeze_copy(Tensor self) -> Tensor` */
  squeezeCopy(): Tensor;
  /** `aten::squeeze_copy.dim(Tensor self, int dim) -> Tensor` */
  squeezeCopy(dim: Integer): Tensor;
  /** `aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor` */
  squeezeCopy(dim: readonly Integer[]): Tensor;
  /** `aten::squeeze_copy.dims(Tensor self, int[] dim) -> Tensor` */
  squeezeCopy(...dim: Integer[]): Tensor;
  /** `aten::sspaddmm(Tensor self, Tensor mat1, Tensor mat2, *, Scalar beta=1, Scalar alpha=1) -> Tensor` */
  sspaddmm(mat1: Tensor, mat2: Tensor, options?: { beta?: Scalar; alpha?: Scalar }): Tensor;
  /** `aten::std(Tensor self, bool unbiased=True) -> Tensor` */
  std(options?: { unbiased?: boolean }): Tensor;
  /** `aten::std(Tensor self, bool unbiased=True) -> Tensor` */
  std(unbiased: boolean): Tensor;
  /** `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  std(options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::std.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  std(dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor;
  /** `aten::std.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  std(dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): Tensor;
  /** `aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  stdMean(options?: { unbiased?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  stdMean(unbiased: boolean): [Tensor, Tensor];
  /** `aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::std_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  stdMean(dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor];
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, options?: { onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, options?: { returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, options?: { alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, alignToWindow: boolean | null): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, options?: { hopLength?: Integer | null; winLength?: Integer | null; window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, options?: { winLength?: Integer | null; window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, options?: { window?: Tensor | null; center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, options?: { center?: boolean; padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, options?: { padMode?: string; normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, options?: { normalized?: boolean; onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, options?: { onesided?: boolean | null; returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, options?: { returnComplex?: boolean | null; alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, options?: { alignToWindow?: boolean | null }): Tensor;
  /** `aten::stft.center(Tensor self, int n_fft, int? hop_length=None, int? win_length=None, Tensor? window=None, bool center=True, str pad_mode="reflect", bool normalized=False, bool? onesided=None, bool? return_complex=None, bool? align_to_window=None) -> Tensor` */
  stft(nFft: Integer, hopLength: Integer | null, winLength: Integer | null, window: Tensor | null, center: boolean, padMode: string, normalized: boolean, onesided: boolean | null, returnComplex: boolean | null, alignToWindow: boolean | null): Tensor;
  /** `aten::storage_offset(Tensor self) -> int` */
  storageOffset(): number;
  /** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  sub(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  sub(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::sub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  sub(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  sub_(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sub_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  sub_(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::sub_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  sub_(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  subtract(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor` */
  subtract(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::subtract.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor` */
  subtract(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(other: Scalar, options?: { alpha?: Scalar }): Tensor;
  /** `aten::subtract_.Scalar(Tensor(a!) self, Scalar other, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(other: Scalar, alpha: Scalar): Tensor;
  /** `aten::subtract_.Tensor(Tensor(a!) self, Tensor other, *, Scalar alpha=1) -> Tensor(a!)` */
  subtract_(other: Tensor, options?: { alpha?: Scalar }): Tensor;
  /** `aten::sum(Tensor self, *, ScalarType? dtype=None) -> Tensor` */
  sum(options?: { dtype?: DType | null }): Tensor;
  /** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  sum(dim: Integer | readonly Integer[] | null, options?: { keepdim?: boolean; dtype?: DType | null }): Tensor;
  /** `aten::sum.dim_IntList(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor` */
  sum(dim: Integer | readonly Integer[] | null, keepdim: boolean, options?: { dtype?: DType | null }): Tensor;
  /** `aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor` */
  sumToSize(size: readonly Integer[]): Tensor;
  /** `aten::sum_to_size(Tensor self, SymInt[] size) -> Tensor` */
  sumToSize(...size: Integer[]): Tensor;
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(options?: { some?: boolean; computeUv?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(some: boolean, options?: { computeUv?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)` */
  svd(some: boolean, computeUv: boolean): [Tensor, Tensor, Tensor];
  /** `aten::swapaxes(Tensor(a) self, int axis0, int axis1) -> Tensor(a)` */
  swapaxes(axis0: Integer, axis1: Integer): Tensor;
  /** `aten::swapaxes_(Tensor(a!) self, int axis0, int axis1) -> Tensor(a!)` */
  swapaxes_(axis0: Integer, axis1: Integer): Tensor;
  /** `aten::swapdims(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
  swapdims(dim0: Integer, dim1: Integer): Tensor;
  /** `aten::swapdims_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)` */
  swapdims_(dim0: Integer, dim1: Integer): Tensor;
  /** `aten::sym_is_contiguous(Tensor self, MemoryFormat memory_format=0) -> SymBool` */
  symIsContiguous(options?: { memoryFormat?: MemoryFormat }): boolean;
  /** `aten::sym_is_contiguous(Tensor self, MemoryFormat memory_format=0) -> SymBool` */
  symIsContiguous(memoryFormat: MemoryFormat): boolean;
  /** `aten::sym_numel(Tensor self) -> SymInt` */
  symNumel(): number;
  /** `aten::sym_size.int(Tensor self, int dim) -> SymInt` */
  symSize(dim: Integer): number;
  /** `aten::sym_storage_offset(Tensor self) -> SymInt` */
  symStorageOffset(): number;
  /** `aten::sym_stride.int(Tensor self, int dim) -> SymInt` */
  symStride(dim: Integer): number;
  /** `aten::t(Tensor(a) self) -> Tensor(a)` */
  t(): Tensor;
  /** `aten::t_(Tensor(a!) self) -> Tensor(a!)` */
  t_(): Tensor;
  /** `aten::t_copy(Tensor self) -> Tensor` */
  tCopy(): Tensor;
  /** `aten::take(Tensor self, Tensor index) -> Tensor` */
  take(index: Tensor): Tensor;
  /** `aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor` */
  takeAlongDim(indices: Tensor, options?: { dim?: Integer | null }): Tensor;
  /** `aten::take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor` */
  takeAlongDim(indices: Tensor, dim: Integer | null): Tensor;
  /** `aten::tan(Tensor self) -> Tensor` */
  tan(): Tensor;
  /** `aten::tan_(Tensor(a!) self) -> Tensor(a!)` */
  tan_(): Tensor;
  /** `aten::tanh(Tensor self) -> Tensor` */
  tanh(): Tensor;
  /** `aten::tanh_(Tensor(a!) self) -> Tensor(a!)` */
  tanh_(): Tensor;
  /** `aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]` */
  tensorSplit(indices: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.indices(Tensor(a -> *) self, SymInt[] indices, int dim=0) -> Tensor(a)[]` */
  tensorSplit(indices: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(sections: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.sections(Tensor(a -> *) self, SymInt sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(sections: Integer, dim: Integer): Tensor[];
  /** `aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(tensorIndicesOrSections: Tensor, options?: { dim?: Integer }): Tensor[];
  /** `aten::tensor_split.tensor_indices_or_sections(Tensor(a -> *) self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor(a)[]` */
  tensorSplit(tensorIndicesOrSections: Tensor, dim: Integer): Tensor[];
  /** `aten::tensordot(Tensor self, Tensor other, int[] dims_self, int[] dims_other) -> Tensor` */
  tensordot(other: Tensor, dimsSelf: readonly Integer[], dimsOther: readonly Integer[]): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(weight: Tensor, kernelSize: Integer | readonly Integer[], options?: { bias?: Tensor | null; stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, options?: { stride?: Integer | readonly Integer[]; padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], options?: { padding?: Integer | readonly Integer[] }): Tensor;
  /** `aten::thnn_conv2d(Tensor self, Tensor weight, SymInt[2] kernel_size, Tensor? bias=None, SymInt[2] stride=[1, 1], SymInt[2] padding=[0, 0]) -> Tensor` */
  thnnConv2d(weight: Tensor, kernelSize: Integer | readonly Integer[], bias: Tensor | null, stride: Integer | readonly Integer[], padding: Integer | readonly Integer[]): Tensor;
  /** `aten::threshold(Tensor self, Scalar threshold, Scalar value) -> Tensor` */
  threshold(threshold: Scalar, value: Scalar): Tensor;
  /** `aten::threshold_(Tensor(a!) self, Scalar threshold, Scalar value) -> Tensor(a!)` */
  threshold_(threshold: Scalar, value: Scalar): Tensor;
  /** `aten::tile(Tensor self, SymInt[] dims) -> Tensor` */
  tile(dims: readonly Integer[]): Tensor;
  /** `aten::tile(Tensor self, SymInt[] dims) -> Tensor` */
  tile(...dims: Integer[]): Tensor;
  /** `aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor` */
  toDense(options?: { dtype?: DType | null; maskedGrad?: boolean | null }): Tensor;
  /** `aten::to_dense(Tensor self, ScalarType? dtype=None, *, bool? masked_grad=None) -> Tensor` */
  toDense(dtype: DType | null, options?: { maskedGrad?: boolean | null }): Tensor;
  /** `aten::to_mkldnn(Tensor self, ScalarType? dtype=None) -> Tensor` */
  toMkldnn(options?: { dtype?: DType | null }): Tensor;
  /** `aten::to_mkldnn(Tensor self, ScalarType? dtype=None) -> Tensor` */
  toMkldnn(dtype: DType | null): Tensor;
  /** `aten::to_padded_tensor(Tensor self, float padding, SymInt[]? output_size=None) -> Tensor` */
  toPaddedTensor(padding: number, options?: { outputSize?: readonly Integer[] | null }): Tensor;
  /** `aten::to_padded_tensor(Tensor self, float padding, SymInt[]? output_size=None) -> Tensor` */
  toPaddedTensor(padding: number, outputSize: readonly Integer[] | null): Tensor;
  /** `aten::to_sparse(Tensor self, *, Layout? layout=None, int[2]? blocksize=None, int? dense_dim=None) -> Tensor` */
  toSparse(options?: { layout?: Layout | null; blocksize?: Integer | readonly Integer[] | null; denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse.sparse_dim(Tensor self, int sparse_dim) -> Tensor` */
  toSparse(sparseDim: Integer): Tensor;
  /** `aten::to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsc(blocksize: Integer | readonly Integer[], options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_bsc(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsc(blocksize: Integer | readonly Integer[], denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsr(blocksize: Integer | readonly Integer[], options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_bsr(Tensor self, int[2] blocksize, int? dense_dim=None) -> Tensor` */
  toSparseBsr(blocksize: Integer | readonly Integer[], denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_csc(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsc(options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_csc(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsc(denseDim: Integer | null): Tensor;
  /** `aten::to_sparse_csr(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsr(options?: { denseDim?: Integer | null }): Tensor;
  /** `aten::to_sparse_csr(Tensor self, int? dense_dim=None) -> Tensor` */
  toSparseCsr(denseDim: Integer | null): Tensor;
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(k: Integer, options?: { dim?: Integer; largest?: boolean; sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(k: Integer, dim: Integer, options?: { largest?: boolean; sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(k: Integer, dim: Integer, largest: boolean, options?: { sorted?: boolean }): [Tensor, Tensor];
  /** `aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)` */
  topk(k: Integer, dim: Integer, largest: boolean, sorted: boolean): [Tensor, Tensor];
  /** `aten::trace(Tensor self) -> Tensor` */
  trace(): Tensor;
  /** `aten::transpose.int(Tensor(a) self, int dim0, int dim1) -> Tensor(a)` */
  transpose(dim0: Integer, dim1: Integer): Tensor;
  /** `aten::transpose_(Tensor(a!) self, int dim0, int dim1) -> Tensor(a!)` */
  transpose_(dim0: Integer, dim1: Integer): Tensor;
  /** `aten::transpose_copy.int(Tensor self, int dim0, int dim1) -> Tensor` */
  transposeCopy(dim0: Integer, dim1: Integer): Tensor;
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(A: Tensor, options?: { upper?: boolean; transpose?: boolean; unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(A: Tensor, upper: boolean, options?: { transpose?: boolean; unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(A: Tensor, upper: boolean, transpose: boolean, options?: { unitriangular?: boolean }): [Tensor, Tensor];
  /** `aten::triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> (Tensor solution, Tensor cloned_coefficient)` */
  triangularSolve(A: Tensor, upper: boolean, transpose: boolean, unitriangular: boolean): [Tensor, Tensor];
  /** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
  tril(options?: { diagonal?: Integer }): Tensor;
  /** `aten::tril(Tensor self, SymInt diagonal=0) -> Tensor` */
  tril(diagonal: Integer): Tensor;
  /** `aten::tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  tril_(options?: { diagonal?: Integer }): Tensor;
  /** `aten::tril_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  tril_(diagonal: Integer): Tensor;
  /** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
  triu(options?: { diagonal?: Integer }): Tensor;
  /** `aten::triu(Tensor self, SymInt diagonal=0) -> Tensor` */
  triu(diagonal: Integer): Tensor;
  /** `aten::triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  triu_(options?: { diagonal?: Integer }): Tensor;
  /** `aten::triu_(Tensor(a!) self, SymInt diagonal=0) -> Tensor(a!)` */
  triu_(diagonal: Integer): Tensor;
  /** `aten::true_divide.Scalar(Tensor self, Scalar other) -> Tensor` */
  trueDivide(other: Scalar): Tensor;
  /** `aten::true_divide.Tensor(Tensor self, Tensor other) -> Tensor` */
  trueDivide(other: Tensor): Tensor;
  /** `aten::true_divide_.Scalar(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  trueDivide_(other: Scalar): Tensor;
  /** `aten::true_divide_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  trueDivide_(other: Tensor): Tensor;
  /** `aten::trunc(Tensor self) -> Tensor` */
  trunc(): Tensor;
  /** `aten::trunc_(Tensor(a!) self) -> Tensor(a!)` */
  trunc_(): Tensor;
  /** `aten::type_as(Tensor self, Tensor other) -> Tensor` */
  typeAs(other: Tensor): Tensor;
  /** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
  unbind(options?: { dim?: Integer }): Tensor[];
  /** `aten::unbind.int(Tensor(a -> *) self, int dim=0) -> Tensor(a)[]` */
  unbind(dim: Integer): Tensor[];
  /** `aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]` */
  unbindCopy(options?: { dim?: Integer }): Tensor[];
  /** `aten::unbind_copy.int(Tensor self, int dim=0) -> Tensor[]` */
  unbindCopy(dim: Integer): Tensor[];
  /** `aten::unflatten.int(Tensor(a) self, int dim, SymInt[] sizes) -> Tensor(a)` */
  unflatten(dim: Integer, sizes: readonly Integer[]): Tensor;
  /** `aten::unfold(Tensor(a) self, int dimension, int size, int step) -> Tensor(a)` */
  unfold(dimension: Integer, size: Integer, step: Integer): Tensor;
  /** `aten::unfold_copy(Tensor self, int dimension, int size, int step) -> Tensor` */
  unfoldCopy(dimension: Integer, size: Integer, step: Integer): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(options?: { from?: number; to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(from: number, options?: { to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform(Tensor self, float from=0., float to=1., *, Generator? generator=None) -> Tensor` */
  uniform(from: number, to: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(options?: { from?: number; to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(from: number, options?: { to?: number; generator?: Generator | null }): Tensor;
  /** `aten::uniform_(Tensor(a!) self, float from=0., float to=1., *, Generator? generator=None) -> Tensor(a!)` */
  uniform_(from: number, to: number, options?: { generator?: Generator | null }): Tensor;
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(options?: { returnInverse?: boolean; returnCounts?: boolean; dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(returnInverse: boolean, options?: { returnCounts?: boolean; dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(returnInverse: boolean, returnCounts: boolean, options?: { dim?: Integer | null }): [Tensor, Tensor, Tensor];
  /** `aten::unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> (Tensor, Tensor, Tensor)` */
  uniqueConsecutive(returnInverse: boolean, returnCounts: boolean, dim: Integer | null): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(dim: Integer, options?: { sorted?: boolean; returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(dim: Integer, sorted: boolean, options?: { returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(dim: Integer, sorted: boolean, returnInverse: boolean, options?: { returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim(Tensor self, int dim, bool sorted=True, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDim(dim: Integer, sorted: boolean, returnInverse: boolean, returnCounts: boolean): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(dim: Integer, options?: { returnInverse?: boolean; returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(dim: Integer, returnInverse: boolean, options?: { returnCounts?: boolean }): [Tensor, Tensor, Tensor];
  /** `aten::unique_dim_consecutive(Tensor self, int dim, bool return_inverse=False, bool return_counts=False) -> (Tensor, Tensor, Tensor)` */
  uniqueDimConsecutive(dim: Integer, returnInverse: boolean, returnCounts: boolean): [Tensor, Tensor, Tensor];
  /** `aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]` */
  unsafeChunk(chunks: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]` */
  unsafeChunk(chunks: Integer, dim: Integer): Tensor[];
  /** `aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  unsafeSplit(splitSize: Integer, options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_split.Tensor(Tensor self, SymInt split_size, int dim=0) -> Tensor[]` */
  unsafeSplit(splitSize: Integer, dim: Integer): Tensor[];
  /** `aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  unsafeSplitWithSizes(splitSizes: readonly Integer[], options?: { dim?: Integer }): Tensor[];
  /** `aten::unsafe_split_with_sizes(Tensor self, SymInt[] split_sizes, int dim=0) -> Tensor[]` */
  unsafeSplitWithSizes(splitSizes: readonly Integer[], dim: Integer): Tensor[];
  /** `aten::unsqueeze(Tensor(a) self, int dim) -> Tensor(a)` */
  unsqueeze(dim: Integer): Tensor;
  /** `aten::unsqueeze_(Tensor(a!) self, int dim) -> Tensor(a!)` */
  unsqueeze_(dim: Integer): Tensor;
  /** `aten::unsqueeze_copy(Tensor self, int dim) -> Tensor` */
  unsqueezeCopy(dim: Integer): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bicubic2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBicubic2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_bilinear2d(Tensor self, SymInt[2] output_size, bool align_corners, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleBilinear2d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1d(outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_linear1d(Tensor self, SymInt[1] output_size, bool align_corners, float? scales=None) -> Tensor` */
  upsampleLinear1d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scales: number | null): Tensor;
  /** `aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor` */
  upsampleNearest1d(outputSize: Integer | readonly Integer[], options?: { scales?: number | null }): Tensor;
  /** `aten::upsample_nearest1d(Tensor self, SymInt[1] output_size, float? scales=None) -> Tensor` */
  upsampleNearest1d(outputSize: Integer | readonly Integer[], scales: number | null): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(outputSize: Integer | readonly Integer[], options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(outputSize: Integer | readonly Integer[], scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest2d(Tensor self, SymInt[2] output_size, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest2d(outputSize: Integer | readonly Integer[], scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(outputSize: Integer | readonly Integer[], options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(outputSize: Integer | readonly Integer[], scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(outputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_nearest3d(Tensor self, SymInt[3] output_size, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleNearest3d(outputSize: Integer | readonly Integer[], scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(outputSize: Integer | readonly Integer[], alignCorners: boolean, options?: { scalesD?: number | null; scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, options?: { scalesH?: number | null; scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, options?: { scalesW?: number | null }): Tensor;
  /** `aten::upsample_trilinear3d(Tensor self, SymInt[3] output_size, bool align_corners, float? scales_d=None, float? scales_h=None, float? scales_w=None) -> Tensor` */
  upsampleTrilinear3d(outputSize: Integer | readonly Integer[], alignCorners: boolean, scalesD: number | null, scalesH: number | null, scalesW: number | null): Tensor;
  /** `aten::values(Tensor(a) self) -> Tensor(a)` */
  values(): Tensor;
  /** `aten::values_copy(Tensor self) -> Tensor` */
  valuesCopy(): Tensor;
  /** `aten::var(Tensor self, bool unbiased=True) -> Tensor` */
  var(options?: { unbiased?: boolean }): Tensor;
  /** `aten::var(Tensor self, bool unbiased=True) -> Tensor` */
  var(unbiased: boolean): Tensor;
  /** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  var(options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::var.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> Tensor` */
  var(dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): Tensor;
  /** `aten::var.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> Tensor` */
  var(dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): Tensor;
  /** `aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  varMean(options?: { unbiased?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean(Tensor self, bool unbiased=True) -> (Tensor, Tensor)` */
  varMean(unbiased: boolean): [Tensor, Tensor];
  /** `aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(options?: { dim?: Integer | readonly Integer[] | null; correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(dim: Integer | readonly Integer[] | null, options?: { correction?: Scalar | null; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(dim: Integer | readonly Integer[] | null, options?: { unbiased?: boolean; keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(dim: Integer | readonly Integer[] | null, unbiased: boolean, options?: { keepdim?: boolean }): [Tensor, Tensor];
  /** `aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)` */
  varMean(dim: Integer | readonly Integer[] | null, unbiased: boolean, keepdim: boolean): [Tensor, Tensor];
  /** `aten::vdot(Tensor self, Tensor other) -> Tensor` */
  vdot(other: Tensor): Tensor;
  /** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  view(size: readonly Integer[]): Tensor;
  /** `aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)` */
  view(...size: Integer[]): Tensor;
  /** `aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)` */
  view(dtype: DType): Tensor;
  /** `aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)` */
  viewAs(other: Tensor): Tensor;
  /** `aten::view_as_complex(Tensor(a) self) -> Tensor(a)` */
  viewAsComplex(): Tensor;
  /** `aten::view_as_complex_copy(Tensor self) -> Tensor` */
  viewAsComplexCopy(): Tensor;
  /** `aten::view_as_real(Tensor(a) self) -> Tensor(a)` */
  viewAsReal(): Tensor;
  /** `aten::view_as_real_copy(Tensor self) -> Tensor` */
  viewAsRealCopy(): Tensor;
  /** `aten::view_copy(Tensor self, SymInt[] size) -> Tensor` */
  viewCopy(size: readonly Integer[]): Tensor;
  /** `aten::view_copy(Tensor self, SymInt[] size) -> Tensor` */
  viewCopy(...size: Integer[]): Tensor;
  /** `aten::view_copy.dtype(Tensor self, ScalarType dtype) -> Tensor` */
  viewCopy(dtype: DType): Tensor;
  /** `aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  vsplit(indices: readonly Integer[]): Tensor[];
  /** `aten::vsplit.array(Tensor(a -> *) self, int[] indices) -> Tensor(a)[]` */
  vsplit(...indices: Integer[]): Tensor[];
  /** `aten::vsplit.int(Tensor(a -> *) self, int sections) -> Tensor(a)[]` */
  vsplit(sections: Integer): Tensor[];
  /** `aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor` */
  xlogy(other: Scalar): Tensor;
  /** `aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor` */
  xlogy(other: Tensor): Tensor;
  /** `aten::xlogy_.Scalar_Other(Tensor(a!) self, Scalar other) -> Tensor(a!)` */
  xlogy_(other: Scalar): Tensor;
  /** `aten::xlogy_.Tensor(Tensor(a!) self, Tensor other) -> Tensor(a!)` */
  xlogy_(other: Tensor): Tensor;
  /** `aten::zero(Tensor self) -> Tensor` */
  zero(): Tensor;
  /** `aten::zero_(Tensor(a!) self) -> Tensor(a!)` */
  zero_(): Tensor;
  /** `aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor` */
  zerosLike(options?: { dtype?: DType | null; layout?: Layout | null; device?: string | null; pinMemory?: boolean | null; memoryFormat?: MemoryFormat | null; requiresGrad?: boolean }): Tensor;
}

/** Names of ATen behind `TorchFunctions`. */
export const functionNames = (
  'abs abs_ absolute absolute_ acos acos_ acosh acosh_ adaptive_avg_pool1d adaptive_avg_pool2d ' +
  'adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool2d_backward adaptive_max_pool3d ' +
  'adaptive_max_pool3d_backward add add_ addbmm addbmm_ addcdiv addcdiv_ addcmul addcmul_ addmm addmm_ addmv ' +
  'addmv_ addr addr_ adjoint affine_grid_generator affine_grid_generator_backward alias alias_copy all allclose ' +
  'alpha_dropout alpha_dropout_ amax amin aminmax angle any arange arccos arccos_ arccosh arccosh_ arcsin arcsin_ ' +
  'arcsinh arcsinh_ arctan arctan2 arctan2_ arctan_ arctanh arctanh_ argmax argmin argsort argwhere as_strided ' +
  'as_strided_ as_strided_copy as_strided_scatter asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh atanh_ ' +
  'atleast_1d atleast_2d atleast_3d avg_pool1d avg_pool2d avg_pool2d_backward avg_pool3d avg_pool3d_backward ' +
  'baddbmm baddbmm_ bartlett_window batch_norm batch_norm_backward batch_norm_backward_elemt ' +
  'batch_norm_backward_reduce batch_norm_elemt batch_norm_gather_stats batch_norm_gather_stats_with_counts ' +
  'batch_norm_stats batch_norm_update_stats bernoulli bernoulli_ bilinear binary_cross_entropy ' +
  'binary_cross_entropy_backward binary_cross_entropy_with_logits bincount binomial bitwise_and bitwise_and_ ' +
  'bitwise_left_shift bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or bitwise_or_ bitwise_right_shift ' +
  'bitwise_right_shift_ bitwise_xor bitwise_xor_ blackman_window block_diag bmm broadcast_tensors broadcast_to ' +
  'bucketize can_cast cartesian_prod cat cauchy cauchy_ ccol_indices ccol_indices_copy cdist ceil ceil_ celu ' +
  'celu_ chain_matmul chalf channel_shuffle cholesky cholesky_inverse cholesky_solve choose_qparams_optimized ' +
  'chunk clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ clone coalesce col2im col_indices ' +
  'col_indices_copy column_stack combinations complex concat concatenate conj conj_physical conj_physical_ ' +
  'constant_pad_nd contiguous conv1d conv2d conv3d conv_depthwise3d conv_tbc conv_tbc_backward conv_transpose1d ' +
  'conv_transpose2d conv_transpose3d convolution convolution_backward convolution_backward_overrideable ' +
  'convolution_overrideable copy copy_ copy_sparse_to_sparse copy_sparse_to_sparse_ copysign copysign_ corrcoef ' +
  'cos cos_ cosh cosh_ cosine_embedding_loss cosine_similarity count_nonzero cov cross cross_entropy_loss ' +
  'crow_indices crow_indices_copy ctc_loss cudnn_affine_grid_generator cudnn_affine_grid_generator_backward ' +
  'cudnn_batch_norm cudnn_batch_norm_backward cudnn_convolution cudnn_convolution_add_relu cudnn_convolution_relu ' +
  'cudnn_convolution_transpose cudnn_grid_sampler cudnn_grid_sampler_backward cudnn_is_acceptable cummax ' +
  'cummaxmin_backward cummin cumprod cumprod_ cumprod_backward cumsum cumsum_ cumulative_trapezoid data deg2rad ' +
  'deg2rad_ dense_dim dequantize det detach detach_ detach_copy diag diag_embed diagflat diagonal ' +
  'diagonal_backward diagonal_copy diagonal_scatter diff digamma digamma_ dim dist div div_ divide divide_ dot ' +
  'dropout dropout_ dsplit dstack einsum elu elu_ elu_backward embedding embedding_backward embedding_bag ' +
  'embedding_dense_backward embedding_renorm embedding_renorm_ embedding_sparse_backward empty empty_like ' +
  'empty_permuted empty_quantized empty_strided eq eq_ equal erf erf_ erfc erfc_ erfinv erfinv_ exp exp2 exp2_ ' +
  'exp_ expand expand_as expand_copy expm1 expm1_ exponential exponential_ eye fake_quantize_per_channel_affine ' +
  'fake_quantize_per_channel_affine_cachemask fake_quantize_per_channel_affine_cachemask_backward ' +
  'fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask ' +
  'fake_quantize_per_tensor_affine_cachemask_backward fbgemm_linear_fp16_weight ' +
  'fbgemm_linear_fp16_weight_fp32_activation fbgemm_linear_int8_weight fbgemm_linear_int8_weight_fp32_activation ' +
  'fbgemm_linear_quantize_weight fbgemm_pack_gemm_matrix_fp16 fbgemm_pack_quantized_matrix feature_alpha_dropout ' +
  'feature_alpha_dropout_ feature_dropout feature_dropout_ fft_fft fft_fft2 fft_fftfreq fft_fftn fft_fftshift ' +
  'fft_hfft fft_hfft2 fft_hfftn fft_ifft fft_ifft2 fft_ifftn fft_ifftshift fft_ihfft fft_ihfft2 fft_ihfftn ' +
  'fft_irfft fft_irfft2 fft_irfftn fft_rfft fft_rfft2 fft_rfftfreq fft_rfftn fill fill_ fill_diagonal_ fix fix_ ' +
  'flatten flatten_dense_tensors flip fliplr flipud float_power float_power_ floor floor_ floor_divide ' +
  'floor_divide_ fmax fmin fmod fmod_ frac frac_ fractional_max_pool2d fractional_max_pool2d_backward ' +
  'fractional_max_pool3d fractional_max_pool3d_backward frexp frobenius_norm from_file full full_like ' +
  'fused_moving_avg_obs_fake_quant gather gather_backward gcd gcd_ ge ge_ gelu gelu_ gelu_backward geometric ' +
  'geometric_ geqrf ger get_device get_gradients glu glu_backward glu_backward_jvp glu_jvp gradient greater ' +
  'greater_ greater_equal greater_equal_ grid_sampler grid_sampler_2d grid_sampler_2d_backward grid_sampler_3d ' +
  'grid_sampler_3d_backward group_norm gru gru_cell gt gt_ hamming_window hann_window hardshrink ' +
  'hardshrink_backward hardsigmoid hardsigmoid_ hardsigmoid_backward hardswish hardswish_ hardswish_backward ' +
  'hardtanh hardtanh_ hardtanh_backward hash_tensor heaviside heaviside_ hinge_embedding_loss histc histogram ' +
  'histogramdd hsplit hspmm hstack huber_loss huber_loss_backward hypot hypot_ i0 i0_ igamma igamma_ igammac ' +
  'igammac_ im2col imag index_add index_add_ index_copy index_copy_ index_fill index_fill_ index_reduce ' +
  'index_reduce_ index_select index_select_backward indices indices_copy infinitely_differentiable_gelu_backward ' +
  'inner instance_norm int_repr inverse is_coalesced is_complex is_conj is_contiguous is_distributed ' +
  'is_floating_point is_inference is_leaf is_neg is_nonzero is_pinned is_same_size is_set_to is_signed ' +
  'is_vulkan_available isclose isfinite isin isinf isnan isneginf isposinf isreal istft item kaiser_window kl_div ' +
  'kron kthvalue l1_loss layer_norm lcm lcm_ ldexp ldexp_ le le_ leaky_relu leaky_relu_ leaky_relu_backward lerp ' +
  'lerp_ less less_ less_equal less_equal_ lgamma lgamma_ lift lift_fresh lift_fresh_copy linalg__powsum ' +
  'linalg_cholesky linalg_cholesky_ex linalg_cond linalg_cross linalg_det linalg_diagonal linalg_eig linalg_eigh ' +
  'linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv linalg_inv_ex linalg_ldl_factor ' +
  'linalg_ldl_factor_ex linalg_ldl_solve linalg_lstsq linalg_lu linalg_lu_factor linalg_lu_factor_ex ' +
  'linalg_lu_solve linalg_matmul linalg_matrix_exp linalg_matrix_norm linalg_matrix_power linalg_matrix_rank ' +
  'linalg_multi_dot linalg_norm linalg_pinv linalg_qr linalg_slogdet linalg_solve linalg_solve_ex ' +
  'linalg_solve_triangular linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve linalg_vander ' +
  'linalg_vecdot linalg_vector_norm linear linear_backward linspace log log10 log10_ log1p log1p_ log2 log2_ log_ ' +
  'log_normal log_normal_ log_sigmoid log_sigmoid_backward log_sigmoid_forward log_softmax logaddexp logaddexp2 ' +
  'logcumsumexp logdet logical_and logical_and_ logical_not logical_not_ logical_or logical_or_ logical_xor ' +
  'logical_xor_ logit logit_ logit_backward logspace logsumexp lstm lstm_cell lstm_mps_backward lt lt_ lu_solve ' +
  'lu_unpack mH mT margin_ranking_loss masked_fill masked_fill_ masked_scatter masked_scatter_ ' +
  'masked_scatter_backward masked_select masked_select_backward matmul matmul_backward matrix_H matrix_exp ' +
  'matrix_exp_backward matrix_power max max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_backward ' +
  'max_pool2d_with_indices max_pool2d_with_indices_backward max_pool3d max_pool3d_with_indices ' +
  'max_pool3d_with_indices_backward max_unpool2d max_unpool3d maximum mean median meshgrid min minimum ' +
  'miopen_batch_norm miopen_batch_norm_backward miopen_convolution miopen_convolution_add_relu ' +
  'miopen_convolution_relu miopen_convolution_transpose miopen_ctc_loss miopen_depthwise_convolution miopen_rnn ' +
  'miopen_rnn_backward mish mish_ mish_backward mkldnn_adaptive_avg_pool2d mkldnn_adaptive_avg_pool2d_backward ' +
  'mkldnn_convolution mkldnn_linear mkldnn_linear_backward mkldnn_linear_backward_input ' +
  'mkldnn_linear_backward_weights mkldnn_max_pool2d mkldnn_max_pool2d_backward mkldnn_max_pool3d ' +
  'mkldnn_max_pool3d_backward mkldnn_reorder_conv2d_weight mkldnn_reorder_conv3d_weight mkldnn_rnn_layer ' +
  'mkldnn_rnn_layer_backward mm mode moveaxis movedim mps_convolution_backward mps_convolution_transpose_backward ' +
  'mse_loss mse_loss_backward msort mul mul_ multi_margin_loss multi_margin_loss_backward multilabel_margin_loss ' +
  'multilabel_margin_loss_backward multilabel_margin_loss_forward multinomial multiply multiply_ mv mvlgamma ' +
  'mvlgamma_ nan_to_num nan_to_num_ nanmean nanmedian nanquantile nansum narrow narrow_copy native_batch_norm ' +
  'native_batch_norm_backward native_channel_shuffle native_dropout native_dropout_backward native_group_norm ' +
  'native_group_norm_backward native_layer_norm native_layer_norm_backward native_norm ne ne_ neg neg_ negative ' +
  'negative_ nested_to_padded_tensor new_empty new_empty_strided new_full new_ones new_zeros nextafter nextafter_ ' +
  'nll_loss nll_loss2d nll_loss2d_backward nll_loss2d_forward nll_loss_backward nll_loss_forward nll_loss_nd ' +
  'nonzero nonzero_numpy nonzero_static norm norm_except_dim normal normal_ normal_functional not_equal ' +
  'not_equal_ nuclear_norm numel numpy_T one_hot ones ones_like orgqr ormqr outer output_nr pad pad_sequence ' +
  'pairwise_distance pdist permute permute_copy pin_memory pinverse pixel_shuffle pixel_unshuffle poisson ' +
  'poisson_nll_loss polar polygamma polygamma_ positive pow pow_ prelu prod promote_types put put_ ' +
  'q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale q_zero_point qr qscheme quantile ' +
  'quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic quantized_batch_norm quantized_gru ' +
  'quantized_gru_cell quantized_lstm quantized_lstm_cell quantized_max_pool1d quantized_max_pool2d ' +
  'quantized_max_pool3d quantized_rnn_relu_cell quantized_rnn_tanh_cell rad2deg rad2deg_ rand rand_like randint ' +
  'randint_like randn randn_like random random_ randperm range ravel real reciprocal reciprocal_ record_stream ' +
  'reflection_pad1d reflection_pad1d_backward reflection_pad2d reflection_pad2d_backward reflection_pad3d ' +
  'reflection_pad3d_backward relu relu6 relu6_ relu_ remainder remainder_ renorm renorm_ repeat repeat_interleave ' +
  'replication_pad1d replication_pad1d_backward replication_pad2d replication_pad2d_backward replication_pad3d ' +
  'replication_pad3d_backward requires_grad_ reshape reshape_as resize resize_ resize_as resize_as_ ' +
  'resize_as_sparse resize_as_sparse_ resolve_conj resolve_neg result_type retain_grad retains_grad rms_norm ' +
  'rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell roll rot90 round round_ row_indices row_indices_copy row_stack ' +
  'rrelu rrelu_ rrelu_with_noise rrelu_with_noise_ rrelu_with_noise_backward rrelu_with_noise_functional rsqrt ' +
  'rsqrt_ rsub scalar_tensor scaled_dot_product_attention scatter scatter_ scatter_add scatter_add_ ' +
  'scatter_reduce scatter_reduce_ searchsorted segment_reduce select select_backward select_copy select_scatter ' +
  'selu selu_ set set_ set_data sgn sgn_ sigmoid sigmoid_ sigmoid_backward sign sign_ signbit silu silu_ ' +
  'silu_backward sin sin_ sinc sinc_ sinh sinh_ size slice slice_backward slice_copy slice_inverse slice_scatter ' +
  'slogdet slow_conv3d slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d ' +
  'slow_conv_transpose3d smm smooth_l1_loss smooth_l1_loss_backward soft_margin_loss soft_margin_loss_backward ' +
  'softmax softplus softplus_backward softshrink softshrink_backward sort sparse_bsc_tensor sparse_bsr_tensor ' +
  'sparse_compressed_tensor sparse_coo_tensor sparse_csc_tensor sparse_csr_tensor sparse_dim sparse_mask ' +
  'sparse_resize sparse_resize_ sparse_resize_and_clear sparse_resize_and_clear_ sparse_sampled_addmm ' +
  'special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 special_bessel_y1 ' +
  'special_chebyshev_polynomial_t special_chebyshev_polynomial_u special_chebyshev_polynomial_v ' +
  'special_chebyshev_polynomial_w special_digamma special_entr special_erf special_erfc special_erfcx ' +
  'special_erfinv special_exp2 special_expit special_expm1 special_gammainc special_gammaincc special_gammaln ' +
  'special_hermite_polynomial_h special_hermite_polynomial_he special_i0 special_i0e special_i1 special_i1e ' +
  'special_laguerre_polynomial_l special_legendre_polynomial_p special_log1p special_log_ndtr special_log_softmax ' +
  'special_logit special_logsumexp special_modified_bessel_i0 special_modified_bessel_i1 ' +
  'special_modified_bessel_k0 special_modified_bessel_k1 special_multigammaln special_ndtr special_ndtri ' +
  'special_polygamma special_psi special_round special_scaled_modified_bessel_k0 ' +
  'special_scaled_modified_bessel_k1 special_shifted_chebyshev_polynomial_t ' +
  'special_shifted_chebyshev_polynomial_u special_shifted_chebyshev_polynomial_v ' +
  'special_shifted_chebyshev_polynomial_w special_sinc special_softmax special_spherical_bessel_j0 ' +
  'special_xlog1py special_xlogy special_zeta split split_copy split_with_sizes split_with_sizes_copy sqrt sqrt_ ' +
  'square square_ squeeze squeeze_ squeeze_copy sspaddmm stack std std_mean stft storage_offset stride sub sub_ ' +
  'subtract subtract_ sum sum_to_size svd swapaxes swapaxes_ swapdims swapdims_ sym_constrain_range ' +
  'sym_constrain_range_for_size sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride t t_ t_copy ' +
  'take take_along_dim tan tan_ tanh tanh_ tanh_backward tensor_split tensordot thnn_conv2d threshold threshold_ ' +
  'threshold_backward tile to_dense to_dense_backward to_mkldnn to_mkldnn_backward to_padded_tensor to_sparse ' +
  'to_sparse_bsc to_sparse_bsr to_sparse_csc to_sparse_csr topk trace trace_backward transpose transpose_ ' +
  'transpose_copy trapezoid trapz triangular_solve tril tril_ tril_indices triplet_margin_loss triu triu_ ' +
  'triu_indices true_divide true_divide_ trunc trunc_ type_as unbind unbind_copy unflatten ' +
  'unflatten_dense_tensors unfold unfold_backward unfold_copy uniform uniform_ unique_consecutive unique_dim ' +
  'unique_dim_consecutive unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_ unsqueeze_copy ' +
  'upsample_bicubic2d upsample_bicubic2d_backward upsample_bilinear2d upsample_bilinear2d_backward ' +
  'upsample_linear1d upsample_linear1d_backward upsample_nearest1d upsample_nearest1d_backward upsample_nearest2d ' +
  'upsample_nearest2d_backward upsample_nearest3d upsample_nearest3d_backward upsample_trilinear3d ' +
  'upsample_trilinear3d_backward value_selecting_reduction_backward values values_copy vander var var_mean vdot ' +
  'view view_as view_as_complex view_as_complex_copy view_as_real view_as_real_copy view_copy vsplit vstack where ' +
  'xlogy xlogy_ zero zero_ zeros zeros_like'
).split(' ');

/** Names of ATen behind `TensorMethods`. */
export const methodNames = (
  'abs abs_ absolute absolute_ acos acos_ acosh acosh_ adaptive_avg_pool1d adaptive_avg_pool2d ' +
  'adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d add add_ addbmm addbmm_ ' +
  'addcdiv addcdiv_ addcmul addcmul_ addmm addmm_ addmv addmv_ addr addr_ adjoint alias alias_copy all allclose ' +
  'alpha_dropout_ amax amin aminmax angle any arccos arccos_ arccosh arccosh_ arcsin arcsin_ arcsinh arcsinh_ ' +
  'arctan arctan2 arctan2_ arctan_ arctanh arctanh_ argmax argmin argsort argwhere as_strided as_strided_ ' +
  'as_strided_copy as_strided_scatter asin asin_ asinh asinh_ atan atan2 atan2_ atan_ atanh atanh_ atleast_1d ' +
  'atleast_2d atleast_3d avg_pool1d avg_pool2d avg_pool3d baddbmm baddbmm_ bernoulli bernoulli_ ' +
  'binary_cross_entropy binary_cross_entropy_with_logits bincount bitwise_and bitwise_and_ bitwise_left_shift ' +
  'bitwise_left_shift_ bitwise_not bitwise_not_ bitwise_or bitwise_or_ bitwise_right_shift bitwise_right_shift_ ' +
  'bitwise_xor bitwise_xor_ bmm broadcast_to bucketize cauchy cauchy_ ccol_indices ccol_indices_copy ceil ceil_ ' +
  'celu celu_ chalf channel_shuffle cholesky cholesky_inverse cholesky_solve chunk clamp clamp_ clamp_max ' +
  'clamp_max_ clamp_min clamp_min_ clip clip_ clone coalesce col2im col_indices col_indices_copy combinations ' +
  'conj conj_physical conj_physical_ constant_pad_nd contiguous conv_depthwise3d conv_tbc conv_tbc_backward copy ' +
  'copy_ copy_sparse_to_sparse copy_sparse_to_sparse_ copysign copysign_ corrcoef cos cos_ cosh cosh_ ' +
  'count_nonzero cov cross cross_entropy_loss crow_indices crow_indices_copy cudnn_convolution ' +
  'cudnn_convolution_add_relu cudnn_convolution_relu cudnn_convolution_transpose cudnn_grid_sampler ' +
  'cudnn_grid_sampler_backward cudnn_is_acceptable cummax cummin cumprod cumprod_ cumsum cumsum_ deg2rad deg2rad_ ' +
  'dense_dim dequantize det detach detach_copy diag diag_embed diagflat diagonal diagonal_copy diagonal_scatter ' +
  'diff digamma digamma_ dim dist div div_ divide divide_ dot dropout_ dsplit elu elu_ embedding_renorm ' +
  'embedding_renorm_ empty_like eq eq_ equal erf erf_ erfc erfc_ erfinv erfinv_ exp exp2 exp2_ exp_ expand ' +
  'expand_as expand_copy expm1 expm1_ exponential exponential_ fake_quantize_per_channel_affine ' +
  'fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine ' +
  'fake_quantize_per_tensor_affine_cachemask feature_alpha_dropout_ feature_dropout_ fill fill_ fill_diagonal_ ' +
  'fix fix_ flatten flip fliplr flipud float_power float_power_ floor floor_ floor_divide floor_divide_ fmax fmin ' +
  'fmod fmod_ frac frac_ fractional_max_pool2d fractional_max_pool3d frexp frobenius_norm full_like ' +
  'fused_moving_avg_obs_fake_quant gather gcd gcd_ ge ge_ gelu gelu_ geometric geometric_ geqrf ger get_device ' +
  'glu gradient greater greater_ greater_equal greater_equal_ gt gt_ hardshrink hardsigmoid hardsigmoid_ ' +
  'hardswish hardswish_ hardtanh hardtanh_ hash_tensor heaviside heaviside_ hinge_embedding_loss histc histogram ' +
  'histogramdd hsplit huber_loss hypot hypot_ i0 i0_ igamma igamma_ igammac igammac_ im2col index_add index_add_ ' +
  'index_copy index_copy_ index_fill index_fill_ index_put index_reduce index_reduce_ index_select indices ' +
  'indices_copy inner int_repr inverse is_coalesced is_complex is_conj is_contiguous is_distributed ' +
  'is_floating_point is_inference is_neg is_nonzero is_pinned is_same_size is_set_to is_signed isclose isfinite ' +
  'isinf isnan isneginf isposinf isreal istft kl_div kron kthvalue l1_loss lcm lcm_ ldexp ldexp_ le le_ ' +
  'leaky_relu leaky_relu_ lerp lerp_ less less_ less_equal less_equal_ lgamma lgamma_ lift lift_fresh ' +
  'lift_fresh_copy linear_backward log log10 log10_ log1p log1p_ log2 log2_ log_ log_normal log_normal_ ' +
  'log_sigmoid log_sigmoid_forward log_softmax logaddexp logaddexp2 logcumsumexp logdet logical_and logical_and_ ' +
  'logical_not logical_not_ logical_or logical_or_ logical_xor logical_xor_ logit logit_ logsumexp lt lt_ ' +
  'lu_solve masked_fill masked_fill_ masked_scatter masked_scatter_ masked_select matmul matrix_exp ' +
  'matrix_exp_backward matrix_power max max_pool1d max_pool1d_with_indices max_pool2d max_pool2d_with_indices ' +
  'max_pool3d max_pool3d_with_indices max_unpool2d max_unpool3d maximum mean median min minimum ' +
  'miopen_convolution miopen_convolution_add_relu miopen_convolution_relu miopen_convolution_transpose ' +
  'miopen_depthwise_convolution mish mish_ mkldnn_adaptive_avg_pool2d mkldnn_convolution mkldnn_linear ' +
  'mkldnn_linear_backward mkldnn_max_pool2d mkldnn_max_pool3d mkldnn_reorder_conv2d_weight ' +
  'mkldnn_reorder_conv3d_weight mm mode moveaxis movedim mps_convolution_backward ' +
  'mps_convolution_transpose_backward mse_loss msort mul mul_ multi_margin_loss multilabel_margin_loss ' +
  'multilabel_margin_loss_forward multinomial multiply multiply_ mv mvlgamma mvlgamma_ nan_to_num nan_to_num_ ' +
  'nanmean nanmedian nanquantile nansum narrow narrow_copy native_channel_shuffle native_norm ne ne_ neg neg_ ' +
  'negative negative_ nested_to_padded_tensor new_empty new_empty_strided new_full new_ones new_zeros nextafter ' +
  'nextafter_ nll_loss nll_loss2d nll_loss2d_forward nll_loss_forward nll_loss_nd nonzero nonzero_numpy ' +
  'nonzero_static norm normal_ normal_functional not_equal not_equal_ nuclear_norm numel one_hot ones_like orgqr ' +
  'ormqr outer output_nr pad pdist permute permute_copy pin_memory pinverse pixel_shuffle pixel_unshuffle poisson ' +
  'polygamma_ positive pow pow_ prelu prod put put_ q_per_channel_axis q_per_channel_scales ' +
  'q_per_channel_zero_points q_scale q_zero_point qr qscheme quantile quantize_per_channel quantize_per_tensor ' +
  'quantize_per_tensor_dynamic quantized_max_pool1d quantized_max_pool2d quantized_max_pool3d rad2deg rad2deg_ ' +
  'rand_like randint_like randn_like random random_ ravel reciprocal reciprocal_ record_stream reflection_pad1d ' +
  'reflection_pad2d reflection_pad3d relu relu6 relu6_ relu_ remainder remainder_ renorm renorm_ repeat ' +
  'repeat_interleave replication_pad1d replication_pad2d replication_pad3d reshape reshape_as resize resize_ ' +
  'resize_as resize_as_ resize_as_sparse resize_as_sparse_ resolve_conj resolve_neg retain_grad roll rot90 round ' +
  'round_ row_indices row_indices_copy rrelu rrelu_ rrelu_with_noise rrelu_with_noise_ ' +
  'rrelu_with_noise_functional rsqrt rsqrt_ rsub scatter scatter_ scatter_add scatter_add_ scatter_reduce ' +
  'scatter_reduce_ select select_copy select_scatter selu selu_ set set_ sgn sgn_ sigmoid sigmoid_ sign sign_ ' +
  'signbit silu silu_ sin sin_ sinc sinc_ sinh sinh_ slice slice_copy slice_inverse slice_scatter slogdet ' +
  'slow_conv3d slow_conv3d_forward slow_conv_dilated2d slow_conv_dilated3d slow_conv_transpose2d ' +
  'slow_conv_transpose3d smm smooth_l1_loss soft_margin_loss softmax softplus softshrink sort sparse_dim ' +
  'sparse_mask sparse_resize sparse_resize_ sparse_resize_and_clear sparse_resize_and_clear_ sparse_sampled_addmm ' +
  'split split_copy split_with_sizes split_with_sizes_copy sqrt sqrt_ square square_ squeeze squeeze_ ' +
  'squeeze_copy sspaddmm std std_mean stft storage_offset sub sub_ subtract subtract_ sum sum_to_size svd ' +
  'swapaxes swapaxes_ swapdims swapdims_ sym_is_contiguous sym_numel sym_size sym_storage_offset sym_stride t t_ ' +
  't_copy take take_along_dim tan tan_ tanh tanh_ tensor_split tensordot thnn_conv2d threshold threshold_ tile ' +
  'to_dense to_mkldnn to_padded_tensor to_sparse to_sparse_bsc to_sparse_bsr to_sparse_csc to_sparse_csr topk ' +
  'trace transpose transpose_ transpose_copy triangular_solve tril tril_ triu triu_ true_divide true_divide_ ' +
  'trunc trunc_ type_as unbind unbind_copy unflatten unfold unfold_copy uniform uniform_ unique_consecutive ' +
  'unique_dim unique_dim_consecutive unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_ ' +
  'unsqueeze_copy upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d ' +
  'upsample_nearest3d upsample_trilinear3d values values_copy var var_mean vdot view view_as view_as_complex ' +
  'view_as_complex_copy view_as_real view_as_real_copy view_copy vsplit xlogy xlogy_ zero zero_ zeros_like'
).split(' ');
