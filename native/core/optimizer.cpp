#include "core/optimizer.h"

#include <unordered_map>
#include <unordered_set>

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

void Optimizer::update(const NamedTensors& now, const NamedTensors& known, bool remove_params) {
  std::unordered_map<std::string, at::Tensor> before(known.begin(), known.end());
  std::unordered_map<at::TensorImpl*, size_t> place;
  for (size_t i = 0; i < parameters_.size(); ++i) place.emplace(parameters_[i].unsafeGetTensorImpl(), i);
  std::vector<bool> found(parameters_.size(), false);
  std::vector<at::Tensor> added;
  for (const auto& [name, parameter] : now) {
    const auto old = before.find(name);
    const auto slot = place.find((old == before.end() ? parameter : old->second).unsafeGetTensorImpl());
    if (slot == place.end()) {
      added.push_back(parameter);
    } else {
      found[slot->second] = true;
      parameters_[slot->second] = parameter;
    }
  }
  std::vector<at::Tensor> kept;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (found[i] || !remove_params) kept.push_back(parameters_[i]);
  }
  kept.insert(kept.end(), added.begin(), added.end());
  parameters_ = std::move(kept);
}

void Optimizer::attach(std::shared_ptr<FlatParameters> next) {
  std::unordered_set<at::TensorImpl*> mine;
  for (const at::Tensor& parameter : parameters_) mine.insert(parameter.unsafeGetTensorImpl());
  owned_.clear();
  for (const ParameterSlot& slot : next->slots())
    owned_.push_back(mine.count(slot.parameter.unsafeGetTensorImpl()) > 0);
  if (flat_ == next) return;
  State state;
  state.steps.assign(next->slots().size(), 0);

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

void Optimizer::zero_grad() {
  for (at::Tensor& parameter : parameters_) parameter.mutable_grad().reset();
}

at::Tensor& Optimizer::buffer(at::Tensor& tensor) {
  if (!tensor.defined()) tensor = at::zeros_like(flat_->values());
  return tensor;
}

void Optimizer::step() {
  at::NoGradGuard no_grad;
  FlatParameters& parameters = flat();
  parameters.settle();
  const auto has_grad = [&](size_t slot) -> int64_t {
    return owned_[slot] && parameters.slots()[slot].parameter.grad().defined() ? state_.steps[slot] : -1;
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
