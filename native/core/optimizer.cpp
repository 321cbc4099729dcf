#include "core/optimizer.h"

#include <unordered_map>

namespace continual {

Optimizer::Optimizer(std::vector<at::Tensor> parameters, OptimizerOptions options)
    : parameters_(std::move(parameters)), options_(std::move(options)) {}

FlatParameters& Optimizer::flat() {
  if (!flat_) {
    std::vector<std::pair<std::string, at::Tensor>> named;
    for (const at::Tensor& parameter : parameters_) named.emplace_back("", parameter);
    attach(FlatParameters::create(named));
  }
  return *flat_;
}

void Optimizer::attach(std::shared_ptr<FlatParameters> next) {
  if (flat_ == next) return;
  State state;
  state.steps.assign(next->slots().size(), 0);
  parameters_.clear();
  for (const ParameterSlot& slot : next->slots()) parameters_.push_back(slot.parameter);

  if (flat_) {
    std::unordered_map<at::TensorImpl*, size_t> old_slots;
    for (size_t i = 0; i < flat_->slots().size(); ++i) {
      old_slots.emplace(flat_->slots()[i].parameter.unsafeGetTensorImpl(), i);
    }
    const auto carry = [&](const at::Tensor& from, at::Tensor& to) {
      if (!from.defined()) return;
      to = at::zeros_like(next->values());
      for (size_t i = 0; i < next->slots().size(); ++i) {
        const ParameterSlot& slot = next->slots()[i];
        const auto old = old_slots.find(slot.parameter.unsafeGetTensorImpl());
        if (old == old_slots.end() || flat_->slots()[old->second].numel != slot.numel) continue;
        to.narrow(0, slot.offset, slot.numel).copy_(from.narrow(0, flat_->slots()[old->second].offset, slot.numel));
        state.steps[i] = state_.steps[old->second];
      }
    };
    carry(state_.momentum, state.momentum);
    carry(state_.second, state.second);
    carry(state_.max_second, state.max_second);
  }
  flat_ = std::move(next);
  state_ = std::move(state);
}

void Optimizer::reset_state() {
  state_ = State{};
  if (flat_) state_.steps.assign(flat_->slots().size(), 0);
}

void Optimizer::zero_grad() { flat().zero_grad(); }

at::Tensor& Optimizer::buffer(at::Tensor& tensor) {
  if (!tensor.defined()) tensor = at::zeros_like(flat_->values());
  return tensor;
}

void Optimizer::step() {
  at::NoGradGuard no_grad;
  FlatParameters& parameters = flat();
  parameters.settle();
  const auto has_grad = [&](size_t slot) -> int64_t {
    return parameters.slots()[slot].parameter.grad().defined() ? state_.steps[slot] : -1;
  };
  for (const Run& run : parameters.runs(has_grad)) {
    std::visit([&](const auto& options) { step_run(options, run, state_.steps[run.first_slot]); }, options_);
  }
  for (size_t i = 0; i < state_.steps.size(); ++i) {
    if (has_grad(i) >= 0) ++state_.steps[i];
  }
}

void Optimizer::step_run(const SgdOptions& options, const Run& run, int64_t steps_done) {
  std::vector<at::Tensor> momentum;
  if (options.momentum != 0) momentum.push_back(buffer(state_.momentum).narrow(0, run.offset, run.numel));
  at::_fused_sgd_({flat_->values().narrow(0, run.offset, run.numel)}, {flat_->grads().narrow(0, run.offset, run.numel)},
                  momentum, options.weight_decay, options.momentum, options.lr, options.dampening, options.nesterov,
                  options.maximize, /*is_first_step=*/steps_done == 0);
}

void Optimizer::step_run(const AdamOptions& options, const Run& run, int64_t steps_done) {
  const auto slice = [&](const at::Tensor& tensor) { return tensor.narrow(0, run.offset, run.numel); };
  const std::vector<at::Tensor> values{slice(flat_->values())}, grads{slice(flat_->grads())};
  const std::vector<at::Tensor> first{slice(buffer(state_.momentum))}, second{slice(buffer(state_.second))};
  std::vector<at::Tensor> max_second;
  if (options.amsgrad) max_second.push_back(slice(buffer(state_.max_second)));
  const std::vector<at::Tensor> steps{
      at::full({}, static_cast<double>(steps_done + 1), flat_->values().options().dtype(at::kFloat))};
  const auto fused = options.decoupled_weight_decay
                         ? static_cast<decltype(&at::_ops::_fused_adam_::call)>(&at::_ops::_fused_adamw_::call)
                         : &at::_ops::_fused_adam_::call;
  fused(values, grads, first, second, max_second, steps, options.lr, options.beta1, options.beta2, options.weight_decay,
        options.eps, options.amsgrad, options.maximize, /*grad_scale=*/{}, /*found_inf=*/{});
}

}  // namespace continual
