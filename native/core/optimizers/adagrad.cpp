#include "core/optimizers/adagrad.h"

namespace continual {
namespace {

/// As PyTorch's loop over the parameters computes it.
void step_by_operators(const AdagradOptions& options, const at::Tensor& values, const at::Tensor& grads,
                       const at::Tensor& sum, int64_t steps_done) {
  at::Tensor grad = options.maximize ? -grads : grads;
  if (options.weight_decay != 0) grad = grad.add(values, options.weight_decay);
  sum.addcmul_(grad, grad);
  const double lr = options.lr / (1 + static_cast<double>(steps_done) * options.lr_decay);
  values.addcdiv_(grad, sum.sqrt().add_(options.eps), -lr);
}

}  // namespace

void Adagrad::step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                   int64_t steps_done, const std::optional<at::Tensor>& found_inf) const {
  if (steps_done == 0) state[0].fill_(options_.initial_accumulator_value);
  if (rounds_by_place(values)) {
    return unless_found(found_inf, values, state,
                        [&] { step_by_operators(options_, values, grads, state[0], steps_done); });
  }
  const at::Tensor steps = at::full({}, static_cast<double>(steps_done + 1), values.options().dtype(at::kFloat));
  at::_fused_adagrad_({values}, {grads}, {state[0]}, {steps}, options_.lr, options_.lr_decay, options_.weight_decay,
                      options_.eps, options_.maximize, /*grad_scale=*/{}, found_inf);
}

std::string Adagrad::refuses_sparse() const {
  return options_.weight_decay == 0 ? "" : "Adagrad takes no sparse gradients together with weightDecay";
}

/// Elements that the gradient does not name rest.
void Adagrad::step_sparse(const at::Tensor& values, const at::Tensor& grad, const std::vector<at::Tensor>& state,
                          int64_t steps_done) const {
  if (steps_done == 0) state[0].fill_(options_.initial_accumulator_value);
  const at::Tensor coalesced = (options_.maximize ? grad.neg() : grad).coalesce();
  const auto sparse = [&](const at::Tensor& elements) {
    return at::_sparse_coo_tensor_unsafe(coalesced._indices(), elements, coalesced.sizes(), coalesced.options());
  };
  const at::Tensor elements = coalesced._values();
  state[0].add_(sparse(elements.square()));
  const at::Tensor std = state[0].sparse_mask(coalesced)._values().sqrt_().add_(options_.eps);
  const double lr = options_.lr / (1 + static_cast<double>(steps_done) * options_.lr_decay);
  values.add_(sparse(elements / std), -lr);
}

}  // namespace continual
