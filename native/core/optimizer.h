// SGD, Adam and AdamW with PyTorch's defaults and results, each step a few passes over flat memory.
#pragma once

#include <variant>

#include "core/flat_parameters.h"

namespace continual {

/// torch.optim.SGD; defaults are PyTorch's.
struct SgdOptions {
  double lr = 1e-3;
  double momentum = 0;
  double dampening = 0;
  double weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;
};

/// torch.optim.Adam, and torch.optim.AdamW where `decoupled_weight_decay` is set; defaults are Adam's.
struct AdamOptions {
  double lr = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  bool amsgrad = false;
  bool maximize = false;
  bool decoupled_weight_decay = false;
};

using OptimizerOptions = std::variant<SgdOptions, AdamOptions>;

/// Parameters that are updated with the same options.
struct ParameterGroup {
  std::vector<at::Tensor> parameters;
  OptimizerOptions options;
};

/// What an optimizer remembers of one parameter, in the parameter's shape; undefined where its kind has no such thing.
struct ParameterState {
  int64_t steps = 0;      // updates that it has seen
  at::Tensor momentum;    // SGD's buffer, Adam's exp_avg
  at::Tensor second;      // Adam's exp_avg_sq
  at::Tensor max_second;  // AMSGrad's maximum of it
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

  /// From the next step on. `options` are of the kind that the group has.
  void set_options(size_t group, OptimizerOptions options) { groups_.at(group).options = std::move(options); }

  /// Follows a model that has changed. `known`: its parameters when this was last called. One that another tensor has
  /// replaced under the same name gives its place to that tensor, whose state is empty; one with a new name is added,
  /// to the group of its neighbours in the tree of names; one that is gone stays, or leaves with its state where
  /// `remove_params` says so. Takes effect with the next `attach`.
  /// Throws ERR_PARAMETER_GROUP where several groups could take a parameter, and has then changed nothing.
  void update(const NamedTensors& now, const NamedTensors& known, bool remove_params);

  /// Steps on this layout from now on; `flat` holds at least all parameters of the optimizer.
  void attach(std::shared_ptr<FlatParameters> flat);

  /// Copies of what is remembered of a parameter; nothing where it has seen no update.
  std::optional<ParameterState> state(const at::Tensor& parameter) const;

  /// Forgets momentum, moments and step counts.
  void reset_state();

  void zero_grad();
  void step();

 private:
  /// Buffers laid out like the flat parameters; created at the first step that needs them.
  struct State {
    at::Tensor momentum;
    at::Tensor second;
    at::Tensor max_second;
    std::vector<int64_t> steps;  // of each slot: updates that its state has seen
  };

  FlatParameters& flat();
  void find_groups();
  void forget(const at::Tensor& parameter);
  at::Tensor& buffer(at::Tensor& tensor);
  void step_run(const SgdOptions& options, const Run& run, int64_t steps_done);
  void step_run(const AdamOptions& options, const Run& run, int64_t steps_done);

  std::vector<ParameterGroup> groups_;
  std::shared_ptr<FlatParameters> flat_;
  std::vector<int64_t> group_of_slot_;  // of `flat_`; -1 where the parameter is not this optimizer's
  bool is_laid_out_ = false;            // `flat_` holds all parameters
  State state_;
};

}  // namespace continual
