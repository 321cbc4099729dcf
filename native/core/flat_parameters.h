// One contiguous buffer of parameters, one of gradients, and the table from names to slices of them.
#pragma once

#include "core/torch.h"

namespace continual {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// A parameter's place: elements [offset, offset + numel) of both flat buffers.
struct ParameterSlot {
  std::string name;      // "" for a tensor that the optimizer owns but the model does not name
  at::Tensor parameter;  // leaf; its storage is a slice of `values()`
  int64_t offset = 0;
  int64_t numel = 0;
};

/// Neighbouring slots that are treated alike: one pass over [offset, offset + numel).
struct Run {
  size_t first_slot = 0;
  int64_t offset = 0;
  int64_t numel = 0;
};

/// Lays parameters into one buffer (keeping the tensors' identity) and their gradients into another.
///
/// Invariants: slots lie in the order given, without gaps; all have one dtype and one device. A gradient is either
/// undefined (no backward has reached the parameter since `zero_grad`, exactly as in PyTorch) or a view of `grads()`:
/// a hook on each parameter installs the zeroed view just before autograd accumulates into it. `settle` repairs
/// what someone outside moved (a parameter's storage, a gradient of their own).
class FlatParameters : public std::enable_shared_from_this<FlatParameters> {
 public:
  static std::shared_ptr<FlatParameters> create(const std::vector<std::pair<std::string, at::Tensor>>& named);
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  const std::vector<ParameterSlot>& slots() const { return slots_; }
  const at::Tensor& values() const { return values_; }
  const at::Tensor& grads() const { return grads_; }

  /// True where the same tensors stand under the same names in the same order with the same size.
  bool holds(const std::vector<std::pair<std::string, at::Tensor>>& named) const;

  /// Moves parameters and gradients back into the buffers where somebody replaced their storage.
  void settle();

  /// Makes `buffer` the memory of gradients and returns the one before. No gradient may be defined.
  at::Tensor exchange_grads(at::Tensor buffer);

  /// The slice of `buffer` (laid out like `values()`) that belongs to a slot, in the parameter's shape.
  at::Tensor slice(const at::Tensor& buffer, size_t slot) const;

  /// Makes the gradient of a slot a view of `grads()`, without touching its elements.
  void install_grad(size_t slot);

  /// Joins neighbouring slots for which `key` gives the same value; slots with a negative key are left out.
  std::vector<Run> runs(const std::function<int64_t(size_t slot)>& key) const;

 private:
  explicit FlatParameters(const std::vector<std::pair<std::string, at::Tensor>>& named);
  void watch(size_t slot);

  std::vector<ParameterSlot> slots_;
  std::vector<bool> watched_;
  at::Tensor values_;
  at::Tensor grads_;
};

}  // namespace continual
