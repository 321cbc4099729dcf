#include "core/compute/work_size.h"

#include <unordered_set>

namespace continual {

bool is_large_forward(c10::ArrayRef<c10::IValue> inputs) {
  constexpr int64_t kLeast = 4096;
  int64_t elements = 0;
  for (const c10::IValue& input : inputs) {
    if (input.isTensor() && input.toTensor().defined()) elements += input.toTensor().numel();
  }
  return elements >= kLeast;
}

bool multiplies(const std::string& name) {
  static const std::unordered_set<std::string> names{"addbmm",
                                                     "addmm",
                                                     "baddbmm",
                                                     "bmm",
                                                     "cdist",
                                                     "conv1d",
                                                     "conv2d",
                                                     "conv3d",
                                                     "conv_transpose1d",
                                                     "conv_transpose2d",
                                                     "conv_transpose3d",
                                                     "convolution",
                                                     "einsum",
                                                     "gru",
                                                     "linear",
                                                     "lstm",
                                                     "matmul",
                                                     "mm",
                                                     "rnn_relu",
                                                     "rnn_tanh",
                                                     "tensordot",
                                                     "scaled_dot_product_attention"};
  const std::string plain = name.substr(name.rfind(':') + 1);
  return names.count(plain) > 0 || plain.rfind("linalg_", 0) == 0;
}

bool is_large_call(bool multiplies, const std::vector<bool>& is_tensor, const torch::jit::Stack& arguments) {
  int64_t elements = 0;
  const at::Tensor* left = nullptr;
  const at::Tensor* right = nullptr;
  const auto look_at = [&](const c10::IValue& value) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) return;
    elements += tensor.numel();
    if (left == nullptr) left = &tensor;
    else if (right == nullptr) right = &tensor;
  };
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (is_tensor[i]) {
      look_at(arguments[i]);
    } else if (arguments[i].isTensorList()) {
      for (const c10::IValue& item : arguments[i].toListRef()) look_at(item);
    }
  }
  if (is_large_pass(elements)) return true;
  return multiplies && left != nullptr && is_large_product(*left, right == nullptr ? *left : *right);
}

}  // namespace continual
