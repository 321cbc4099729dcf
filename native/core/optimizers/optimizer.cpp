#include "core/optimizers/optimizer.h"

#include <unordered_map>
#include <unordered_set>

#include "core/error.h"
#include "core/optimizers/name_groups.h"

namespace continual {
namespace {

struct Place {
  size_t group;
  size_t index;
};

std::string quoted(const std::string& name, size_t index) {
  return name.empty() ? "parameter " + std::to_string(index) : '"' + name + '"';
}

/// Throws ERR_STATE_DICT where `state` is not what `rule` remembers of such a parameter.
void check_state(const UpdateRule& rule, const ParameterState& state, const at::Tensor& parameter,
                 const std::string& name) {
  const auto refuse = [&](const std::string& expected, const std::string& got) {
    throw Error("ERR_STATE_DICT", "loadStateDict: expected " + expected + " for " + name + ", got " + got);
  };
  const auto listed = [](const auto& names) { return names.empty() ? "no state" : c10::Join(", ", names); };
  std::vector<std::string> given;
  for (const auto& [key, tensor] : state.tensors) given.push_back(key);
  const std::vector<std::string> known = rule.state_names();
  if (rule.counts_steps() && state.steps < 0) refuse("step, " + listed(known), listed(given));
  for (const std::string& key : known) {
    if (std::find(given.begin(), given.end(), key) == given.end()) refuse(listed(known), listed(given));
  }
  for (const auto& [key, tensor] : state.tensors) {
    if (std::find(known.begin(), known.end(), key) == known.end()) refuse(listed(known), listed(given));
    if (tensor.sizes() != parameter.sizes()) {
      refuse(key + " of shape " + c10::str(parameter.sizes()), c10::str(tensor.sizes()));
    }
    if (tensor.is_complex() && !parameter.is_complex())
      refuse(key + " as real numbers", toString(tensor.scalar_type()));
  }
}

}  // namespace

Optimizer::Optimizer(std::vector<ParameterGroup> groups) : groups_(std::move(groups)) {}

std::vector<at::Tensor> Optimizer::parameters() const {
  std::vector<at::Tensor> all;
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, parameter] : group.parameters) all.push_back(parameter);
  }
  return all;
}

FlatParameters& Optimizer::flat() {
  if (!flat_ || !is_laid_out_ || flat_->misfit()) {
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
    const NamedTensors& parameters = groups_[g].parameters;
    for (size_t i = 0; i < parameters.size(); ++i) unmatched[parameters[i].second.unsafeGetTensorImpl()] = {g, i};
  }

  std::vector<std::pair<Place, NamedTensors::value_type>> matched;
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
      matched.emplace_back(slot->second, NamedTensors::value_type(name, parameter));
      unmatched.erase(slot);
    }
  }
  std::vector<size_t> homes;
  for (const auto& [name, parameter] : added) homes.push_back(groups_.size() == 1 ? 0 : names.group_for(name));

  for (const auto& [place, parameter] : matched) {
    NamedTensors::value_type& slot = groups_[place.group].parameters[place.index];
    if (!slot.second.is_same(parameter.second)) {
      forget(slot.second);
      forget(parameter.second);
    }
    slot = parameter;
  }
  std::unordered_set<at::TensorImpl*> of_model;
  for (const auto& [name, parameter] : now) of_model.insert(parameter.unsafeGetTensorImpl());
  std::vector<std::unordered_set<size_t>> leaving(groups_.size());
  for (const auto& [parameter, place] : unmatched) {
    // A parameter that has taken another's place does not keep its own as well.
    if (!remove_params && !of_model.count(parameter)) continue;
    if (!of_model.count(parameter)) forget(groups_[place.group].parameters[place.index].second);
    leaving[place.group].insert(place.index);
  }
  for (size_t g = 0; g < groups_.size(); ++g) {
    NamedTensors kept;
    for (size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      if (!leaving[g].count(i)) kept.push_back(groups_[g].parameters[i]);
    }
    groups_[g].parameters = std::move(kept);
  }
  for (size_t i = 0; i < added.size(); ++i) groups_[homes[i]].parameters.push_back(added[i]);
  find_groups();
}

