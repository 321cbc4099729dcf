#include "core/optimizers/sgd.h"

namespace continual {
namespace {

/// As PyTorch's loop over the parameters computes it.
void step_by_operators(const SgdOptions& options, const at::Tensor& values, const at::Tensor& grads,
                       const std::vector<at::Tensor>& state, bool is_first_step) {
  at::Tensor grad = options.maximize ? -grads : grads;
  if (options.weight_decay != 0) grad = grad.add(values, options.weight_decay);
  if (options.momentum != 0) {
    const at::Tensor& momentum = state[0];
    if (is_first_step) momentum.copy_(grad);
    else scale(momentum, options.momentum).add_(grad, 1 - options.dampening);
    grad = options.nesterov ? grad.add(momentum, options.momentum) : momentum;
  }
  values.add_(grad, -options.lr);
}

}  // namespace

std::vector<std::string> Sgd::state_names() const {
  if (options_.momentum == 0) return {};
  return {"momentum_buffer"};
}

void Sgd::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
               int64_t steps_done, const std::optional<at::Tensor>& found_inf) const {
  if (rounds_by_place(values)) {
    return unless_found(found_inf, values, state,
                        [&] { step_by_operators(options_, values, grads, state, steps_done == 0); });
  }
  at::_fused_sgd_({values}, {grads}, state, options_.weight_decay, options_.momentum, options_.lr, options_.dampening,
                  options_.nesterov, options_.maximize, /*is_first_step=*/steps_done == 0, /*grad_scale=*/{},
                  found_inf);
}

std::string Sgd::refuses_sparse() const {
  return options_.weight_decay == 0 ? "" : "SGD takes no sparse gradients together with weightDecay";
}

/// Momentum moves every element; without it only those move that the gradient names.
void Sgd::step_sparse(const at::Tensor& values, const at::Tensor& grad, const std::vector<at::Tensor>& state,
                      int64_t steps_done) const {
  if (options_.momentum == 0) {
    values.add_(grad, options_.maximize ? options_.lr : -options_.lr);
  } else {
    step(stretch(values), stretch(grad.to_dense().resolve_conj()), {stretch(state[0])}, steps_done);
  }
}

/// With k = lr h on a parabola of second derivative h, theta and the buffer follow a linear map; its eigenvalues are
/// inside of the unit circle for k (1 - dampening) < 2 (1 + m), with Nesterov's for k < 2 (1 + m) / (1 + 2 m).
std::optional<double> Sgd::largest_stable_curvature() const {
  const double momentum = options_.momentum;
  const double reach = 2 * (1 + momentum) / (options_.nesterov ? 1 + 2 * momentum : 1);
  const double gain = options_.lr * (momentum == 0 ? 1 : 1 - options_.dampening);
  return reach / gain - options_.weight_decay;
}

}  // namespace continual
