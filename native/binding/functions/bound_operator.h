// An operator as a JavaScript function calls it: what is looked up in its schemas once for all calls.
#pragma once

#include <memory>

#include "core/operators/unchecked_arguments.h"
#include "core/torch.h"

namespace continual::binding {

inline constexpr size_t kNone = SIZE_MAX;

/// One overload of an operator.
struct BoundOverload {
  c10::OperatorHandle handle;
  std::vector<std::string> keywords;  // the arguments' names in camelCase
  std::vector<bool> is_tensor;        // of each argument
  size_t positional = 0;              // how many arguments may be given by position
  size_t spread = kNone;              // a list of integers that may be given element by element: x.view(2, 3)
  size_t device = kNone;              // of an operator that makes tensors of nothing
  bool returns_self = false;          // x.add_(y)
  bool is_factory = false;            // takes requiresGrad too, as PyTorch's functions do
  bool moves = false;                 // may give a tensor other memory
  size_t of_tensor = kNone;           // the overload that is called with the number, the last argument, as a tensor

  const c10::FunctionSchema& schema() const { return handle.schema(); }
};

/// An operator, or one overload of it, as a JavaScript function calls it.
struct BoundOperator {
  std::string name;
  std::vector<BoundOverload> overloads;  // in the order in which they are tried
  bool moves_tensors = false;            // changes what a tensor is, not only its elements
  ArgumentCheck check = nullptr;         // of what libtorch does not look at
  bool multiplies = false;               // does much more than pass over its elements
};

/// `name` is "aten::add" or "aten::add.Tensor". Throws ERR_UNKNOWN_OPERATOR.
std::unique_ptr<BoundOperator> bind_operator(const std::string& name);

}  // namespace continual::binding
