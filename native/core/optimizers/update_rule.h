// What the kinds of optimizers differ in.
#pragma once

#include "core/error.h"
#include "core/torch.h"

namespace continual {

/// What an optimizer of one kind, with the options of one parameter group, does to a stretch of flat memory.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  /// What is remembered of each element, under PyTorch's names and in its order.
  virtual std::vector<std::string> state_names() const = 0;

  /// Whether the state knows how many updates it has seen, or only whether it has seen one.
  virtual bool counts_steps() const { return true; }

  /// One update. All tensors are 1-d slices of equal length; `state` stands in the order of `state_names` and is zero
  /// where `steps_done`, the number of updates that it has seen, is 0.
  virtual void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                    int64_t steps_done) const = 0;

  /// Why this rule takes no sparse gradient; empty where it does.
  virtual std::string refuses_sparse() const = 0;

  /// `step` for a sparse gradient, where the rule takes one. All tensors are in the parameter's shape.
  virtual void step_sparse(const at::Tensor& /*values*/, const at::Tensor& /*grad*/,
                           const std::vector<at::Tensor>& /*state*/, int64_t /*steps_done*/) const {
    throw Error("ERR_SPARSE_GRADIENT", "step: " + refuses_sparse());
  }

  virtual double lr() const = 0;

  /// The second derivative of a parabola from which on these updates run away from its bottom instead of approaching
  /// it; nothing where the rule scales its gradients.
  virtual std::optional<double> largest_stable_curvature() const { return std::nullopt; }
};

}  // namespace continual
