#include "binding/functions/bound_operator.h"

#include <unordered_set>

#include "core/compute/work_size.h"
#include "core/error.h"
#include "core/operators/dispatcher.h"

namespace continual::binding {
namespace {

std::string camel_case(const std::string& name) {
  std::string result;
  for (size_t i = 0; i < name.size(); ++i) {
    const bool joins = name[i] == '_' && i > 0 && i + 1 < name.size();
    result += joins ? static_cast<char>(std::toupper(name[++i])) : name[i];
  }
  return result;
}

bool is_list_of_integers(const c10::Argument& argument) {
  const auto list = argument.type()->cast<c10::ListType>();
  return list && !argument.N() &&
         (list->getElementType()->kind() == c10::TypeKind::IntType ||
          list->getElementType()->kind() == c10::TypeKind::SymIntType);
}

/// Conversions have the arguments of a factory, but are none.
bool makes_tensors(const std::string& name) { return name != "aten::to" && name != "aten::_to_copy"; }

BoundOverload bind_overload(const c10::OperatorHandle& handle) {
  BoundOverload bound{.handle = handle, .keywords = {}, .is_tensor = {}};
  const auto& arguments = handle.schema().arguments();
  bool takes_tensors = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    const c10::Argument& argument = arguments[i];
    bound.keywords.push_back(camel_case(argument.name()));
    bound.is_tensor.push_back(argument.type()->kind() == c10::TypeKind::TensorType);
    if (!argument.kwarg_only()) ++bound.positional;
    takes_tensors = takes_tensors || argument.type()->str().find("Tensor") != std::string::npos;
    if (argument.name() == "device" && argument.default_value()) bound.device = i;
    if (argument.name() == "pin_memory") bound.is_factory = makes_tensors(handle.schema().name());
  }
  if (takes_tensors) bound.device = kNone;
  // As Python's parser: where the one argument behind the tensor is a list.
  const size_t first = !bound.is_tensor.empty() && bound.is_tensor[0] ? 1 : 0;
  if (bound.positional == first + 1 && is_list_of_integers(arguments[first])) bound.spread = first;
  const auto& returns = handle.schema().returns();
  bound.returns_self = returns.size() == 1 && first == 1 && returns[0].alias_info() && arguments[0].alias_info() &&
                       returns[0].alias_info()->isWrite() && arguments[0].alias_info()->isWrite();
  return bound;
}

/// What changes a tensor's memory or its place in the graph: a job may be using it.
bool moves_tensors(const std::string& name) {
  static const std::unordered_set<std::string> names{"aten::set_",       "aten::set_data", "aten::resize_",
                                                     "aten::resize_as_", "aten::detach_",  "aten::requires_grad_",
                                                     "aten::_backward"};
  return names.count(name) > 0;
}

/// Python makes a tensor of a number that is multiplied with in place. The overload for numbers rounds it to the
/// tensor's dtype first: in bfloat16 `x.mul_(0.999)` would do nothing.
void multiply_as_python(std::vector<BoundOverload>& overloads) {
  const auto index = [&](const char* name) {
    const auto found = std::find_if(overloads.begin(), overloads.end(), [&](const BoundOverload& overload) {
      return overload.schema().overload_name() == name;
    });
    return static_cast<size_t>(found - overloads.begin());
  };
  const size_t of_number = index("Scalar"), of_tensor = index("Tensor");
  if (std::max(of_number, of_tensor) < overloads.size()) overloads[of_number].of_tensor = of_tensor;
}

}  // namespace

std::unique_ptr<BoundOperator> bind_operator(const std::string& name) {
  auto bound = std::make_unique<BoundOperator>();
  bound->name = name;
  const size_t dot = name.find('.');
  const std::string base = name.substr(0, dot);
  bound->moves_tensors = moves_tensors(base);
  bound->multiplies = multiplies(base);
  bound->check = unchecked_arguments_of(base);
  std::vector<c10::OperatorHandle> handles = overloads_of(base);
  if (dot == std::string::npos) {
    // An out-variant is called by its own name alone: every call that leaves `out` away means another overload.
    std::erase_if(handles, [](const c10::OperatorHandle& handle) { return writes_to_out(handle.schema()); });
  } else {
    std::string overload = name.substr(dot + 1);
    if (overload == "default") overload.clear();
    std::erase_if(handles,
                  [&](const c10::OperatorHandle& handle) { return handle.schema().overload_name() != overload; });
  }
  if (handles.empty()) throw Error("ERR_UNKNOWN_OPERATOR", "operator " + name + " is not in this libtorch");
  for (const c10::OperatorHandle& handle : handles) {
    bound->overloads.push_back(bind_overload(handle));
    bound->overloads.back().moves = bound->moves_tensors || writes_to_out(handle.schema());
  }
  if (name == "aten::mul_") multiply_as_python(bound->overloads);
  return bound;
}

}  // namespace continual::binding
