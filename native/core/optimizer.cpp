#include "core/optimizer.h"

#include <unordered_map>
#include <unordered_set>

#include "core/name_groups.h"

namespace continual {
namespace {

/// SGD remembers nothing without momentum.
bool has_state(const OptimizerOptions& options) {
  const auto* sgd = std::get_if<SgdOptions>(&options);
  return !sgd || sgd->momentum != 0;
}

struct Place {
  size_t group;
  size_t index;
};

}  // namespace

Optimizer::Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}

std::vector<at::Tensor> Optimizer::parameters() const {
  std::vector<at::Tensor> all;
  for (const ParameterGroup& group : groups_) all.insert(all.end(), group.parameters.begin(), group.parameters.end());
  return all;
}

FlatParameters& Optimizer::flat() {
  if (!flat_ || !is_laid_out_) {
    NamedTensors named;
    for (const at::Tensor& parameter : parameters()) named.emplace_back("", parameter);
    attach(FlatParameters::create(named));
  }
  return *flat_;
}

void Optimizer::update(const NamedTensors& now, const NamedTensors& known, bool remove_params) {
  const std::unordered_map<std::string, at::Tensor> before(known.begin(), known.end());
  std::unordered_map<at::TensorImpl*, Place> unmatched;
  for (size_t g = 0; g < groups_.size(); ++g) {
    const std::vector<at::Tensor>& parameters = groups_[g].parameters;
    for (size_t i = 0; i < parameters.size(); ++i) unmatched[parameters[i].unsafeGetTensorImpl()] = {g, i};
  }

  std::vector<std::pair<Place, at::Tensor>> matched;
  NamedTensors added;
  NameGroups names;
  for (const auto& [name, parameter] : now) {
    const auto old = before.find(name);
    auto slot = unmatched.find((old == before.end() ? parameter : old->second).unsafeGetTensorImpl());
    if (slot == unmatched.end()) slot = unmatched.find(parameter.unsafeGetTensorImpl());
    if (slot == unmatched.end()) {
      added.emplace_back(name, parameter);
    } else {
      names.add(name, slot->second.group);
      matched.emplace_back(slot->second, parameter);
      unmatched.erase(slot);
    }
  }
  std::vector<size_t> homes;
  for (const auto& [name, parameter] : added) homes.push_back(groups_.size() == 1 ? 0 : names.group_for(name));

  for (const auto& [place, parameter] : matched) {
    at::Tensor& slot = groups_[place.group].parameters[place.index];
    if (slot.is_same(parameter)) continue;
    forget(slot);
    forget(parameter);
    slot = parameter;
  }
  std::unordered_set<at::TensorImpl*> of_model;
  for (const auto& [name, parameter] : now) of_model.insert(parameter.unsafeGetTensorImpl());
  std::vector<std::unordered_set<size_t>> leaving(groups_.size());
  for (const auto& [parameter, place] : unmatched) {
    // A parameter that has taken another's place does not keep its own as well.
    if (!remove_params && !of_model.count(parameter)) continue;
    if (!of_model.count(parameter)) forget(groups_[place.group].parameters[place.index]);
    leaving[place.group].insert(place.index);
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    std::vector<at::Tensor> kept;
    for (size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      if (!leaving[g].count(i)) kept.push_back(groups_[g].parameters[i]);
    }
    groups_[g].parameters = std::move(kept);
  }
  for (size_t i = 0; i < added.size(); ++i) groups_[homes[i]].parameters.push_back(added[i].second);
  find_groups();
}

void Optimizer::find_groups() {
  std::unordered_map<at::TensorImpl*, int64_t> missing;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const at::Tensor& parameter : groups_[g].parameters) {
      missing.emplace(parameter.unsafeGetTensorImpl(), static_cast<int64_t>(g));
    }
  }
  group_of_slot_.clear();
  if (!flat_) return;
  for (const ParameterSlot& slot : flat_->slots()) {
    const auto found = missing.find(slot.parameter.unsafeGetTensorImpl());
    group_of_slot_.push_back(found == missing.end() ? -1 : found->second);
    if (found != missing.end()) missing.erase(found);
  }
  is_laid_out_ = missing.empty();
}

void Optimizer::forget(const at::Tensor& parameter) {
  if (!flat_) return;
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    if (!flat_->slots()[i].parameter.is_same(parameter)) continue;
    state_.steps[i] = 0;
    for (const at::Tensor& buffer : {state_.momentum, state_.second, state_.max_second}) {
      if (buffer.defined()) buffer.narrow(0, flat_->slots()[i].offset, flat_->slots()[i].numel).zero_();
    }
  }
}

void Optimizer::attach(std::shared_ptr<FlatParameters> next) {
  if (flat_ != next) {
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
  find_groups();
}

std::optional<ParameterState> Optimizer::state(const at::Tensor& parameter) const {
  if (!flat_) return std::nullopt;
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    if (!flat_->slots()[i].parameter.is_same(parameter) || group_of_slot_[i] < 0 || state_.steps[i] == 0) continue;
    const auto copy = [&](const at::Tensor& buffer) {
      return buffer.defined() ? flat_->slice(buffer, i).clone() : at::Tensor();
    };
    const auto* adam = std::get_if<AdamOptions>(&groups_[group_of_slot_[i]].options);
    return ParameterState{.steps = state_.steps[i],
                          .momentum = copy(state_.momentum),
                          .second = copy(state_.second),
                          .max_second = adam && adam->amsgrad ? copy(state_.max_second) : at::Tensor()};
  }
  return std::nullopt;
}

void Optimizer::reset_state() {
  state_ = State{};
  if (flat_) state_.steps.assign(flat_->slots().size(), 0);
}

void Optimizer::zero_grad() {
  for (const ParameterGroup& group : groups_) {
    for (const at::Tensor& parameter : group.parameters) parameter.mutable_grad().reset();
  }
}

at::Tensor& Optimizer::buffer(at::Tensor& tensor) {
  if (!tensor.defined()) tensor = at::zeros_like(flat_->values());
  return tensor;
}

void Optimizer::step() {
  at::NoGradGuard no_grad;
  FlatParameters& parameters = flat();
  parameters.settle();
  const auto group_count = static_cast<int64_t>(groups_.size());
  const auto group_and_steps = [&](size_t slot) -> int64_t {
    if (group_of_slot_[slot] < 0 || !parameters.slots()[slot].parameter.grad().defined()) return -1;
    return state_.steps[slot] * group_count + group_of_slot_[slot];
  };
  const auto options_of = [&](size_t slot) -> const OptimizerOptions& { return groups_[group_of_slot_[slot]].options; };
  for (const Run& run : parameters.runs(group_and_steps)) {
    std::visit([&](const auto& options) { step_run(options, run, state_.steps[run.first_slot]); },
               options_of(run.first_slot));
  }
  for (size_t i = 0; i < state_.steps.size(); ++i) {
    if (group_and_steps(i) >= 0 && has_state(options_of(i))) ++state_.steps[i];
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
