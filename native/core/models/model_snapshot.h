// A copy of a model that is brought up to date in place.
#pragma once

#include "core/models/object_copies.h"

namespace continual {

/// Copies of modules and of tensors beside them, in eval mode, of which nothing is recorded for backward. The tensors
/// of each dtype and device lie in one buffer, of which there are two sets: `fill` copies into the one that is hidden,
/// and `show` puts it in the place of the other, for all tensors at once. Who works with what was shown before (a
/// `Prediction`, a view, a file being written) keeps it: where somebody still does, a refresh takes new memory.
class ModelSnapshot {
 public:
  ModelSnapshot(const std::vector<torch::jit::Module>& modules, const std::vector<at::Tensor>& tensors);

  /// In the order of what was given. They hold no values before the first `show`.
  const std::vector<torch::jit::Module>& modules() const { return modules_; }
  const std::vector<at::Tensor>& tensors() const { return tensors_; }

  /// Whether `modules` and `tensors` are those that it was made of, with the parts, shapes, dtypes and devices that
  /// they had then, and nobody has changed its own tensors.
  bool fits(const std::vector<torch::jit::Module>& modules, const std::vector<at::Tensor>& tensors) const;

  /// One pass over flat memory. On any thread, while nobody changes the model.
  void fill();
  /// On the thread that its tensors and modules are used on, while the model is as it was for `fill`.
  void show();

 private:
  struct Slot {
    at::Tensor original;
    at::Tensor copy;
    at::TensorOptions options;
    std::vector<int64_t> sizes;
    size_t buffer = 0;
    int64_t offset = 0;
    bool is_flat = true;  // else it is copied apart: sparse and quantized tensors
  };
  /// Memory for all flat slots.
  struct Set {
    std::vector<at::Tensor> buffers;
    std::vector<at::Tensor> views;  // one for each slot; of one that is not flat a copy
  };

  at::Tensor add(const at::Tensor& original);
  void lay_out(const std::vector<at::Tensor>& first);
  Set new_set() const;
  bool is_held_by_others(const Set& set) const;

  std::vector<Slot> slots_;
  std::vector<ObjectCopies::Object> objects_;
  std::vector<size_t> attributes_;  // how many each object had
  std::vector<torch::jit::Module> modules_;
  std::vector<at::Tensor> tensors_;
  std::vector<int64_t> totals_;
  std::vector<at::TensorOptions> buffer_options_;
  Set shown_;
  Set hidden_;
};

}  // namespace continual
