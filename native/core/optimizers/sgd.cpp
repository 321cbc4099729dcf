#include "core/optimizers/sgd.h"

namespace continual {

std::vector<std::string> Sgd::state_names() const {
  if (options_.momentum == 0) return {};
  return {"momentum_buffer"};
}

void Sgd::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
               int64_t steps_done) const {
  at::_fused_sgd_({values}, {grads}, state, options_.weight_decay, options_.momentum, options_.lr, options_.dampening,
                  options_.nesterov, options_.maximize, /*is_first_step=*/steps_done == 0);
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
    step(values.view(-1), grad.to_dense().view(-1), {state[0].view(-1)}, steps_done);
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
