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

/// Updates its parameters from their gradients. A parameter whose gradient is undefined is left alone, its state too.
/// State (momentum, Adam's moments, step counts) follows the parameter's identity when the flat layout changes.
class Optimizer {
 public:
  Optimizer(std::vector<at::Tensor> parameters, OptimizerOptions options);

  const std::vector<at::Tensor>& parameters() const { return parameters_; }

  /// Follows a model that has changed. `known`: its parameters when this was last called. One that another tensor has
  /// replaced under the same name gives its place to that tensor, whose state is empty; one with a new name is added;
  /// one that is gone stays, or leaves with its state where `remove_params` says so. Takes effect with the next
  /// `attach`.
  void update(const NamedTensors& now, const NamedTensors& known, bool remove_params);

  /// Steps on this layout from now on; `flat` holds at least all parameters of the optimizer.
  void attach(std::shared_ptr<FlatParameters> flat);

  /// Forgets momentum, moments and step counts.
  void reset_state();

  void zero_grad();
  void step();

 private:
  /// Buffers laid out like the flat parameters; created at the first step that needs them.
  struct State {
    at::Tensor momentum;    // SGD's buffer, Adam's exp_avg
    at::Tensor second;      // Adam's exp_avg_sq
    at::Tensor max_second;  // AMSGrad's maximum of it
    std::vector<int64_t> steps;
  };

  FlatParameters& flat();
  at::Tensor& buffer(at::Tensor& tensor);
  void step_run(const SgdOptions& options, const Run& run, int64_t steps_done);
  void step_run(const AdamOptions& options, const Run& run, int64_t steps_done);

  std::vector<at::Tensor> parameters_;
  OptimizerOptions options_;
  std::shared_ptr<FlatParameters> flat_;
  std::vector<bool> owned_;  // slots of `flat_` that are parameters of this optimizer
  State state_;
};

}  // namespace continual
