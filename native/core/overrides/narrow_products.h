// Products of float32 matrices of which one side, the rows of a small mini-batch, is short.
#pragma once

#include "core/torch.h"

namespace continual {

/// Whether `narrow_product` is there on this processor.
bool has_narrow_product();

/// Whether it is there and the quickest way for `left [M, K]` times `right [K, N]`, float32
/// matrices on the CPU, each contiguous or transposed.
bool is_narrow(const at::Tensor& left, const at::Tensor& right);

/// left right + bias; `bias [N]`, contiguous, may be undefined. General kernels first copy a matrix into the order that
/// they want to read it in, which pays when it is read many times: here every element is read once or twice, and
/// copying takes as long as the product. Each element of the result is summed in an order that depends on K alone.
at::Tensor narrow_product(const at::Tensor& left, const at::Tensor& right, const at::Tensor& bias);

}  // namespace continual
