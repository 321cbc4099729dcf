// Copies of what modules are made of.
#pragma once

#include <functional>
#include <unordered_map>

#include "core/torch.h"

namespace continual {

/// Objects, lists, dicts, tuples and tensors that values hold, each copied once, so that what is shared stays shared.
/// The copies are of the same classes; other values are taken as they are. (`IValue::deepcopy` would take tensors that
/// share a storage for the same tensor.)
class ObjectCopies {
 public:
  using CopyTensor = std::function<at::Tensor(const at::Tensor&)>;
  /// `copy_tensor` is called once for each tensor.
  explicit ObjectCopies(CopyTensor copy_tensor) : copy_tensor_(std::move(copy_tensor)) {}

  c10::IValue of(const c10::IValue& value);
  at::Tensor of(const at::Tensor& tensor);
  torch::jit::Module of(const torch::jit::Module& module) { return {of(c10::IValue(module._ivalue())).toObject()}; }

  struct Object {
    torch::jit::ObjectPtr original;
    torch::jit::ObjectPtr copy;
  };
  /// In the order in which they were met.
  const std::vector<Object>& objects() const { return objects_; }
  /// This is the copy of that.
  void add(const Object& known);

 private:
  c10::IValue of_object(const c10::IValue& value);
  c10::IValue of_list(const c10::IValue& value);
  c10::IValue of_others(const c10::IValue& value);

  CopyTensor copy_tensor_;
  std::vector<Object> objects_;
  c10::IValue::HashIdentityIValueMap copies_;
  std::unordered_map<at::TensorImpl*, at::Tensor> tensors_;
};

/// Puts a module, without those in it, in eval mode.
void set_eval(const torch::jit::ObjectPtr& object);

}  // namespace continual
