// What a model is called with for a mini-batch, beside the task labels.
#pragma once

#include <c10/util/SmallVector.h>

#include "core/torch.h"

namespace continual {

/// One tensor; or several, in the order of forward's inputs or by their names. One takes no memory beside its own.
struct Inputs {
  enum class Form { kOne, kInOrder, kByName };

  Inputs() = default;
  Inputs(at::Tensor tensor) : tensors{std::move(tensor)} {}

  bool defined() const { return !tensors.empty(); }
  /// Number of samples.
  int64_t size() const { return tensors.front().size(0); }

  /// The same with each tensor changed.
  template <typename Change>
  Inputs map(const Change& change) const {
    Inputs result;
    result.form = form;
    result.names = names;
    for (const at::Tensor& tensor : tensors) result.tensors.push_back(change(tensor));
    return result;
  }

  Form form = Form::kOne;
  c10::SmallVector<at::Tensor, 1> tensors;
  std::shared_ptr<const std::vector<std::string>> names;  // of kByName: one for each tensor
};

/// For messages: dtype and shape, of each input.
std::string describe(const at::Tensor& tensor);
std::string describe(const Inputs& inputs);

}  // namespace continual
