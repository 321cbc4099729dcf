#include "core/optimizers/adagrad.h"

namespace continual {

void Adagrad::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                   int64_t steps_done) const {
  if (steps_done == 0) state[0].fill_(options_.initial_accumulator_value);
  const at::Tensor steps = at::full({}, static_cast<double>(steps_done + 1), values.options().dtype(at::kFloat));
  at::_fused_adagrad_({values}, {grads}, {state[0]}, {steps}, options_.lr, options_.lr_decay, options_.weight_decay,
                      options_.eps, options_.maximize);
}

}  // namespace continual
