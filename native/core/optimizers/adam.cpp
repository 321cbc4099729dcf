#include "core/optimizers/adam.h"

namespace continual {

std::vector<std::string> Adam::state_names() const {
  if (options_.amsgrad) return {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"};
  return {"exp_avg", "exp_avg_sq"};
}

void Adam::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                int64_t steps_done) const {
  const std::vector<at::Tensor> max_second(state.begin() + 2, state.end());
  const at::Tensor steps = at::full({}, static_cast<double>(steps_done + 1), values.options().dtype(at::kFloat));
  const auto fused = options_.decoupled_weight_decay
                         ? static_cast<decltype(&at::_ops::_fused_adam_::call)>(&at::_ops::_fused_adamw_::call)
                         : &at::_ops::_fused_adam_::call;
  fused({values}, {grads}, {state[0]}, {state[1]}, max_second, {steps}, options_.lr, options_.beta1, options_.beta2,
        options_.weight_decay, options_.eps, options_.amsgrad, options_.maximize, /*grad_scale=*/{}, /*found_inf=*/{});
}

}  // namespace continual