void Optimizer::find_groups() {
  std::unordered_map<at::TensorImpl*, int64_t> missing;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (const auto& [name, parameter] : groups_[g].parameters) {
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
    for (const auto& [name, tensors] : state_.buffers) {
      const at::Tensor& whole = tensors[flat_->slots()[i].buffer];
      if (whole.defined()) whole.narrow(0, flat_->slots()[i].offset, flat_->slots()[i].numel).zero_();
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
      for (const auto& [name, from] : state_.buffers) {
        FlatTensors& to = state.buffers[name];
        to.resize(next->values().size());
        for (size_t i = 0; i < next->slots().size(); ++i) {
          const ParameterSlot& slot = next->slots()[i];
          const auto found = old_slots.find(slot.parameter.unsafeGetTensorImpl());
          if (found == old_slots.end()) continue;
          const ParameterSlot& old = flat_->slots()[found->second];
          if (old.numel != slot.numel || !from[old.buffer].defined()) continue;
          at::Tensor& whole = to[slot.buffer];
          if (!whole.defined()) whole = at::zeros_like(next->values()[slot.buffer]);
          whole.narrow(0, slot.offset, slot.numel).copy_(from[old.buffer].narrow(0, old.offset, old.numel));
          state.steps[i] = state_.steps[found->second];
        }
      }
    }
    flat_ = std::move(next);
    state_ = std::move(state);
    latest_update_.assign(flat_->slots().size(), 0);
  }
  find_groups();
}

std::optional<ParameterState> Optimizer::state(const at::Tensor& parameter) const {
  if (!flat_) return std::nullopt;
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    const ParameterSlot& slot = flat_->slots()[i];
    if (!slot.parameter.is_same(parameter) || group_of_slot_[i] < 0 || state_.steps[i] == 0) continue;
    if (parameter.numel() != slot.numel) continue;
    if (rule_of(i).state_names().empty()) continue;
    ParameterState state{.steps = state_.steps[i], .tensors = {}};
    for (const std::string& name : rule_of(i).state_names()) {
      const auto found = state_.buffers.find(name);
      // An option that has been set since the last step may want more than there is.
      const bool is_there = found != state_.buffers.end() && found->second[slot.buffer].defined();
      state.tensors.emplace_back(name, is_there ? flat_->slice(found->second, i) : at::zeros_like(slot.parameter));
    }
    return state;
  }
  return std::nullopt;
}

void Optimizer::reset_state() {
  state_ = State{};
  if (flat_) state_.steps.assign(flat_->slots().size(), 0);
}

void Optimizer::add_group(ParameterGroup group) {
  groups_.push_back(std::move(group));
  find_groups();
}

void Optimizer::set_parameters(size_t group, NamedTensors parameters) {
  std::unordered_map<at::TensorImpl*, std::string> names;
  for (const ParameterGroup& other : groups_) {
    for (const auto& [name, parameter] : other.parameters) names.emplace(parameter.unsafeGetTensorImpl(), name);
  }
  for (auto& [name, parameter] : parameters) {
    const auto known = names.find(parameter.unsafeGetTensorImpl());
    if (name.empty() && known != names.end()) name = known->second;
  }
  groups_.at(group).parameters = std::move(parameters);
  find_groups();
}

const UpdateRule* Optimizer::rule_for(const at::Tensor& parameter) const {
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, other] : group.parameters) {
      if (other.is_same(parameter)) return group.rule.get();
    }
  }
  return nullptr;
}

void Optimizer::load(std::vector<std::shared_ptr<const UpdateRule>> rules,
                     const std::vector<std::vector<std::optional<ParameterState>>>& states) {
  at::NoGradGuard no_grad;
  std::unordered_map<at::TensorImpl*, const ParameterState*> of_parameter;
  size_t position = 0;
  for (size_t g = 0; g < groups_.size(); ++g) {
    for (size_t i = 0; i < groups_[g].parameters.size(); ++i, ++position) {
      const auto& [name, parameter] = groups_[g].parameters[i];
      const std::optional<ParameterState>& state = states.at(g).at(i);
      if (!state || state->steps == 0) continue;
      check_state(*rules.at(g), *state, parameter, quoted(name, position));
      of_parameter.emplace(parameter.unsafeGetTensorImpl(), &*state);
    }
  }

  const std::vector<ParameterSlot>& slots = flat().slots();
  State next;
  next.steps.assign(slots.size(), 0);
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto found = of_parameter.find(slots[i].parameter.unsafeGetTensorImpl());
    if (found == of_parameter.end() || group_of_slot_[i] < 0) continue;
    const ParameterState& state = *found->second;
    next.steps[i] = rules[group_of_slot_[i]]->counts_steps() ? state.steps : 1;
    for (const auto& [name, tensor] : state.tensors) {
      flat_->slice(buffer(next, name, slots[i].buffer), i).copy_(tensor.is_sparse() ? tensor.to_dense() : tensor);
    }
  }
  state_ = std::move(next);
  for (size_t g = 0; g < groups_.size(); ++g) groups_[g].rule = std::move(rules[g]);
}

void Optimizer::zero_grad() {
  for (const ParameterGroup& group : groups_) {
    for (const auto& [name, parameter] : group.parameters) parameter.mutable_grad().reset();
  }
}

