// The cells of recurrent layers, which libtorch has as one kernel on a GPU and as several operators on the CPU.
#pragma once

#include "core/torch.h"

namespace continual::standin {

using OptionalTensor = std::optional<at::Tensor>;

/// Gates [B, 4 H] in the order input, forget, cell, output. Returns hy, cy, and the activated gates for backward.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell(const at::Tensor& input_gates, const at::Tensor& hidden_gates,
                                                         const at::Tensor& cx, const OptionalTensor& input_bias,
                                                         const OptionalTensor& hidden_bias);
/// Gradients of the gates, of cx, and of each bias.
std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell_backward(const OptionalTensor& grad_hy,
                                                                  const OptionalTensor& grad_cy, const at::Tensor& cx,
                                                                  const at::Tensor& cy, const at::Tensor& workspace,
                                                                  bool has_bias);

/// Gates [B, 3 H] in the order reset, update, new. Returns hy, and reset, update, new, hx and the hidden part of new.
std::tuple<at::Tensor, at::Tensor> gru_cell(const at::Tensor& input_gates, const at::Tensor& hidden_gates,
                                            const at::Tensor& hx, const OptionalTensor& input_bias,
                                            const OptionalTensor& hidden_bias);
/// Gradients of both gates, of hx, and of both biases.
std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> gru_cell_backward(const at::Tensor& grad_hy,
                                                                                         const at::Tensor& workspace,
                                                                                         bool has_bias);

}  // namespace continual::standin
