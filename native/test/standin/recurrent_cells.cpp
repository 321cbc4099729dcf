#include "test/standin/recurrent_cells.h"

namespace continual::standin {
namespace {

at::Tensor biased(const at::Tensor& gates, const OptionalTensor& bias) {
  return bias && bias->defined() ? gates + *bias : gates;
}

at::Tensor or_zeros(const OptionalTensor& grad, const at::Tensor& like) {
  return grad && grad->defined() ? *grad : at::zeros_like(like);
}

/// Through a sigmoid whose value is `y`.
at::Tensor through_sigmoid(const at::Tensor& grad, const at::Tensor& y) { return grad * y * (1 - y); }
at::Tensor through_tanh(const at::Tensor& grad, const at::Tensor& y) { return grad * (1 - y * y); }

}  // namespace

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell(const at::Tensor& input_gates, const at::Tensor& hidden_gates,
                                                         const at::Tensor& cx, const OptionalTensor& input_bias,
                                                         const OptionalTensor& hidden_bias) {
  const auto gates = (biased(input_gates, input_bias) + biased(hidden_gates, hidden_bias)).chunk(4, 1);
  const at::Tensor in = gates[0].sigmoid(), forget = gates[1].sigmoid(), cell = gates[2].tanh(),
                   out = gates[3].sigmoid();
  const at::Tensor cy = forget * cx + in * cell;
  return {out * cy.tanh(), cy, at::cat({in, forget, cell, out}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> lstm_cell_backward(const OptionalTensor& grad_hy,
                                                                  const OptionalTensor& grad_cy, const at::Tensor& cx,
                                                                  const at::Tensor& cy, const at::Tensor& workspace,
                                                                  bool has_bias) {
  const auto gates = workspace.chunk(4, 1);
  const at::Tensor &in = gates[0], &forget = gates[1], &cell = gates[2], &out = gates[3];
  const at::Tensor of_hy = or_zeros(grad_hy, cy), squashed = cy.tanh();
  const at::Tensor of_cy = through_tanh(of_hy * out, squashed) + or_zeros(grad_cy, cy);
  const at::Tensor of_gates = at::cat({through_sigmoid(of_cy * cell, in), through_sigmoid(of_cy * cx, forget),
                                       through_tanh(of_cy * in, cell), through_sigmoid(of_hy * squashed, out)},
                                      1);
  return {of_gates, of_cy * forget, has_bias ? of_gates.sum(0) : at::Tensor()};
}

std::tuple<at::Tensor, at::Tensor> gru_cell(const at::Tensor& input_gates, const at::Tensor& hidden_gates,
                                            const at::Tensor& hx, const OptionalTensor& input_bias,
                                            const OptionalTensor& hidden_bias) {
  const auto in = biased(input_gates, input_bias).chunk(3, 1);
  const auto hidden = biased(hidden_gates, hidden_bias).chunk(3, 1);
  const at::Tensor reset = (in[0] + hidden[0]).sigmoid(), update = (in[1] + hidden[1]).sigmoid();
  const at::Tensor fresh = (in[2] + reset * hidden[2]).tanh();
  return {fresh + update * (hx - fresh), at::cat({reset, update, fresh, hx, hidden[2]}, 1)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor> gru_cell_backward(const at::Tensor& grad_hy,
                                                                                         const at::Tensor& workspace,
                                                                                         bool has_bias) {
  const auto kept = workspace.chunk(5, 1);
  const at::Tensor &reset = kept[0], &update = kept[1], &fresh = kept[2], &hx = kept[3], &hidden_new = kept[4];
  const at::Tensor of_update = through_sigmoid(grad_hy * (hx - fresh), update);
  const at::Tensor of_fresh = through_tanh(grad_hy * (1 - update), fresh);
  const at::Tensor of_reset = through_sigmoid(of_fresh * hidden_new, reset);
  const at::Tensor of_input = at::cat({of_reset, of_update, of_fresh}, 1);
  const at::Tensor of_hidden = at::cat({of_reset, of_update, of_fresh * reset}, 1);
  const auto of_bias = [&](const at::Tensor& grad) { return has_bias ? grad.sum(0) : at::Tensor(); };
  return {of_input, of_hidden, grad_hy * update, of_bias(of_input), of_bias(of_hidden)};
}

}  // namespace continual::standin
