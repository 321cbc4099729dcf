// Updates parameters from their gradients with PyTorch's results, each step a few passes over flat memory.
#pragma once

#include <map>

#include "core/flat_parameters.h"
#include "core/optimizers/update_rule.h"

namespace continual {

/// Parameters that are updated with the same options.
struct ParameterGroup {
  NamedTensors parameters;  // "" where nobody has given a name
  std::shared_ptr<const UpdateRule> rule;
};

/// What an optimizer remembers of one parameter.
struct ParameterState {
  int64_t steps = 0;     // updates that it has seen; for rules that do not count them 1 from the first on
  NamedTensors tensors;  // by the rule's names, in the parameter's shape
};

/// Updates its parameters from their gradients. A parameter whose gradient is undefined is left alone, its state too.
/// State (momentum, Adam's moments, step counts) follows the parameter's identity when the flat layout changes.
class Optimizer {
 public:
  /// All groups have options of the same kind; no parameter stands twice.
  explicit Optimizer(std::vector<ParameterGroup> groups);

  const std::vector<ParameterGroup>& groups() const { return groups_; }
  /// Of all groups, one after the other.
  std::vector<at::Tensor> parameters() const;

  /// From the next step on. The rule is of the kind that the optimizer has.
  void set_rule(size_t group, std::shared_ptr<const UpdateRule> rule) { groups_.at(group).rule = std::move(rule); }

  /// Its parameters are in no other group.
  void add_group(ParameterGroup group);

  /// Puts these parameters in place of a group's; they are in no other group. One without a name keeps that which it
  /// has here. State follows a parameter from group to group.
  void set_parameters(size_t group, NamedTensors parameters);

  /// Follows a model that has changed. `known`: its parameters when this was last called. All get the names that they
  /// have in the model. One that another tensor has replaced under the same name gives its place to that tensor, whose
  /// state is empty; one with a new name is added, to the group of its neighbours in the tree of names; one that is
  /// gone stays, or leaves with its state where `remove_params` says so. Takes effect with the next `attach`.
  /// Throws ERR_PARAMETER_GROUP where several groups could take a parameter, and has then changed nothing.
  void update(const NamedTensors& now, const NamedTensors& known, bool remove_params);

  /// Steps on this layout from now on; `flat` holds at least all parameters of the optimizer.
  void attach(std::shared_ptr<FlatParameters> flat);
  /// Whether the next step is on this layout.
  bool is_on(const FlatParameters& flat) const { return flat_.get() == &flat && is_laid_out_; }

  /// What updates a parameter; null where nothing does.
  const UpdateRule* rule_for(const at::Tensor& parameter) const;

  /// What is remembered of a parameter, which the next update changes; nothing where it has seen no update.
  std::optional<ParameterState> state(const at::Tensor& parameter) const;

  /// Puts these rules and copies of these states in place of its own; they stand as the groups and the parameters in
  /// them do. A parameter without a state, or with one that has seen no update, begins anew. Throws ERR_STATE_DICT
  /// where a state lacks a tensor, or has one that the rule does not know or of another shape, and has then changed
  /// nothing.
  void load(std::vector<std::shared_ptr<const UpdateRule>> rules,
            const std::vector<std::vector<std::optional<ParameterState>>>& states);

  /// Forgets momentum, moments and step counts.
  void reset_state();

  void zero_grad();
  /// Throws ERR_SPARSE_GRADIENT where a gradient is sparse and its rule takes none, and has then changed nothing.
  ///
  /// With `found_inf`, float32 [1], as fused optimizers take it, the step changes nothing where that is 1, and nobody
  /// has to read it; where a gradient is sparse it is read, as the device is waited for to count elements anyway.
  /// `settle` says later which of these steps have taken place.
  void step(const at::Tensor& found_inf = {});
  /// Of the steps with `found_inf` since the last `settle` only the first `taken` count.
  void settle(size_t taken);

  /// How many times `step` has been called to its end.
  uint64_t updates() const { return updates_; }
  /// For each slot of a layout the group by which a step has updated it since `updates()` was `before`; -1: none has.
  std::vector<int64_t> groups_updated(const FlatParameters& flat, uint64_t before) const;

 private:
  /// Tensors laid out like the flat parameters, by the rules' names; each is made at the first step that needs it.
  struct State {
    std::map<std::string, FlatTensors> buffers;
    std::vector<int64_t> steps;  // of each slot: updates that its state has seen
  };

  FlatParameters& flat();
  void find_groups();
  /// The slots whose gradients are sparse.
  std::vector<size_t> sparse_slots() const;
  void step_sparse(size_t slot);
  void forget(const at::Tensor& parameter);
  /// Of `state`, by name, with that of one of the flat parameters' buffers made.
  const FlatTensors& buffer(State& state, const std::string& name, size_t index) const;
  const UpdateRule& rule_of(size_t slot) const { return *groups_[group_of_slot_[slot]].rule; }

  std::vector<ParameterGroup> groups_;
  std::shared_ptr<FlatParameters> flat_;
  std::vector<int64_t> group_of_slot_;  // of `flat_`; -1 where the parameter is not this optimizer's
  bool is_laid_out_ = false;            // `flat_` holds all parameters
  State state_;
  std::vector<std::vector<int64_t>> unsettled_;  // `state_.steps` before each step with `found_inf`
  uint64_t updates_ = 0;
  std::vector<uint64_t> latest_update_;  // of each slot, by its number from 1; 0: none on this layout
};

}  // namespace continual
