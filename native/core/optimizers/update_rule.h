// What the kinds of optimizers differ in.
#pragma once

#include <ATen/ScalarOps.h>

#include "core/error.h"
#include "core/torch.h"

namespace continual {

/// As a stretch of real numbers: rules take the two parts of a complex number as numbers of their own, as PyTorch's do.
inline at::Tensor stretch(const at::Tensor& tensor) {
  if (tensor.is_complex()) return at::view_as_real(tensor).view(-1);
  return tensor.dim() == 1 ? tensor : tensor.view(-1);
}

/// Multiplies in place as `tensor.mul_(factor)` of Python does, whose number is a tensor of its own to libtorch: the
/// `mul_` that takes a number first rounds that to the dtype.
inline const at::Tensor& scale(const at::Tensor& tensor, double factor) {
  return tensor.mul_(at::native::wrapped_scalar_tensor(factor));
}

/// Whether an update must be made of libtorch's operators, a parameter at a time, to give PyTorch's results: in half
/// precision on the CPU. Operators round after each of them, and otherwise at the end of a tensor than in its vectors;
/// the fused kernels do not, and that of SGD leaves all but the last elements as they are (2.12, 2.13).
inline bool rounds_by_place(const at::Tensor& values) {
  return values.is_cpu() && at::isReducedFloatingType(c10::toRealValueType(values.scalar_type()));
}

/// Runs `update`, for rules without a fused kernel, and puts values and state back as they were where `found_inf` is 1.
template <typename Update>
void unless_found(const std::optional<at::Tensor>& found_inf, const at::Tensor& values,
                  const std::vector<at::Tensor>& state, const Update& update) {
  if (!found_inf) return update();
  std::vector<at::Tensor> changed = state;
  changed.push_back(values);
  std::vector<at::Tensor> before;
  for (const at::Tensor& tensor : changed) before.push_back(tensor.clone());
  update();
  const at::Tensor is_found = found_inf->to(at::kBool);
  for (size_t i = 0; i < changed.size(); ++i) at::where_out(changed[i], is_found, before[i], changed[i]);
}

/// What an optimizer of one kind, with the options of one parameter group, does to a stretch of flat memory.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;

  /// What is remembered of each element, under PyTorch's names and in its order.
  virtual std::vector<std::string> state_names() const = 0;

  /// Whether the state knows how many updates it has seen, or only whether it has seen one.
  virtual bool counts_steps() const { return true; }

  /// One update. All tensors are real 1-d slices of equal length; `state` stands in the order of `state_names` and is
  /// zero where `steps_done`, the number of updates that it has seen, is 0. Where `found_inf`, float32 [1], is there
  /// and 1 nothing changes, and the host reads nothing for it.
  virtual void step(const at::Tensor& values, const at::Tensor& grads, const std::vector<at::Tensor>& state,
                    int64_t steps_done, const std::optional<at::Tensor>& found_inf = {}) const = 0;

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
