// Tensors made of bytes that lie somewhere already, and the bytes that lie under a tensor.
#pragma once

#include "core/torch.h"

namespace continual {

/// Bytes [offset, offset + length) of a one-dimensional uint8 tensor as a storage of its own (a uint8 tensor over all
/// of it). It shares the memory and keeps it alive; where the first byte does not lie at a multiple of `alignment`, it
/// is a copy. Throws ERR_SHAPE where the range leaves the tensor.
at::Tensor storage_of_bytes(const at::Tensor& bytes, int64_t offset, int64_t length, int64_t alignment);

/// Moves the bytes from `offset` on towards the front, over those before, until the first lies at a multiple of
/// `alignment`; returns by how many.
int64_t align_bytes(const at::Tensor& bytes, int64_t offset, int64_t alignment);

/// A tensor over the storage of `bytes`; offset and strides count elements. Throws ERR_SHAPE for what reaches beyond
/// the storage or overflows, has more than 64 dimensions, repeats its elements beyond all measure, or requires
/// gradients of integers.
at::Tensor tensor_in_storage(const at::Tensor& bytes, at::ScalarType type, int64_t offset, at::IntArrayRef sizes,
                             at::IntArrayRef strides, bool requires_grad);

/// Lets a tensor lie in the storage of `bytes` instead of its own memory, as `tensor_in_storage` does: for tensors that
/// are more than a dtype (quantized ones).
void place_in_storage(const at::Tensor& tensor, const at::Tensor& bytes, int64_t offset, at::IntArrayRef sizes,
                      at::IntArrayRef strides);

/// True where every byte is 0 or 1: others are no bools, and operators that count them would miscount.
bool are_bools(const at::Tensor& bytes);

/// How the elements of a tensor are stored: "dense", "quantized" (with scales beside its storage), "sparse" (of any
/// layout), "nested", "meta" (without data) or "other".
const char* storage_kind(const at::Tensor& tensor);

/// The whole storage under a tensor as a uint8 tensor. Throws ERR_INVALID_ARG_VALUE for a tensor without one (sparse,
/// nested, meta).
at::Tensor bytes_of_storage(const at::Tensor& tensor);

}  // namespace continual
