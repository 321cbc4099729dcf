// A forward that is one operator, called without the interpreter.
#pragma once

#include <optional>

#include "core/torch.h"

namespace continual {

/// `forward(input)` where TorchScript does nothing but call one operator with the input, attributes of the module and
/// constants, as in most layers. Results are the interpreter's: it would make the same call; what is saved is setting it
/// up, several times what a small operator costs.
class SingleOperator {
 public:
  /// Nothing where `forward` is anything else.
  static std::optional<SingleOperator> of(const torch::jit::Module& module);

  c10::IValue operator()(const at::Tensor& input);

  /// Whether that is worth a team of threads.
  bool is_large(const at::Tensor& input) const;

 private:
  /// What the operator gets: a constant, an attribute by its slot, or the input of `forward`.
  struct Source {
    enum class Kind { kInput, kAttribute, kConstant } kind;
    size_t slot = 0;
    c10::IValue constant = {};
  };
  static std::optional<Source> source_of(const torch::jit::Value* value, const torch::jit::Graph& graph,
                                         const torch::jit::Module& module);

  c10::intrusive_ptr<c10::ivalue::Object> object_;
  torch::jit::Operation operation_{nullptr};
  std::vector<Source> sources_;
};

}  // namespace continual
