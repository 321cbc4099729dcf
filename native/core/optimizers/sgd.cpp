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

}  // namespace continual
