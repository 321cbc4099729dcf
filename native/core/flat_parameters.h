// One contiguous buffer of parameters for each dtype, one of gradients, and the table from names to slices of them.
#pragma once

#include "core/torch.h"

namespace continual {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// 1-d tensors laid out like flat parameters: one for each of their buffers.
using FlatTensors = std::vector<at::Tensor>;

/// A parameter's place: elements [offset, offset + numel) of a buffer of values and of its gradients.
struct ParameterSlot {
  std::string name;      // "" for a tensor that the optimizer owns but the model does not name
  at::Tensor parameter;  // leaf; its storage is a slice of `values()`
  size_t buffer = 0;
  int64_t offset = 0;
  int64_t numel = 0;
};

/// Neighbouring slots of one buffer that are treated alike: one pass over [offset, offset + numel).
struct Run {
  size_t first_slot = 0;
  size_t buffer = 0;
  int64_t offset = 0;
  int64_t numel = 0;

  /// Its stretch of such tensors.
  at::Tensor of(const FlatTensors& tensors) const {
    const at::Tensor& whole = tensors[buffer];
    return numel == whole.numel() ? whole : whole.narrow(0, offset, numel);
  }
};

/// Whether parameters of this dtype can be trained: real or complex numbers that libtorch calculates with.
bool is_trainable(at::ScalarType type);

/// Lays the parameters of each dtype into one buffer (keeping the tensors' identity) and their gradients into another.
///
/// Invariants: buffers stand in the order in which their dtypes come first; slots lie in them in the order given,
/// without gaps; all are on one device. A gradient is undefined (no backward has reached the parameter since
/// `zero_grad`, exactly as in PyTorch), or a sparse tensor of its own, or a view of `grads()` once `settle` has been
/// called: it moves what autograd, or somebody outside, has put elsewhere (a gradient of its own, a parameter's
/// storage). While no gradient is defined the memory of `grads()` holds nothing that counts.
class FlatParameters : public std::enable_shared_from_this<FlatParameters> {
 public:
  static std::shared_ptr<FlatParameters> create(const std::vector<std::pair<std::string, at::Tensor>>& named);
  FlatParameters(const FlatParameters&) = delete;
  FlatParameters& operator=(const FlatParameters&) = delete;

  const std::vector<ParameterSlot>& slots() const { return slots_; }
  const FlatTensors& values() const { return values_; }
  const FlatTensors& grads() const { return grads_; }

  /// True where the same tensors stand under the same names in the same order with the same size.
  bool holds(const std::vector<std::pair<std::string, at::Tensor>>& named) const;

  /// What somebody has made of a parameter that its place cannot follow (another size, dtype or device), in words;
  /// nothing where all still fit.
  std::optional<std::string> misfit() const;

  /// Moves parameters and dense gradients back into the buffers where somebody replaced their storage. Throws
  /// ERR_CALL_ORDER where a parameter no longer fits its place, which `misfit` tells before.
  void settle();

  /// Makes a gradient that lies elsewhere, or is sparse, a view of `grads()` with the same values.
  void settle_grad(size_t slot);

  /// Gradients that a backward pass brings go to `receive(slot, gradient)` while one of these lives, each once a pass and
  /// summed up over all uses of the parameter; where it returns false autograd accumulates as ever.
  using Receive = std::function<bool(size_t slot, const at::Tensor& gradient)>;
  class Receiving {
   public:
    Receiving(FlatParameters& flat, Receive receive) : flat_(flat) { flat_.receive_ = std::move(receive); }
    ~Receiving() { flat_.receive_ = nullptr; }
    Receiving(const Receiving&) = delete;
    Receiving& operator=(const Receiving&) = delete;

   private:
    FlatParameters& flat_;
  };

  /// Makes a copy of it in `grads()` the gradient of a slot that has none: one pass, where autograd would fill with
  /// zeros and add. False, having done nothing, where there is one, where this one is sparse, or where autograd
  /// records.
  bool write_grad(size_t slot, const at::Tensor& gradient);

  /// Before writing to `grads()` while no gradient is defined: a number that is the current one (`claim() == ...`) until
  /// somebody else writes there.
  uint64_t claim_grads() { return ++claim_; }
  uint64_t claim() const { return claim_; }

  /// The slice of `tensors` that belongs to a slot, in the parameter's shape.
  at::Tensor slice(const FlatTensors& tensors, size_t slot) const;

  /// Makes the gradient of a slot a view of `grads()`, without touching its elements.
  void install_grad(size_t slot);

  /// Joins neighbouring slots of a buffer for which `key` gives the same value; slots with a negative key are left out.
  std::vector<Run> runs(const std::function<int64_t(size_t slot)>& key) const;

 private:
  explicit FlatParameters(const std::vector<std::pair<std::string, at::Tensor>>& named);
  bool fits(const at::Tensor& tensor, size_t slot) const;
  void watch(size_t slot);
  /// Made anew where whoever had it as a gradient has reshaped it in place.
  const at::Tensor& grad_view(size_t slot);
  class Hook;

  std::vector<ParameterSlot> slots_;
  std::vector<at::Tensor> grad_views_;  // of `grads_`, in the parameters' shapes
  std::vector<bool> watched_;
  Receive receive_;
  uint64_t claim_ = 0;
  FlatTensors values_;
  FlatTensors grads_;
};

}  // namespace continual
