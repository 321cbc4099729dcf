#include "core/optimizers/adam.h"

#include <cmath>

namespace continual {
namespace {

/// As PyTorch's loop over the parameters computes it.
void step_by_operators(const AdamOptions& options, const at::Tensor& values, const at::Tensor& grads,
                       const std::vector<at::Tensor>& state, int64_t steps_done) {
  at::Tensor grad = options.maximize ? -grads : grads;
  if (options.weight_decay != 0) {
    if (options.decoupled_weight_decay) scale(values, 1 - options.lr * options.weight_decay);
    else grad = grad.add(values, options.weight_decay);
  }
  state[0].lerp_(grad, 1 - options.beta1);
  scale(state[1], options.beta2).addcmul_(grad, grad, 1 - options.beta2);
  if (options.amsgrad) at::maximum_out(const_cast<at::Tensor&>(state[2]), state[2], state[1]);
  const auto step = static_cast<double>(steps_done + 1);
  const double step_size = options.lr / (1 - std::pow(options.beta1, step));
  const double correction = std::sqrt(1 - std::pow(options.beta2, step));
  values.addcdiv_(state[0], (state.back().sqrt() / correction).add_(options.eps), -step_size);
}

}  // namespace

std::vector<std::string> Adam::state_names() const {
  if (options_.amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

void Adam::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                int64_t steps_done, const std::optional<at::Tensor>& found_inf) const {
  if (rounds_by_place(values)) {
    return unless_found(found_inf, values, state,
                        [&] { step_by_operators(options_, values, grads, state, steps_done); });
  }
  const std::vector<at::Tensor> max_second(state.begin() + 2, state.end());
  const at::Tensor steps = at::full({}, static_cast<double>(steps_done + 1), values.options().dtype(at::kFloat));
  const auto fused = options_.decoupled_weight_decay
                         ? static_cast<decltype(&at::_ops::_fused_adam_::call)>(&at::_ops::_fused_adamw_::call)
                         : &at::_ops::_fused_adam_::call;
  fused({values}, {grads}, {state[0]}, {state[1]}, max_second, {steps}, options_.lr, options_.beta1, options_.beta2,
        options_.weight_decay, options_.eps, options_.amsgrad, options_.maximize, /*grad_scale=*/{}, found_inf);
}

}  // namespace continual
