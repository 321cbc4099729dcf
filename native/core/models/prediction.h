// A model as it predicts: in eval mode, on any thread, whatever becomes of the model meanwhile.
#pragma once

#include "core/data/inputs.h"
#include "core/models/model.h"

namespace continual {

/// Holds objects of its own, in eval mode, over the memory in which the model's tensors lie now. Who puts other memory
/// in their place, or other modules in that of its modules, leaves this one as it is.
class Prediction {
 public:
  /// Throws ERR_INVALID_ARG_VALUE where the model has no method `forward`.
  explicit Prediction(Model& model);

  /// What `forward` gives for these samples; task labels may be undefined. Nothing is recorded for backward.
  c10::IValue operator()(const Inputs& inputs, const at::Tensor& task_labels) const;

 private:
  torch::jit::Module module_;
  std::shared_ptr<const InlinedForward> forward_;
  std::optional<at::Device> device_;  // of the parameters; nothing where there are none
};

/// Outputs of several mini-batches as one: tensors [B, ...] behind each other, tuples, lists and dicts item by item,
/// what is the same in all of them once. `sizes` are the numbers of samples. Throws ERR_MODEL_OUTPUT for anything else.
c10::IValue joined(const std::vector<c10::IValue>& outputs, const std::vector<int64_t>& sizes);

}  // namespace continual