const FlatTensors& Optimizer::buffer(State& state, const std::string& name, size_t index) const {
  FlatTensors& found = state.buffers[name];
  found.resize(flat_->values().size());
  if (!found[index].defined()) found[index] = at::zeros_like(flat_->values()[index]);
  return found;
}

void Optimizer::step(const at::Tensor& found_inf) {
  at::NoGradGuard no_grad;
  FlatParameters& parameters = flat();
  parameters.settle();
  const std::vector<size_t> sparse = sparse_slots();
  std::optional<at::Tensor> unless;
  if (found_inf.defined()) {
    unsettled_.push_back(state_.steps);
    if (sparse.empty()) unless = found_inf;
    else if (found_inf.item<float>() == 1) return;
  }
  const auto group_count = static_cast<int64_t>(groups_.size());
  const auto is_updated = [&](size_t slot) {
    return group_of_slot_[slot] >= 0 && parameters.slots()[slot].parameter.grad().defined();
  };
  const auto group_and_steps = [&](size_t slot) -> int64_t {
    if (!is_updated(slot) || parameters.slots()[slot].parameter.grad().is_sparse()) return -1;
    if (rounds_by_place(parameters.slots()[slot].parameter)) return static_cast<int64_t>(slot);
    return state_.steps[slot] * group_count + group_of_slot_[slot];
  };
  for (const Run& run : parameters.runs(group_and_steps)) {
    const UpdateRule& rule = rule_of(run.first_slot);
    std::vector<at::Tensor> state;
    for (const std::string& name : rule.state_names()) {
      state.push_back(stretch(run.of(buffer(state_, name, run.buffer))));
    }
    rule.step(stretch(run.of(parameters.values())), stretch(run.of(parameters.grads())), state,
              state_.steps[run.first_slot], unless);
  }
  for (const size_t slot : sparse) step_sparse(slot);
  ++updates_;
  for (size_t i = 0; i < state_.steps.size(); ++i) {
    if (!is_updated(i)) continue;
    latest_update_[i] = updates_;
    if (rule_of(i).state_names().empty()) continue;
    state_.steps[i] = rule_of(i).counts_steps() ? state_.steps[i] + 1 : 1;
  }
}

void Optimizer::settle(size_t taken) {
  if (taken < unsettled_.size()) state_.steps = std::move(unsettled_[taken]);
  unsettled_.clear();
}

std::vector<int64_t> Optimizer::groups_updated(const FlatParameters& flat, uint64_t before) const {
  std::vector<int64_t> groups(flat.slots().size(), -1);
  if (!flat_ || updates_ == before) return groups;
  // A step that JavaScript calls may have laid out the parameters for itself.
  std::unordered_map<at::TensorImpl*, int64_t> updated;
  for (size_t i = 0; i < latest_update_.size(); ++i) {
    if (latest_update_[i] > before)
      updated.emplace(flat_->slots()[i].parameter.unsafeGetTensorImpl(), group_of_slot_[i]);
  }
  for (size_t i = 0; i < groups.size(); ++i) {
    const auto found = updated.find(flat.slots()[i].parameter.unsafeGetTensorImpl());
    if (found != updated.end()) groups[i] = found->second;
  }
  return groups;
}

std::vector<size_t> Optimizer::sparse_slots() const {
  std::vector<size_t> sparse;
  for (size_t i = 0; i < flat_->slots().size(); ++i) {
    const auto& [name, parameter, buffer, offset, numel] = flat_->slots()[i];
    if (group_of_slot_[i] < 0 || !parameter.grad().is_sparse()) continue;
    if (const std::string refusal = rule_of(i).refuses_sparse(); !refusal.empty()) {
      throw Error("ERR_SPARSE_GRADIENT", "optimizer: step: " + refusal + ", as in PyTorch; got that of " +
                                             (name.empty() ? "a parameter" : quoted(name, i)) + " of shape " +
                                             c10::str(parameter.sizes()) +
                                             ". Make the embedding without `sparse`, or take SGD or Adagrad without "
                                             "weightDecay");
    }
    sparse.push_back(i);
  }
  return sparse;
}

void Optimizer::step_sparse(size_t slot) {
  const UpdateRule& rule = rule_of(slot);
  std::vector<at::Tensor> state;
  for (const std::string& name : rule.state_names()) {
    state.push_back(flat_->slice(buffer(state_, name, flat_->slots()[slot].buffer), slot));
  }
  rule.step_sparse(flat_->slice(flat_->values(), slot), flat_->slots()[slot].parameter.grad(), state,
                   state_.steps[slot]);
}

}  // namespace continual
